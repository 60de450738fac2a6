// A pool: what one member reads acts for all, events, waiters, dialling, misuse. Time is given, so nothing waits.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createRequire } from 'node:module';
import { Connection, Pool, SchError } from 'sch';
import { methods } from './support/methods.mjs';
import { run } from './support/run.mjs';

const require = createRequire(import.meta.url);
const { native } = require('../dist/native.js');
const code = (name) => (error) => error.code === name && error.message.length > 10;

const SETTINGS = { level: 'notified', host: 'a', port: 6379, seed: 1 };
const S = 1e9;
const MOVING = Buffer.from('>4\r\n+MOVING\r\n:7\r\n:15\r\n$6\r\nb:6379\r\n');
const turn = () => new Promise((done) => setImmediate(done));

/** Dialled where the pool says, opted in, at 10.0.0.1:6379. */
function member(pool, options, settings = SETTINGS) {
  const conn = new Connection(settings);
  conn.join(pool, options, S);
  const [{ host, port }] = pool.whereToDial(4, S).places;
  const { transport } = conn.dialTo(host, port, S);
  conn.connected(transport, '10.0.0.1:6379', S);
  pool.dialResult(host, port, true, S);
  conn.ready(transport, S);
  assert.equal(conn.poll().kind, 'send-optin');
  conn.optinReply(transport, '+OK\r\n', S);
  assert.equal(conn.poll(), undefined);
  return conn;
}

const actions = (conn) => {
  const all = [];
  for (let action; (action = conn.poll()); ) all.push(action);
  return all;
};

test('its limits are those of the settings', () => {
  const pool = new Pool({ ...SETTINGS, limits: { maxPoolMembers: 1 } });
  const first = member(pool, { user: 1 });
  const other = new Connection(SETTINGS);
  assert.throws(() => other.join(pool, { user: 2 }, S), code('SCH_ERR_LIMIT'));
  assert.throws(() => new Pool({ ...SETTINGS, limits: { maxPoolEvents: 100_000 } }), code('SCH_ERR_CONFIG'));
  [first, other, pool].forEach((handle) => handle.release());
});

test('what one reads wakes the other, which acts on it', async () => {
  const pool = new Pool(SETTINGS);
  const reader = member(pool, { user: 1 });
  const other = member(pool, { user: 2 });
  const woken = [];
  pool.watch(pool.addWaiter(() => woken.push('pool')));
  other.take(pool.addWaiter(() => woken.push('other')), S);
  await turn();
  woken.length = 0;
  assert.equal(other.hasMail, false);
  assert.equal(reader.push(1, MOVING, 2 * S), true);
  assert.deepEqual(woken, [], 'never inside of a call');
  await null;
  await turn();
  assert.deepEqual([...woken].sort(), ['other', 'pool'], 'each once');
  assert.equal(other.hasMail, true);
  other.tick(2 * S);
  assert.equal(other.hasMail, false);
  for (const seq of [8, 9]) reader.push(1, Buffer.from(`>4\r\n+MIGRATING\r\n:${seq}\r\n:9\r\n*1\r\n$1\r\n${seq}\r\n`), 2 * S);
  await turn();
  assert.deepEqual([...woken].sort(), ['other', 'other', 'pool', 'pool'], 'once for all that was told meanwhile');
  other.tick(2 * S);
  assert.ok(actions(other).some(({ kind, reason }) => kind === 'relax' && reason === 'moving'));
  assert.deepEqual([...pool.events()], [
    { kind: 'maintenance', notification: 'moving', seq: 7, member: reader.member, user: 1 },
    ...[8, 9].map((seq) => ({ kind: 'maintenance', notification: 'migrating', seq, member: reader.member, user: 1 })),
  ]);
  assert.equal(pool.pollEvent(), undefined);
  const { members, notifications, notificationsTold } = pool.counters;
  assert.deepEqual([members, notifications, notificationsTold], [2, 3, 3]);
  assert.ok(pool.deadline > 2 * S && pool.delayMs(2 * S) > 0);
  assert.deepEqual(pool.whereToDial(1, 2 * S), { places: [{ host: 'b', port: 6379, isProbe: false }] });
});

test('a second connection that reads the same is no second maintenance', () => {
  const pool = new Pool(SETTINGS);
  const members = [1, 2, 3].map((user) => member(pool, { user }));
  members.forEach((conn) => assert.equal(conn.push(1, MOVING, 2 * S), true));
  assert.deepEqual([...pool.events()].map(({ kind, user }) => [kind, user]), [['maintenance', 1]]);
  assert.deepEqual([pool.counters.notifications, pool.counters.notificationsDuplicate], [3, 2]);
});

