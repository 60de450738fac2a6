// Whatever is done wrong is an exception that says so, and never the end of the process.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Connection, Pool, SchError } from 'sch';
import { methods } from './support/methods.mjs';
import { run } from './support/run.mjs';

const require = createRequire(import.meta.url);
const { native } = require('../dist/native.js');
const code = (name) => (error) => error.code === name && error.message.length > 10;

test('every call on a released connection says that it was released', () => {
  const conn = new Connection();
  conn.release();
  conn.release();
  const arguments_ = { fence: ['other', true], submit: [Buffer.alloc(1)], receive: [1, Buffer.alloc(1)] };
  let seen = 0;
  for (const [name, { value, get }] of methods(Connection)) {
    if (['release', 'consumed', 'submitted'].includes(name)) continue;
    seen++;
    const args = arguments_[name] ?? {
      optinReply: [1, '+OK'], credentials: ['u', 'p'], push: [1, Buffer.alloc(1)], pushValues: [1, ['a']],
      connected: [1, '1.2.3.4:5'], closed: [1], wrote: [1, 1], dialTo: ['a', 1], join: [new Pool()], take: [],
    }[name] ?? [1, 1, 1];
    assert.throws(() => (get ? get.call(conn) : value.apply(conn, args)), code('SCH_ERR_CLOSED'), name);
  }
  assert.ok(seen > 40);
});

test('Symbol.dispose releases', () => {
  const conn = new Connection();
  conn[Symbol.dispose]();
  assert.throws(() => conn.tick(), code('SCH_ERR_CLOSED'));
});

test('settings: unknown names, wrong words, wrong types, and what cannot work', () => {
  const wrong = [
    null, 7, { hots: 'a' }, { mode: 'on' }, { mode: 1 }, { level: '3' }, { port: 65536 }, { port: -1 }, { port: 1.5 },
    { port: '6379' }, { host: 5 }, { host: 'a\0b' }, { tls: 'yes' }, { relaxedTimeoutMs: NaN }, { relaxedTimeoutMs: Infinity },
    { limits: { maxHeld: 1 } }, { limits: 5 }, { limits: { maxHeldBytes: '1' } }, { libInfo: 'a' }, { libInfo: ['a'] },
    { libInfo: [1, 2] }, { allowEndpoints: 'a' }, { allowEndpoints: [1] }, { allowEndpoints: ['not a host!'] },
    { password: {} }, { password: Symbol('p') }, { levelIn: 1 }, { levelIn: 'managed' }, { limit: 1 }, { seed: -1 }, { database: 2 ** 32 }, { logLevel: 'all' },
  ];
  for (const settings of wrong) {
    assert.throws(() => new Connection(settings), (e) => e instanceof TypeError && e.code === 'SCH_ERR_ARGUMENT', String(settings && Object.keys(settings)));
  }
  assert.throws(() => new Connection({ backoffMinMs: 0 }), (e) => e instanceof SchError && e.code === 'SCH_ERR_CONFIG' && e.message.length > 10);
  assert.throws(() => new Connection({ relaxedTimeoutMs: 1e12 }), code('SCH_ERR_CONFIG'));
});

test('a mistake names no secret', () => {
  assert.throws(() => new Connection({ password: ['hunter2'] }), (e) => !e.message.includes('hunter2'));
});

test('wrong types and wrong times are refused, and change nothing', () => {
  const conn = new Connection({ level: 'managed' });
  for (const data of [undefined, null, 5, 'text', {}, [], new ArrayBuffer(4), new Float64Array(2), new DataView(new ArrayBuffer(4)), Symbol('a'), 1n]) {
    assert.throws(() => conn.receive(1, data), code('SCH_ERR_ARGUMENT'));
    assert.throws(() => conn.submit(data), code('SCH_ERR_ARGUMENT'));
  }
  for (const id of [undefined, null, -1, 1.5, NaN, Infinity, '1', {}, 1n, Symbol('a'), 2 ** 53]) {
    assert.throws(() => conn.receive(id, Buffer.alloc(1)), code('SCH_ERR_ARGUMENT'));
    assert.throws(() => conn.connectFailed(id), code('SCH_ERR_ARGUMENT'));
  }
  for (const now of [null, NaN, Infinity, '1', {}, 1n]) assert.throws(() => conn.tick(now), code('SCH_ERR_ARGUMENT'));
  assert.throws(() => conn.receive(1, Buffer.alloc(1)), code('SCH_ERR_UNKNOWN_TRANSPORT'));
  assert.throws(() => conn.submit(Buffer.from('PING\r\n')), code('SCH_ERR_NOT_CONNECTED'));
  assert.throws(() => conn.swapped(), code('SCH_ERR_UNEXPECTED'));
  assert.throws(() => new Connection({ level: 'tapped' }).submit(Buffer.alloc(1)), code('SCH_ERR_WRONG_LEVEL'));
  assert.throws(() => conn.fence('none', true), code('SCH_ERR_ARGUMENT'));
  assert.throws(() => conn.salvage(), code('SCH_ERR_UNEXPECTED'));
  assert.equal(conn.phase, 'detached');
});

