// The slot map: what is loaded, patched, redirected and asked for. Bytes in, actions out; time is given, so nothing waits.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createRequire } from 'node:module';
import { Cluster, Connection, SchError, keySlot } from 'sch';
import { methods } from './support/methods.mjs';

const require = createRequire(import.meta.url);
const { native } = require('../dist/native.js');
const code = (name) => (error) => error.code === name && error.message.length > 10;

const S = 1e9;
const ASKED = { host: 'a', port: 1 };
const bulk = (text) => `$${text.length}\r\n${text}\r\n`;
const list = (values) => `*${values.length}\r\n${values.join('')}`;
const place = (host, port) => list([bulk(host), `:${port}\r\n`, bulk(`id-${host}-${port}`), list([])]);
/** A reply to CLUSTER SLOTS: `[first, last, owner, ...replicas]`, each `host:port`. */
const slots = (...rows) => Buffer.from(list(rows.map(([first, last, ...nodes]) =>
  list([`:${first}\r\n`, `:${last}\r\n`, ...nodes.map((node) => place(...node.split(':')))]))));
const THREE = slots([0, 99, 'a:1', 'a2:1'], [100, 199, 'b:1'], [200, 299, 'c:1']);
/** SMIGRATED: `[source, destination, slots]`. */
const smigrated = (seq, ...moves) =>
  Buffer.from(`>3\r\n+SMIGRATED\r\n:${seq}\r\n${list(moves.map((move) => list(move.map((text) => `+${text}\r\n`))))}`);

function loaded(settings) {
  const cluster = new Cluster({ seed: 1, ...settings });
  cluster.loadSlots(THREE, ASKED, undefined, S);
  const dialled = polled(cluster);
  assert.deepEqual(dialled.map(({ kind, host }) => [kind, host]), [['dial-node', 'a'], ['dial-node', 'b'], ['dial-node', 'c']]);
  assert.deepEqual(dialled.map(({ node }) => node), [0, 100, 200].map((slot) => cluster.owner(slot)));
  return cluster;
}

function polled(cluster) {
  const all = [];
  for (let action; (action = cluster.poll()); ) all.push(action);
  return all;
}

test('the slot of a key is that of the server', () => {
  assert.deepEqual(['foo', '{foo}2', 'b', 'bar', ''].map((key) => keySlot(key)), [12182, 12182, 3300, 5061, 0]);
  assert.equal(keySlot(Buffer.from('x{foo}y')), 12182);
});

test('owners, replicas and nodes of a map that was loaded', () => {
  const cluster = loaded();
  const [a, b, c] = [0, 100, 299].map((slot) => cluster.owner(slot));
  assert.equal(new Set([a, b, c]).size, 3);
  assert.equal(cluster.owner(300), undefined);
  assert.deepEqual(cluster.node(b), { host: 'b', port: 1, health: 'online', slots: 100, replicas: 0, isListed: true });
  assert.equal(cluster.node(999), undefined);
  const replica = cluster.replica(50);
  assert.deepEqual([cluster.node(replica).host, cluster.replica(50, 1), cluster.replica(150)], ['a2', undefined, undefined]);
  assert.equal(cluster.findNode('b', 1), b);
  assert.equal(cluster.findNode('b', 2), undefined);
  assert.equal(cluster.ownerOfKey('foo'), undefined);
  assert.equal(cluster.ownerOfKey(Buffer.from('foo')), undefined);
  assert.equal(cluster.counters.loads, 1);
  assert.equal(cluster.counters.nodesDialled, 3);
});

test('an SMIGRATED patches the map once, and drains who has no slot left', () => {
  const cluster = loaded();
  const [a, b] = [cluster.owner(0), cluster.owner(100)];
  const push = smigrated(1, ['b:1', 'a:1', '100-199']);
  assert.equal(cluster.push(push, 70 * S), true);
  assert.equal(cluster.push(push, 70 * S), true);
  assert.equal(cluster.push(Buffer.from('>3\r\n+message\r\n+c\r\n+text\r\n'), 70 * S), false);
  assert.deepEqual(polled(cluster), [
    { kind: 'slots-moved', seq: 1, moves: [{ source: b, destination: a, ranges: [{ first: 100, last: 199 }] }] },
    { kind: 'drain-node', node: b, host: 'b', port: 1, gone: false },
  ]);
  assert.equal(cluster.owner(150), a);
  cluster.loadSlots(slots([0, 199, 'a:1'], [200, 299, 'c:1']), ASKED, undefined, 71 * S);
  assert.deepEqual(polled(cluster).filter(({ node }) => node === b), [{ kind: 'drain-node', node: b, host: 'b', port: 1, gone: true }]);
  assert.equal(cluster.node(b), undefined);
  const { smigrated: told, duplicate, slotsPatched, nodesDrained } = cluster.counters;
  assert.deepEqual([told, duplicate, slotsPatched, nodesDrained], [2, 1, 100, 3], 'the replica has left too');
});