test('handoffs take turns: many members open their candidates one after the other, each by a grant', () => {
  const pool = new Pool(SETTINGS);
  const all = Array.from({ length: 20 }, (_, user) => member(pool, { user }));
  all[0].push(1, MOVING, 2 * S);
  const open = new Map();
  let now = 2 * S;
  let most = 0;
  let swapped = 0;
  for (let round = 0; swapped < all.length; round++) {
    assert.ok(round < 1000, `${swapped} of ${all.length} are swapped`);
    // What was opened is done by the next round, each with its own sequence of calls.
    for (const conn of all) {
      conn.tick(now);
      for (const action of actions(conn)) {
        if (action.kind === 'open') open.set(conn, action);
        if (action.kind === 'hold') conn.held(now);
        if (action.kind === 'send-optin') conn.optinReply(action.transport, '+OK\r\n', now);
        if (action.kind === 'swap') {
          conn.swapped(now);
          swapped++;
        }
      }
    }
    most = Math.max(most, open.size);
    for (const [conn, { transport, host, port }] of open) {
      assert.deepEqual([host, port], ['b', 6379]);
      conn.connected(transport, '10.0.0.2:6379', now);
      conn.ready(transport, now);
      open.delete(conn);
    }
    pool.tick(now);
    now += 0.05 * S;
  }
  assert.ok(most < all.length, `${most} at once`);
  const { grants, handoffsSwapped, handoffsAsked } = pool.counters;
  assert.deepEqual([grants, handoffsSwapped, handoffsAsked], [20, 20, 20]);
});

for (const unowned of ['retire', 'handoff']) {
  test(`a member that nobody owns: ${unowned}`, () => {
    const pool = new Pool(SETTINGS);
    const reader = member(pool, { user: 1 });
    const resting = member(pool, { user: 2, unowned });
    resting.give(1.5 * S);
    reader.push(1, MOVING, 2 * S);
    const found = [];
    for (let at; found.length === 0 && (at = pool.deadline) !== undefined; ) {
      pool.tick(at);
      found.push(...[...pool.events()].filter(({ kind }) => kind !== 'maintenance'));
    }
    assert.deepEqual(found, [{ kind: unowned, member: resting.member, user: 2 }]);
    resting.take(undefined, 20 * S);
    resting.leave(20 * S);
    assert.equal(pool.counters.members, 1);
  });
}

test('an endpoint that refuses is tried by one', () => {
  const pool = new Pool(SETTINGS);
  const events = [];
  for (let i = 0; i < 20; i++) {
    pool.dialResult('a', 6379, false, S);
    events.push(...pool.events());
  }
  assert.deepEqual(events, [{ kind: 'breaker-opened', host: 'a', port: 6379 }]);
  let answer;
  while ((answer = pool.whereToDial(4, S)).places.length > 0) {
    assert.deepEqual(answer.places.map(({ isProbe }) => isProbe), [true]);
  }
  assert.ok(answer.retryMs > 0);
  assert.deepEqual(pool.whereToDial(4, S + answer.retryMs * 1e6).places.map(({ isProbe }) => isProbe), [true]);
  assert.deepEqual(pool.endpoints, [{ host: 'a', port: 6379 }]);
  const { dialsFailed, breakerOpen } = pool.endpointCounters('a', 6379);
  assert.deepEqual([dialsFailed, breakerOpen], [20, 1]);
  assert.equal(pool.endpointCounters('b', 1), undefined);
  pool.dialResult('a', 6379, true, S + answer.retryMs * 1e6);
  assert.deepEqual([...pool.events()], [{ kind: 'breaker-closed', host: 'a', port: 6379 }]);
});

test('an opt-in that was refused is told to who dials', () => {
  const pool = new Pool(SETTINGS);
  pool.optinRefused('a', 6379, S);
  const [{ optinRefusedMs }] = pool.whereToDial(4, S).places;
  assert.ok(optinRefusedMs > 0);
  assert.equal(pool.whereToDial(4, S + optinRefusedMs * 1e6).places[0].optinRefusedMs, undefined);
});