test('memory that was given to another thread is empty', () => {
  const conn = new Connection();
  const { transport } = conn.dial();
  conn.connected(transport);
  const data = new Uint8Array(8);
  structuredClone(data, { transfer: [data.buffer] });
  assert.equal(conn.receive(transport, data), 0);
  assert.equal(conn.submit(data), 0);
});

test('level 1: values of a push', () => {
  const conn = new Connection({ level: 'notified' });
  const { transport } = conn.dial();
  conn.connected(transport, '10.0.0.1:6379');
  conn.ready(transport);
  const optin = conn.poll();
  assert.equal(optin.kind, 'send-optin');
  conn.optinReply(transport, '+OK\r\n');
  assert.equal(conn.pushValues(transport, ['MIGRATING', 1, 10n, [Buffer.from('1'), null]]), true);
  assert.equal(conn.poll().kind, 'relax');
  assert.equal(conn.pushValues(transport, ['message', 'channel', 'text']), false);
  for (const values of ['MOVING', null, [1.5], [{}], [undefined], [Symbol('a')]]) {
    assert.throws(() => conn.pushValues(transport, values), code('SCH_ERR_ARGUMENT'));
  }
  const deep = [];
  deep.push(deep);
  assert.equal(conn.pushValues(transport, deep), false, 'no notification is so deep');
  assert.equal(conn.pushValues(transport, ['MIGRATED', 2, ['1']]), true);
});

test('log lines that nobody takes are dropped at a limit, and counted', () => {
  const conn = new Connection({ level: 'notified', logLevel: 'debug' });
  const { transport } = conn.dial();
  conn.connected(transport, '10.0.0.1:6379');
  conn.ready(transport);
  conn.poll();
  conn.optinReply(transport, '+OK\r\n');
  const seen = conn.takeLog().length;
  for (let seq = 0; seq < 3000; seq++) assert.ok(conn.pushValues(transport, ['MIGRATING', seq, 10, ['1']]));
  const lines = conn.takeLog();
  assert.equal(lines.length, 1025);
  const [, dropped] = /^event=log-lines-dropped count=(\d+)$/.exec(lines.at(-1).text);
  assert.ok(Number(dropped) >= 3000 - 1024 && seen < 1024);
  assert.deepEqual(conn.takeLog(), []);
});

test('a connection is of its own kind: methods refuse other objects, and a copy has none', () => {
  const conn = new Connection();
  assert.throws(() => Connection.prototype.tick.call({}), TypeError);
  assert.throws(() => Connection.prototype.tick.call(structuredClone(conn)), TypeError);
  assert.throws(() => Connection(), TypeError);
});

test('what is forgotten is released', async () => {
  const before = native.live();
  for (let i = 0; i < 5000; i++) new Connection();
  assert.ok(native.live() >= before + 1);
  for (let i = 0; i < 100 && native.live() > before; i++) {
    global.gc();
    await wait(5);
  }
  assert.ok(native.live() <= before, `${native.live() - before} are left`);
});

test('the addon itself: any values in any place', async () => {
  const { code: exit, signal, out, err } = await run(`
    import { createRequire } from 'node:module';
    const { native } = createRequire(process.cwd() + '/')('./dist/native.js');
    let seed = Number(process.argv[1]);
    const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    const gone = new Uint8Array(8); structuredClone(gone, { transfer: [gone.buffer] });
    const names = Object.keys(native).filter((name) => typeof native[name] === 'function');
    const handles = [];
    const open = () => handles.push(native.open([], 4), native.poolOpen([]), native.clusterOpen([]));
    open();
    const pool = [
      undefined, null, true, false, 0, 1, 2, 3, -1, 0.5, NaN, Infinity, 2 ** 53, 1e308, '', 'text', '10.0.0.1:1', Symbol('s'), 5n, {}, [], [1, 2, 3],
      Object.freeze([0, 'x']), Buffer.alloc(0), Buffer.from('*1\\r\\n$4\\r\\nPING\\r\\n'), Buffer.from('+OK\\r\\n'),
      Buffer.from('>3\\r\\n$6\\r\\nMOVING\\r\\n:1\\r\\n:15\\r\\n'), new Uint8Array(3), new Uint16Array(3), new DataView(new ArrayBuffer(3)), gone,
      new Uint8Array(new SharedArrayBuffer(8)), () => 1, class {}, new Proxy([], { get() { throw new Error('trap'); } }),
      { get length() { throw new Error('getter'); } }, new Proxy({}, {}),
    ];
    let thrown = 0, calls = 0;
    for (let i = 0; i < 60000; i++) {
      if (handles.length < 3 || random(500) === 0) open();
      const name = names[random(names.length)];
      const args = Array.from({ length: random(7) }, () => pool[random(pool.length)]);
      if (random(4)) args[0] = handles[random(handles.length)];
      if (random(2)) args[1] = -1;
      if (random(3) === 0) args[2] = handles[random(handles.length)];
      calls++;
      try { native[name](...args); } catch (error) {
        thrown++;
        if (!/^SCH_ERR_/.test(error.code) && !/trap|getter/.test(error.message)) throw error;
      }
    }
    console.log(calls, thrown);
  `, 20261121);
  assert.equal(signal, null, err);
  assert.equal(exit, 0, err);
  const [calls, thrown] = out.split(' ').map(Number);
  assert.ok(calls === 60000 && thrown > 1000 && thrown < calls, out);
});
