// `connect` as a stream, at its edges: memory of writers, timeouts, options that cannot work.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { connect, Pool } from 'sch';

async function listen(serve) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = () => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  };
  return { port: server.address().port, sockets, stop };
}

async function open(port) {
  const stream = connect({ host: '127.0.0.1', port, mode: 'disabled' });
  await once(stream, 'connect');
  return stream;
}

test('memory of a write that was called back may be used again, also where the server does not read', async () => {
  const at = await listen((socket) => socket.pause());
  const stream = await open(at.port);
  const head = '*2\r\n$4\r\nECHO\r\n$4060\r\n';
  const one = Buffer.alloc(head.length + 4062);
  const fill = (i) => {
    one.fill(65 + (i % 26));
    one.write(head, 0);
    one.write('\r\n', one.length - 2);
  };
  let written = 0;
  for (let isStalled = false; !isStalled; ) {
    fill(written++);
    const taken = new Promise((done) => stream.write(one, () => done(true)));
    isStalled = !(await Promise.race([taken, wait(300, false)]));
    // Who was told uses it again. The last one was not told: it is left as it is.
    if (!isStalled) one.fill('!');
  }
  const expected = [];
  for (let i = 0; i < written; i++) {
    fill(i);
    expected.push(Buffer.from(one));
  }
  const [socket] = at.sockets;
  const whole = written * one.length;
  const got = [];
  let size = 0;
  socket.on('data', (chunk) => (got.push(chunk), (size += chunk.length)));
  socket.resume();
  while (size < whole) await once(socket, 'data');
  assert.ok(Buffer.concat(got).equals(Buffer.concat(expected)), 'other bytes came than were written');
  stream.destroy();
  at.stop();
});

test('`timeout` comes again after traffic, as that of a socket', async () => {
  const at = await listen((socket) => socket.on('data', () => socket.write('+PONG\r\n')));
  const stream = await open(at.port);
  stream.on('data', () => {});
  let told = 0;
  stream.on('timeout', () => told++);
  stream.setTimeout(30);
  for (let nth = 1; nth <= 3; nth++) {
    await once(stream, 'timeout');
    await wait(80);
    assert.equal(told, nth, 'once for each silence');
    stream.write('*1\r\n$4\r\nPING\r\n');
  }
  stream.setTimeout(0);
  stream.destroy();
  at.stop();
});

test('timeouts longer than a timer of Node are no busy loop, and what is none is refused', async () => {
  const at = await listen(() => {});
  const warnings = [];
  const warned = (warning) => warnings.push(warning.name);
  process.on('warning', warned);
  const stream = await open(at.port);
  stream.on('timeout', () => assert.fail('too early'));
  stream.setTimeout(3e9).setTimeout(60_000.5);
  await wait(20);
  for (const ms of [NaN, Infinity, -1, '5', null, 5n]) {
    assert.throws(() => stream.setTimeout(ms), { name: 'TypeError', code: 'SCH_ERR_ARGUMENT' });
  }
  stream.destroy();
  process.off('warning', warned);
  assert.deepEqual(warnings, []);
  at.stop();
});

test('options that cannot work are refused before anything is made', () => {
  const pool = new Pool({ host: '127.0.0.1', port: 1 });
  const wrong = [
    { tls: null }, { tls: 'yes' }, { connectTimeoutMs: Infinity }, { connectTimeoutMs: 0 }, { connectTimeoutMs: '5' },
    { signal: {} }, { signal: null }, { credentials: 'secret' },
  ];
  for (const options of wrong) {
    const all = { host: '127.0.0.1', port: 1, pool, ...options };
    assert.throws(() => connect(all), { name: 'TypeError', code: 'SCH_ERR_ARGUMENT' }, Object.keys(options)[0]);
  }
  assert.equal(pool.counters.members, 0);
  pool.release();
});