test('many moves of many ranges come whole', () => {
  const cluster = new Cluster();
  cluster.loadSlots(slots([0, 16383, 'a:1']), ASKED, undefined, S);
  polled(cluster);
  const even = Array.from({ length: 2000 }, (_, i) => 2 * i);
  const moves = Array.from({ length: 40 }, (_, n) => ['a:1', `n${n}:1`, even.filter((_, i) => i % 40 === n).join(',')]);
  cluster.push(smigrated(9, ...moves), 70 * S);
  const [{ kind, moves: told }] = polled(cluster);
  assert.equal(kind, 'slots-moved');
  assert.equal(told.length, 40);
  told.forEach((move, n) => {
    assert.deepEqual(move.ranges.map(({ first, last }) => [first, last]), even.filter((_, i) => i % 40 === n).map((s) => [s, s]));
  });
});

test('a connection tells what moved', () => {
  const cluster = loaded();
  const conn = new Connection({ level: 'notified', host: 'a', port: 1 });
  const { transport } = conn.dial(0, S);
  conn.connected(transport, '10.0.0.1:1', S);
  conn.ready(transport, S);
  assert.throws(() => cluster.slotsMoved(conn, S), code('SCH_ERR_UNEXPECTED'));
  assert.equal(conn.poll().kind, 'send-optin');
  conn.optinReply(transport, '+OK\r\n', S);
  assert.equal(conn.push(transport, smigrated(3, ['b:1', 'c:1', '100-109']), 70 * S), true);
  let action;
  while ((action = conn.poll()).kind !== 'slots-moved') assert.ok(action);
  cluster.slotsMoved(conn, 70 * S);
  assert.equal(cluster.owner(105), cluster.owner(200));
  assert.deepEqual(polled(cluster).map(({ kind, seq }) => [kind, seq]), [['slots-moved', 3]]);
  for (const wrong of [undefined, null, 1, {}, structuredClone(conn)]) {
    assert.throws(() => cluster.slotsMoved(wrong), code('SCH_ERR_ARGUMENT'));
  }
  assert.throws(() => cluster.slotsMoved(new Cluster()), code('SCH_ERR_CLOSED'), 'a handle of another kind');
});

test('redirections: MOVED patches and asks for one reload, ASK is for one command', () => {
  const cluster = loaded({ clusterTimesMs: { reloadJitter: 0 } });
  const c = cluster.owner(200);
  assert.deepEqual(cluster.redirected('-MOVED 150 c:1\r\n', ASKED, 70 * S), { slot: 150, host: 'c', port: 1, node: c, isAsk: false });
  assert.equal(cluster.owner(150), c);
  assert.deepEqual(cluster.redirected(Buffer.from('ASK 151 c:1'), ASKED, 70 * S), { slot: 151, host: 'c', port: 1, node: c, isAsk: true });
  assert.deepEqual(cluster.redirected('MOVED 152 :7', ASKED, 70 * S).host, 'a', 'no host is the one that answered');
  assert.equal(cluster.redirected('ERR no such thing', ASKED, 70 * S), undefined);
  assert.equal(cluster.moved(153, 'c', 1, 70 * S), c);
  cluster.reloadAsked(4, 70 * S);
  const [reload, ...more] = polled(cluster).filter(({ kind }) => kind === 'reload-slots');
  assert.deepEqual(more, []);
  assert.deepEqual([reload.attempt, reload.reasons.includes('redirected')], [1, true]);
  assert.equal(typeof reload.node, 'number');
  assert.deepEqual([reload.host, reload.port], [cluster.node(reload.node).host, 1]);
  // It fails: asked for once more, after a pause.
  cluster.reloadFailed(71 * S);
  assert.deepEqual(polled(cluster), []);
  cluster.tick(cluster.deadline);
  const again = polled(cluster).find(({ kind }) => kind === 'reload-slots');
  assert.deepEqual([again.attempt, again.reasons.includes('failed')], [2, true]);
  cluster.loadSlots(THREE, { host: again.host, port: again.port }, again.seq, 80 * S);
  const { moved, asked, reloads, reloadsFailed, loads } = cluster.counters;
  assert.deepEqual([moved, asked, reloads, reloadsFailed, loads], [3, 1, 2, 1, 2]);
});

