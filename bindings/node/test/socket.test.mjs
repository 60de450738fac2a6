// `connect` as a stream: backpressure, ends, errors, events, and what it leaves behind.
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import * as net from 'node:net';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import * as sch from 'sch';
import { Client, encode } from './support/client.mjs';
import { run } from './support/run.mjs';
import { Sim } from './support/sim.mjs';

const HELLO = '%1\r\n$5\r\nproto\r\n:3\r\n';

/** A server that answers HELLO and the opt-in, and then does what `serve` says with the socket. */
async function server(serve) {
  const sockets = new Set();
  const listening = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let seen = '';
    const greet = (chunk) => {
      seen += chunk;
      if (!seen.includes('HELLO')) return;
      socket.off('data', greet);
      socket.write(HELLO);
      serve?.(socket);
    };
    socket.on('data', greet);
  });
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const stop = () => {
    sockets.forEach((socket) => socket.destroy());
    listening.close();
  };
  return { port: listening.address().port, sockets, stop };
}

const local = (port, more) => sch.connect({ host: '127.0.0.1', port, mode: 'disabled', ...more });

async function withSim(options, work) {
  const sim = await Sim.start(options);
  try {
    await work(sim);
  } finally {
    await sim.stop();
  }
}

async function client(options) {
  const stream = sch.connect(options);
  const out = new Client(stream);
  await out.send('HELLO', '3');
  await until(() => stream.isActive);
  return out;
}

async function until(condition) {
  for (const end = Date.now() + 10_000; !condition(); ) {
    assert.ok(Date.now() < end, `waited too long for ${condition}`);
    await wait(5);
  }
}

test('ESM and CJS are the same classes', () => {
  const required = createRequire(import.meta.url)('sch');
  for (const name of ['connect', 'SchSocket', 'Connection', 'SchError', 'Todo', 'version', 'now']) {
    assert.ok(sch[name]);
    assert.equal(required[name], sch[name]);
  }
});

test('a reader that does not read stops the server', async () => {
  const SIZE = 64 * 1024 * 1024;
  let socket;
  const at = await server((s) => {
    socket = s;
    socket.on('data', () => {});
    socket.write(`$${SIZE}\r\n`);
    socket.write(Buffer.alloc(SIZE, 'x'));
    socket.write('\r\n');
  });
  const stream = local(at.port);
  stream.write(encode(['HELLO', 3]));
  stream.write(encode(['GET', 'k']));
  await once(stream, 'readable');
  await until(() => socket && stream.readableLength > 0);
  let before = -1;
  for (let i = 0; i < 20; i++) {
    before = stream.readableLength;
    await wait(10);
  }
  assert.equal(stream.readableLength, before);
  assert.ok(stream.readableLength <= 4 * 65536, `${stream.readableLength} bytes are buffered`);
  assert.ok(socket.writableLength > 0, 'the server has more');
  let got = 0;
  for await (const chunk of stream) {
    got += chunk.length;
    if (got === HELLO.length + `$${SIZE}\r\n`.length + SIZE + 2) break;
  }
  assert.ok(stream.destroyed);
  at.stop();
});

test('a server that does not read stops the writer, and gets all in order', async () => {
  let socket;
  const at = await server((s) => {
    socket = s;
    socket.pause();
  });
  const stream = local(at.port);
  stream.on('data', () => {});
  stream.write(encode(['HELLO', 3]));
  await until(() => socket);
  const value = 'v'.repeat(16_384);
  let written = 0;
  let drains = 0;
  stream.on('drain', () => drains++);
  const deadline = Date.now() + 10_000;
  for (let quiet = 0; quiet < 20; ) {
    assert.ok(Date.now() < deadline);
    if (stream.writableNeedDrain) {
      quiet++;
      await wait(10);
    } else {
      quiet = 0;
      stream.write(encode(['SET', written++, value]));
      if (written % 50 === 0) await wait(0);
    }
  }
  assert.ok(stream.writableLength <= stream.writableHighWaterMark + 2 * value.length);
  const before = drains;
  let got = '';
  let next = 0;
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1');
    for (let m; (m = /^\*3\r\n\$3\r\nSET\r\n\$\d+\r\n(\d+)\r\n\$16384\r\nv{16384}\r\n/.exec(got)); got = got.slice(m[0].length)) {
      assert.equal(Number(m[1]), next++);
    }
  });
  socket.resume();
  await until(() => next === written);
  assert.ok(drains > before);
  stream.destroy();
  at.stop();
});