test('the events of a policy, of lateness, and of nobody who polls', () => {
  const policy = { ...SETTINGS, allowEndpoints: ['c'] };
  const strict = new Pool(policy);
  member(strict, { user: 1 }, policy).push(1, MOVING, 2 * S);
  assert.ok([...strict.events()].some((e) => e.kind === 'endpoint-refused' && e.host === 'b' && e.port === 6379));

  const pool = new Pool(SETTINGS);
  const reader = member(pool, { user: 1 });
  reader.push(1, MOVING, 2 * S);
  const late = [];
  for (let at; late.length === 0 && (at = pool.deadline) !== undefined; ) {
    pool.tick(at);
    late.push(...[...pool.events()].filter(({ kind }) => kind === 'late'));
  }
  assert.deepEqual(late, [{ kind: 'late', seq: 7, members: 1, host: 'b', port: 6379 }]);

  const forgotten = new Pool(SETTINGS);
  const talker = member(forgotten, { user: 1 });
  for (let seq = 0; forgotten.counters.eventsDropped === 0; seq++) {
    assert.ok(seq < 1e6);
    talker.push(1, Buffer.from(`>4\r\n+MIGRATING\r\n:${seq}\r\n:1\r\n*1\r\n$1\r\n1\r\n`), 2 * S + seq);
  }
  const dropped = [...forgotten.events()].filter(({ kind }) => kind === 'dropped');
  assert.deepEqual(dropped, [{ kind: 'dropped', events: forgotten.counters.eventsDropped }]);
});

test('a waiter that was removed is not woken, not even where it was due', async () => {
  const pool = new Pool(SETTINGS);
  const reader = member(pool, { user: 1 });
  let woken = 0;
  const waiter = pool.addWaiter(() => woken++);
  pool.watch(waiter);
  await turn();
  woken = 0;
  reader.push(1, MOVING, 2 * S);
  waiter.remove();
  waiter.remove();
  await turn();
  assert.equal(woken, 0);
  assert.throws(() => pool.watch(waiter), code('SCH_ERR_ARGUMENT'));
});

test('an exception of a waiter is the process\'s, and no other waiter is left out', async () => {
  const { code: exit, out, err } = await run(`
    import { Connection, Pool } from 'sch';
    const settings = { level: 'notified', host: 'a', port: 6379 };
    const pool = new Pool(settings);
    const conn = new Connection(settings);
    const seen = [];
    process.on('uncaughtException', (error) => seen.push(error.message));
    conn.join(pool);
    const { transport } = conn.dial();
    conn.connected(transport, '10.0.0.1:6379');
    conn.ready(transport);
    conn.poll();
    conn.optinReply(transport, '+OK\\r\\n');
    const wrong = () => { throw new Error('of the waiter'); };
    pool.watch(pool.addWaiter(wrong));
    for (let user = 0; user < 4; user++) {
      const other = new Connection(settings);
      other.join(pool);
      other.connected(other.dial().transport, '10.0.0.1:6379');
      // A call on the connection whose call woke it is an ordinary one here.
      other.take(pool.addWaiter(user % 2 ? wrong : () => { conn.tick(); seen.push(other.hasMail); }));
    }
    if (!conn.push(transport, Buffer.from(${JSON.stringify(MOVING.toString())}))) throw new Error('not taken');
    setImmediate(() => console.log(JSON.stringify(seen)));
  `);
  assert.equal(exit, 0, err);
  assert.deepEqual(JSON.parse(out).sort(), ['of the waiter', 'of the waiter', 'of the waiter', true, true]);
});

test('every call on a released pool says that it was released', async () => {
  const pool = new Pool(SETTINGS);
  const reader = member(pool, { user: 1 });
  let woken = 0;
  pool.watch(pool.addWaiter(() => woken++));
  pool.release();
  pool.release();
  reader.push(1, MOVING, 2 * S);
  await turn();
  assert.equal(woken, 0, 'its waiters have gone with it');
  const arguments_ = { addWaiter: [() => {}], watch: [undefined], dialResult: ['a', 1, true] };
  let seen = 0;
  for (const [name, { value, get }] of methods(Pool)) {
    if (name === 'release') continue;
    seen++;
    const call = () => (get ? get.call(pool) : value.apply(pool, arguments_[name] ?? (name === 'whereToDial' ? [1] : ['a', 1])));
    const used = name === 'events' ? () => [...call()] : name === 'tick' || name === 'delayMs' ? () => value.call(pool) : call;
    assert.throws(used, code('SCH_ERR_CLOSED'), name);
  }
  assert.ok(seen > 10);
  const conn = new Connection(SETTINGS);
  assert.throws(() => conn.join(pool), code('SCH_ERR_CLOSED'));
  assert.equal(reader.hasMail, false);
  reader.leave();
});