test('one wish for the map without any node, and what is told while it is asked for', () => {
  const cluster = new Cluster({ clusterTimesMs: { reloadJitter: 0 } });
  cluster.askReload(S);
  cluster.askReload(S);
  assert.deepEqual(polled(cluster), [{ kind: 'reload-slots', reasons: ['host'], attempt: 1 }]);
  assert.ok(cluster.delayMs(S) > 0);
  const seq = cluster.reloadStarted(2 * S);
  assert.equal(seq, undefined);
  cluster.push(smigrated(5, ['b:1', 'c:1', '100']), 2 * S);
  cluster.loadSlots(THREE, ASKED, seq, 3 * S);
  assert.equal(cluster.owner(100), cluster.owner(200), 'repeated on what was loaded');
  assert.equal(cluster.reloadStarted(4 * S), 5);
});

test('a seq of any size is no mistake', () => {
  const cluster = loaded();
  cluster.push(smigrated('9223372036854775807', ['b:1', 'c:1', '100']), 70 * S);
  const [{ seq }] = polled(cluster);
  assert.ok(seq > 2 ** 62 && seq < 2 ** 63);
  assert.ok(cluster.reloadStarted(71 * S) === seq);
  cluster.loadSlots(THREE, ASKED, seq, 72 * S);
  cluster.reloadAsked(seq, 72 * S);
});

test('subscriptions of slots that moved are named', () => {
  const cluster = new Cluster();
  assert.deepEqual(cluster.subscribe('foo'), { slot: 12182 });
  cluster.loadSlots(slots([0, 8191, 'a:1'], [8192, 16383, 'b:1']), ASKED, undefined, S);
  const [a, b] = [cluster.owner(0), cluster.owner(16383)];
  const one = [{ first: 12182, last: 12182 }];
  assert.deepEqual(polled(cluster).at(-1), { kind: 'move-subscriptions', node: b, ranges: one });
  assert.deepEqual(cluster.subscribe(Buffer.from('bar')), { slot: 5061, node: a });
  cluster.push(smigrated(1, ['b:1', 'a:1', '12000-12200']), 70 * S);
  assert.deepEqual(polled(cluster).at(-1), { kind: 'move-subscriptions', node: a, oldNode: b, ranges: one });
  assert.deepEqual([cluster.unsubscribe('foo'), cluster.unsubscribe('foo')], [true, false]);
});

test('addresses are translated, TLS takes the other port, and health is told', () => {
  const node = (id, host, port, tls, role, health) => list([
    bulk('id'), bulk(id), bulk('port'), `:${port}\r\n`, bulk('tls-port'), `:${tls}\r\n`, bulk('ip'), bulk(host), bulk('endpoint'), bulk(host),
    bulk('role'), bulk(role), bulk('replication-offset'), ':1\r\n', bulk('health'), bulk(health),
  ]);
  const shards = Buffer.from(list([list([
    bulk('slots'), list([':0\r\n', ':16383\r\n']), bulk('nodes'),
    list([node('1', 'inside', 1, 2, 'master', 'online'), node('2', 'inside', 3, 4, 'replica', 'loading')]),
  ])]));
  const cluster = new Cluster({ tls: true });
  cluster.mapAddress('inside', 'outside');
  cluster.loadShards(shards, ASKED, undefined, S);
  const { host, port, health } = cluster.node(cluster.owner(0));
  assert.deepEqual([host, port, health], ['outside', 2, 'online']);
  const replica = cluster.node(cluster.replica(0));
  assert.deepEqual([replica.port, replica.health, replica.slots], [4, 'loading', 0]);
  assert.equal(cluster.findNode('inside', 2), cluster.findNode('outside', 2));
});

test('what is no map is refused, says why, and changes nothing', () => {
  const cluster = loaded({ limits: { maxClusterReplyBytes: 4096 } });
  const owner = cluster.owner(0);
  for (const reply of ['', '-CLUSTERDOWN Hash slot not served\r\n', '*0\r\n', '+OK\r\n', '*1\r\n']) {
    assert.throws(() => cluster.loadSlots(Buffer.from(reply), ASKED), code('SCH_ERR_NOT_A_SLOT_MAP'), reply);
    assert.throws(() => cluster.loadShards(Buffer.from(reply), ASKED), code('SCH_ERR_NOT_A_SLOT_MAP'), reply);
  }
  assert.throws(() => cluster.loadSlots(Buffer.alloc(5000, '*'), ASKED), code('SCH_ERR_LIMIT'));
  assert.throws(() => cluster.loadSlots(Buffer.from('-CLUSTERDOWN x\r\n'), ASKED), (e) => e instanceof SchError && /CLUSTERDOWN/.test(e.message));
  assert.equal(cluster.owner(0), owner);
});