test('no server, a server that says nothing, a wrong certificate: one error', async () => {
  const at = await server();
  at.stop();
  const refused = local(at.port);
  const [error] = await once(refused, 'error');
  assert.equal(error.code, 'ECONNREFUSED');
  assert.ok(refused.destroyed);

  // TLS to a server that never answers.
  const mute = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const late = sch.connect({ host: '127.0.0.1', port: mute.address().port, tls: true, connectTimeoutMs: 50 });
  const [timeout] = await once(late, 'error');
  assert.equal(timeout.code, 'SCH_ERR_NOT_CONNECTED');
  mute.close();

  await withSim({ tls: true }, async (sim) => {
    const wrong = sch.connect({ ...sim.options('a'), tlsServerName: 'other.test' });
    const [why] = await once(wrong, 'error');
    assert.equal(why.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
    const unknown = sch.connect({ ...sim.options('a'), tls: true });
    const [self] = await once(unknown, 'error');
    assert.match(self.code, /CERT|ISSUER/);
  });
});

test('options that are wrong throw where they are given', () => {
  for (const options of [null, {}, { host: 5, port: 1 }, { host: 'a', port: 'b' }, { host: 'a', port: 1, prot: 2 }, { host: 'a', port: 1, level: 'tapped' }, { host: 'a', port: 1, mode: 'on' }, { host: 'a', port: 1, cluster: {} }, { host: 'a', port: 1, pool: {} }]) {
    assert.throws(() => sch.connect(options), (e) => e instanceof TypeError && e.code === 'SCH_ERR_ARGUMENT');
  }
});

test('destroyed at any time: while it connects, twice, with writes that wait', async () => {
  const at = await server();
  const early = local(at.port);
  early.destroy();
  early.destroy();
  await once(early, 'close');
  const waiting = local(at.port);
  const failed = new Promise((done) => waiting.write(encode(['PING']), done));
  waiting.destroy(new Error('enough'));
  const [error] = await once(waiting, 'error');
  assert.equal(error.message, 'enough');
  assert.ok(await failed);
  const ended = local(at.port);
  ended.end();
  ended.on('error', (e) => assert.equal(e.code, 'ERR_STREAM_WRITE_AFTER_END'));
  ended.write('x');
  const closed = local(at.port);
  await once(closed, 'connect');
  const controller = new AbortController();
  const aborted = local(at.port, { signal: controller.signal });
  controller.abort();
  const before = local(at.port, { signal: AbortSignal.abort() });
  const errors = await Promise.all([aborted, before].map((stream) => once(stream, 'error')));
  for (const [{ name }] of errors) assert.equal(name, 'AbortError');
  closed.destroy();
  assert.equal(closed.phase, 'closed');
  assert.equal(closed.counters.commands, 0);
  closed.setCredentials('u', 'p').setTimeout(5).setNoDelay().setKeepAlive(true, 5).unref().ref();
  assert.equal(closed.effectiveTimeoutMs(7), 7);
  at.stop();
});

test('end: all is written before the half-close, and what comes after it is read', async () => {
  let got = '';
  const at = await server((socket) => {
    socket.on('data', (chunk) => (got += chunk));
    socket.on('end', () => socket.end('+BYE\r\n'));
    socket.allowHalfOpen = true;
  });
  const stream = local(at.port);
  stream.write(encode(['HELLO', 3]));
  stream.write(encode(['PING']));
  let read = '';
  stream.on('data', (chunk) => (read += chunk));
  await until(() => read === HELLO);
  const big = encode(['SET', 'k', 'v'.repeat(3_000_000)]);
  stream.end(big);
  await once(stream, 'close');
  assert.ok(got.endsWith(big.toString()));
  at.stop();
});

test('an idle connection times out, and later while timeouts are relaxed', async () => {
  await withSim({}, async (sim) => {
    const { stream } = await client(sim.options('a'));
    const began = performance.now();
    stream.setTimeout(60);
    await once(stream, 'timeout');
    assert.ok(performance.now() - began >= 55);
    const relaxing = once(stream, 'relaxed');
    await sim.post('migrating', { endpoint: 'a', time_s: 10 });
    const [relaxed] = await relaxing;
    assert.deepEqual(relaxed, { timeoutMs: 10_000, reason: 'migration' });
    assert.equal(stream.effectiveTimeoutMs(60), 10_000);
    let early = 0;
    stream.setTimeout(60, () => early++);
    await wait(200);
    assert.equal(early, 0);
    const restoring = once(stream, 'restored');
    await sim.post('migrated', { endpoint: 'a' });
    const [restored] = await restoring;
    assert.deepEqual(restored, { reason: 'terminated' });
    assert.equal(stream.effectiveTimeoutMs(60), 60);
    stream.destroy();
  });
});

test('a move: events in order, and the same on diagnostics_channel', async () => {
  await withSim({}, async (sim) => {
    const c = await client(sim.options('a'));
    const { stream } = c;
    const seen = [];
    const heard = [];
    const names = ['moving', 'relaxed', 'opening', 'swapped', 'handoff-finished', 'closed'];
    const listeners = names.map((name) => [name, (message) => message.socket === stream && heard.push(name)]);
    for (const [name, listener] of listeners) {
      subscribe(`sch:${name}`, listener);
      stream.on(name, (fields) => seen.push([name, fields]));
    }
    const before = stream.remotePort;
    stream.handshakeDone();
    assert.equal(stream.phase, 'serving');
    await sim.post('move', { from: 'a', to: 'b', time_s: 30 });
    await until(() => seen.some(([name]) => name === 'closed'));
    assert.deepEqual(seen.map(([name]) => name).sort(), [...names].sort());
    const order = seen.map(([name]) => name).filter((name) => ['opening', 'swapped', 'closed'].includes(name));
    assert.deepEqual(order, ['opening', 'swapped', 'closed']);
    assert.deepEqual(heard, seen.map(([name]) => name));
    const swapped = seen.find(([name]) => name === 'swapped')[1];
    assert.equal(swapped.port, sim.endpoints.b.port);
    assert.equal(stream.remotePort, sim.endpoints.b.port);
    assert.notEqual(stream.remotePort, before);
    const finished = seen.find(([name]) => name === 'handoff-finished')[1];
    assert.equal(finished.outcome, 'swapped');
    assert.equal(finished.lost, 0);
    assert.equal(await c.send('ECHO', 'still'), 'still');
    assert.equal(stream.counters.handoffsSwapped, 1);
    listeners.forEach(([name, listener]) => unsubscribe(`sch:${name}`, listener));
    stream.destroy();
  });
});

test('exceptions of readers and listeners are their own, and cost no bytes', async () => {
  await withSim({}, async (sim) => {
    // In a process of its own: the test runner takes every uncaught exception for a failure.
    const { code, out, err } = await run(`
      import { connect } from 'sch';
      import { encode } from './test/support/client.mjs';
      const [port, http] = process.argv.slice(1);
      const stream = connect({ host: '127.0.0.1', port: Number(port) });
      const caught = [];
      process.on('uncaughtException', (error) => caught.push(error.message));
      let read = '';
      stream.on('data', (chunk) => { read += chunk; throw new Error('of a reader'); });
      stream.on('swapped', () => { throw new Error('of a listener'); });
      const until = async (what) => { while (!what()) await new Promise((f) => setTimeout(f, 5)); };
      stream.write(encode(['HELLO', 3]));
      await until(() => stream.isActive);
      stream.write(Buffer.concat([encode(['ECHO', 'one']), encode(['ECHO', 'two'])]));
      await until(() => read.endsWith('$3\\r\\none\\r\\n$3\\r\\ntwo\\r\\n'));
      await fetch('http://' + http + '/v1/move', { method: 'POST', body: JSON.stringify({ from: 'a', to: 'b', time_s: 2 }), headers: { connection: 'close' } });
      await until(() => stream.counters.handoffsSwapped === 1);
      stream.write(encode(['ECHO', 'three']));
      await until(() => read.endsWith('$5\\r\\nthree\\r\\n'));
      console.log(JSON.stringify([stream.destroyed, [...new Set(caught)].sort()]));
      stream.destroy();
    `, sim.endpoints.a.port, sim.http);
    assert.equal(code, 0, err);
    assert.deepEqual(JSON.parse(out), [false, ['of a listener', 'of a reader']]);
  });
});

test('a connection that is reset: every command has its reply, an error, before the stream ends', async () => {
  await withSim({}, async (sim) => {
    const c = await client(sim.options('a'));
    await sim.post('fault', { endpoint: 'a', freeze: true });
    const lost = [];
    c.stream.on('lost', (fields) => lost.push(fields));
    const replies = Promise.allSettled([c.send('INCR', 'k'), c.send('GET', 'k')]);
    await until(() => c.stream.counters.commands >= 3);
    await wait(20);
    await sim.post('fault', { endpoint: 'a', reset: true });
    const results = await replies;
    for (const { reason } of results) assert.match(reason.message, /^SCHLOST .*may have run/);
    await until(() => c.stream.destroyed);
    assert.equal(c.stream.errored, null, 'it ends as a stream that the peer has closed');
    assert.deepEqual(lost.map(({ outcome, commandClass }) => [outcome, commandClass]), [['unknown', 'write'], ['unknown', 'read-only']]);
    const late = new Promise((done) => c.stream.write(encode(['PING']), done));
    assert.ok(await late);
  });
});

test('at the limit of held commands the writer waits, and all go out in order after the swap', async () => {
  await withSim({}, async (sim) => {
    const c = await client({ ...sim.options('a'), limits: { maxHeldCommands: 4 } });
    await sim.post('fault', { endpoint: 'a', freeze: true });
    const replies = [c.send('INCR', 'k')];
    await sim.post('move', { from: 'a', to: 'b', time_s: 5 });
    await until(() => c.stream.phase === 'draining');
    for (let i = 0; i < 50; i++) replies.push(c.send('INCR', 'k'));
    await until(() => c.stream.counters.commandsHeld >= 4);
    await wait(50);
    assert.ok(c.stream.writableLength > 0, 'not all was taken');
    await sim.post('fault', { endpoint: 'a', freeze: false });
    const values = await Promise.all(replies);
    assert.deepEqual(values, values.map((_, i) => i + 1));
    assert.equal(c.stream.counters.handoffsSwapped, 1);
    c.stream.destroy();
  });
});

test('a handoff that fails ends the stream; the next one knows where the service has gone', async () => {
  await withSim({}, async (sim) => {
    const options = { ...sim.options('a'), keepTryingMs: 100, holdTimeoutMs: 100, drainGraceMs: 100 };
    const c = await client(options);
    await c.send('SET', 'k', 'v');
    await sim.post('fault', { endpoint: 'b', refuse: true });
    const failed = once(c.stream, 'handoff-failed');
    const closed = once(c.stream, 'close');
    await sim.post('move', { from: 'a', to: 'b', time_s: 1, close_after_ms: 100 });
    const [{ outcome, attempts }] = await failed;
    assert.equal(outcome, 'failed');
    assert.ok(attempts > 1);
    assert.throws(() => sch.connect({ ...options, after: 5 }), { code: 'SCH_ERR_ARGUMENT' });
    await closed;
    await sim.post('fault', { endpoint: 'b', refuse: false });
    const [error] = await once(sch.connect(options), 'error');
    assert.equal(error.code, 'ECONNREFUSED', 'the old place is no more');
    const next = await client({ ...options, after: c.stream });
    assert.equal(next.stream.remotePort, sim.endpoints.b.port);
    assert.equal(next.stream.counters.handoffsFailed, 1, 'one logical connection');
    assert.equal(await next.send('GET', 'k'), 'v');
    assert.throws(() => sch.connect({ ...options, after: next.stream }), { code: 'SCH_ERR_ARGUMENT' });
    next.stream.destroy();
    // It was taken over once: a second successor begins anew.
    const [again] = await once(sch.connect({ ...options, after: c.stream }), 'error');
    assert.equal(again.code, 'ECONNREFUSED');
    const third = await client({ ...options, after: next.stream });
    assert.equal(third.stream.remotePort, sim.endpoints.b.port);
    third.stream.destroy();
  });
});

test('mode `enabled` and a server without the feature: one error', async () => {
  await withSim({ server: 'open-source' }, async (sim) => {
    const stream = sch.connect({ ...sim.options('a'), mode: 'enabled' });
    stream.on('data', () => {});
    stream.write(encode(['HELLO', 3]));
    const offs = [];
    stream.on('sch-off', (fields) => offs.push(fields));
    const [error] = await once(stream, 'error');
    assert.equal(error.code, 'SCH_ERR_NOT_CONNECTED');
    assert.deepEqual(offs, [{ reason: 'refused', fatal: true }]);
  });
});

test('log lines come as events', async () => {
  await withSim({}, async (sim) => {
    const { stream } = await client({ ...sim.options('a'), logLevel: 'debug' });
    const lines = [];
    stream.on('log', (line) => lines.push(line));
    const relaxing = once(stream, 'relaxed');
    await sim.post('migrating', { endpoint: 'a', time_s: 10 });
    await relaxing;
    assert.ok(lines.some(({ level, text }) => level === 'info' && /MIGRATING/.test(text)), JSON.stringify(lines));
    stream.destroy();
  });
});

test('nothing keeps a process that is done: no timer, no forgotten socket', async () => {
  await withSim({}, async (sim) => {
    const { port } = sim.endpoints.a;
    const source = (end) => `
      import { connect } from 'sch';
      const stream = connect({ host: '127.0.0.1', port: ${port} });
      stream.on('data', () => {});
      stream.write('*2\\r\\n$5\\r\\nHELLO\\r\\n$1\\r\\n3\\r\\n');
      const look = setInterval(() => {
        if (!stream.isActive) return;
        clearInterval(look);
        console.log('opted in');
        ${end}
      }, 5);`;
    await sim.post('migrating', { endpoint: 'a', time_s: 600 });
    for (const end of ['stream.unref()', 'stream.destroy()', 'stream.end()']) {
      const began = Date.now();
      const { code, out, err } = await run(source(end));
      assert.equal(code, 0, err);
      assert.match(out, /opted in/);
      assert.ok(Date.now() - began < 20_000, end);
    }
  });
});