test('Symbol.dispose releases; members hear of each other without the pool', () => {
  const pool = new Pool(SETTINGS);
  const reader = member(pool, { user: 1 });
  const other = member(pool, { user: 2 });
  pool[Symbol.dispose]();
  assert.throws(() => pool.tick(), code('SCH_ERR_CLOSED'));
  reader.push(1, MOVING, 2 * S);
  assert.equal(other.hasMail, true);
});

test('wrong values are refused, and change nothing', () => {
  const pool = new Pool(SETTINGS);
  const another = new Pool(SETTINGS);
  const conn = new Connection(SETTINGS);
  for (const name of ['leave', 'take', 'give']) assert.throws(() => conn[name](), code('SCH_ERR_UNEXPECTED'), name);
  for (const name of ['hasMail', 'member']) assert.throws(() => conn[name], code('SCH_ERR_UNEXPECTED'), name);
  for (const wrong of [undefined, null, 1, {}, conn, structuredClone(pool)]) {
    assert.throws(() => conn.join(wrong), code('SCH_ERR_ARGUMENT'));
  }
  for (const options of [null, 1, { unowned: 'keep' }, { unowned: 1 }, { user: -1 }, { user: '1' }, { user: 0.5 }, { node: 'no port' }, { node: 1 }]) {
    assert.throws(() => conn.join(pool, options), code('SCH_ERR_ARGUMENT'));
  }
  conn.join(pool);
  assert.throws(() => conn.join(another), code('SCH_ERR_UNEXPECTED'));
  assert.throws(() => conn.take(another.addWaiter(() => {})), (e) => e.code === 'SCH_ERR_ARGUMENT' && /another pool/.test(e.message));
  assert.throws(() => pool.watch(another.addWaiter(() => {})), code('SCH_ERR_ARGUMENT'));
  for (const wrong of [null, 1, {}, () => {}]) {
    assert.throws(() => conn.take(wrong), code('SCH_ERR_ARGUMENT'));
    assert.throws(() => pool.watch(wrong), code('SCH_ERR_ARGUMENT'));
  }
  for (const wrong of [undefined, null, 1, 'a', {}]) assert.throws(() => pool.addWaiter(wrong), code('SCH_ERR_ARGUMENT'));
  for (const most of [0, -1, 1.5, null, '4', NaN]) assert.throws(() => pool.whereToDial(most), code('SCH_ERR_ARGUMENT'));
  for (const [host, port] of [['', 1], [1, 1], ['a', 65536], ['a', -1], ['a', '1'], ['not a host!', 1], ['a\0b', 1]]) {
    assert.throws(() => pool.dialResult(host, port, true), code('SCH_ERR_ARGUMENT'));
    assert.throws(() => pool.optinRefused(host, port), code('SCH_ERR_ARGUMENT'));
    assert.throws(() => pool.endpointCounters(host, port), code('SCH_ERR_ARGUMENT'));
    assert.throws(() => conn.dialTo(host, port), code('SCH_ERR_ARGUMENT'));
  }
  for (const ok of [undefined, 1, 'yes']) assert.throws(() => pool.dialResult('a', 1, ok), code('SCH_ERR_ARGUMENT'));
  for (const now of [null, NaN, '1', {}]) assert.throws(() => pool.tick(now), code('SCH_ERR_ARGUMENT'));
  assert.throws(() => new Pool({ hots: 'a' }), code('SCH_ERR_ARGUMENT'));
  assert.throws(() => new Pool({ backoffMinMs: 0 }), (e) => e instanceof SchError && e.code === 'SCH_ERR_CONFIG');
  assert.throws(() => Pool.prototype.tick.call(conn), code('SCH_ERR_CLOSED'), 'a handle of another kind');
  assert.throws(() => Pool.prototype.tick.call({}), TypeError);
  assert.equal(pool.counters.members, 1);
});

test('what is forgotten is released, also where its waiters know it', async () => {
  const before = native.live();
  // In a frame of its own: this one, which waits, would keep the last ones.
  const forget = () => {
    const pool = new Pool(SETTINGS);
    const conn = new Connection(SETTINGS);
    conn.join(pool);
    const waiter = pool.addWaiter(() => pool.tick() ?? conn.tick());
    pool.watch(waiter);
    conn.take(waiter);
  };
  for (let i = 0; i < 500; i++) forget();
  assert.ok(native.live() >= before + 1000 - 2);
  for (let i = 0; i < 100 && native.live() > before; i++) {
    global.gc();
    await wait(5);
  }
  assert.ok(native.live() <= before, `${native.live() - before} are left`);
});