test('wrong values are refused', () => {
  const cluster = loaded();
  const wrong = [
    () => cluster.loadSlots('text', ASKED), () => cluster.loadSlots(THREE), () => cluster.loadSlots(THREE, { host: 1, port: 1 }),
    () => cluster.loadSlots(THREE, { host: 'a', port: -1 }), () => cluster.loadSlots(THREE, { host: '', port: 1 }),
    () => cluster.loadSlots(THREE, ASKED, -1), () => cluster.loadSlots(THREE, ASKED, 1.5), () => cluster.loadSlots(THREE, ASKED, NaN),
    () => cluster.loadShards(THREE, ASKED, '1'), () => cluster.reloadAsked(null), () => cluster.push('text'), () => cluster.push(undefined),
    () => cluster.redirected(5, ASKED), () => cluster.redirected('MOVED 1 a:1'), () => cluster.moved(70000, 'a', 1),
    () => cluster.moved('1', 'a', 1), () => cluster.moved(1, '', 1), () => cluster.subscribe(5), () => cluster.unsubscribe(null), () => cluster.owner(-1),
    () => cluster.owner(70000), () => cluster.owner('1'), () => cluster.ownerOfKey(undefined), () => cluster.replica(0, -1),
    () => cluster.node(-1), () => cluster.node('1'), () => cluster.findNode('a', 70000), () => cluster.findNode(1, 1), () => cluster.tick('1'),
    () => keySlot(1), () => keySlot(), () => new Cluster({ clusterTimesMs: 5 }), () => new Cluster({ clusterTimesMs: { jitter: 1 } }),
    () => new Cluster({ clusterTimesMs: { reloadJitter: '1' } }), () => new Cluster({ limits: { maxClusterNode: 1 } }), () => new Cluster(null),
    () => Cluster.prototype.tick.call({}),
  ];
  wrong.forEach((call) => assert.throws(call, (e) => e.code === 'SCH_ERR_ARGUMENT' && e.message.length > 10, String(call)));
  assert.throws(() => cluster.moved(20000, 'a', 1), code('SCH_ERR_CONFIG'));
  assert.throws(() => cluster.mapAddress('a', ''), code('SCH_ERR_CONFIG'));
  assert.throws(() => new Cluster({ clusterTimesMs: { reloadTimeout: 1e12 } }), code('SCH_ERR_CONFIG'));
  assert.equal(cluster.owner(20000), undefined);
  assert.equal(cluster.counters.loads, 1);
});

test('every call on a released cluster says that it was released', () => {
  const cluster = loaded();
  cluster[Symbol.dispose]();
  cluster.release();
  const arguments_ = {
    mapAddress: ['a', 'b'], loadSlots: [THREE, ASKED], loadShards: [THREE, ASKED], slotsMoved: [new Connection()], push: [THREE],
    redirected: ['MOVED 1 a:1', ASKED], moved: [1, 'a', 1], subscribe: ['c'], unsubscribe: ['c'], owner: [0], ownerOfKey: ['k'],
    replica: [0], node: [1], findNode: ['a', 1],
  };
  let seen = 0;
  for (const [name, { value, get }] of methods(Cluster)) {
    if (name === 'release') continue;
    seen++;
    assert.throws(() => (get ? get.call(cluster) : value.apply(cluster, arguments_[name] ?? [])), code('SCH_ERR_CLOSED'), name);
  }
  assert.ok(seen > 20);
});

test('what is forgotten is released', async () => {
  const before = native.live();
  for (let i = 0; i < 1000; i++) new Cluster();
  assert.ok(native.live() >= before + 1);
  for (let i = 0; i < 100 && native.live() > before; i++) {
    global.gc();
    await wait(5);
  }
  assert.ok(native.live() <= before, `${native.live() - before} are left`);
});

test('the log of a cluster says what becomes of a map, and is off without a level', () => {
  const quiet = new Cluster();
  quiet.askReload();
  assert.deepEqual(quiet.takeLog(), []);
  const cluster = new Cluster({ logLevel: 'info' });
  cluster.moved(1, 'x', 1);
  assert.throws(() => cluster.loadSlots(Buffer.from('-LOADING\r\n'), { host: 'a', port: 1 }), { code: 'SCH_ERR_NOT_A_SLOT_MAP' });
  assert.deepEqual(cluster.takeLog(), [
    { level: 'info', text: 'event=reload-wanted reasons=redirected due_ms=0' },
    { level: 'warn', text: 'event=load-refused why=error-reply reply=LOADING' },
  ]);
  assert.deepEqual(cluster.takeLog(), []);
});
