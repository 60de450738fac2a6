// The words here are the numbers of the C header, and nothing of it is out of reach.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';

const require = createRequire(import.meta.url);
const words = require('../dist/words.js');
const { failure } = require('../dist/errors.js');
const { native } = require('../dist/native.js');
const header = readFileSync(new URL('../../../include/sch.h', import.meta.url), 'utf8');

const constants = [...header.matchAll(/^#define (SCH_[A-Z0-9_]+) (-?\d+)$/gm)].map(([, name, value]) => [name, Number(value)]);
const camel = (text) => text.toLowerCase().replaceAll(/_(.)/g, (_, c) => c.toUpperCase());
const hyphens = (text) => text.toLowerCase().replaceAll('_', '-');

const LISTS = {
  LEVEL: [words.LEVELS, 1], MODE: [words.MODES, 0], ENDPOINT: [words.ENDPOINT_TYPES, 0], ON_LOSS: [words.ON_LOSS, 1],
  BLOCKING: [words.BLOCKING, 1], POLICY: [words.POLICIES, 1], LOG: [words.LOG_LEVELS, 0], FENCE: [words.FENCES, 1],
  PHASE: [words.PHASES, 1], WINDOW: [words.WINDOWS, 1], RESTORE: [words.RESTORES, 1], CLOSE: [words.CLOSES, 1],
  LOST: [words.LOST, 1], CLASS: [words.CLASSES, 1], OUTCOME: [words.OUTCOMES, 1], OFF: [words.OFFS, 1],
  EVENT: [words.EVENTS, 1], NOTIFICATION: [words.NOTIFICATIONS, 1], UNOWNED: [words.UNOWNED, 1], HEALTH: [words.HEALTHS, 1],
};

for (const [prefix, [list, first]] of Object.entries(LISTS)) {
  test(`SCH_${prefix}_*`, () => {
    const named = constants.filter(([name]) => name.startsWith(`SCH_${prefix}_`));
    assert.ok(named.length > 1);
    assert.deepEqual(list, named.sort((a, b) => a[1] - b[1]).map(([name]) => hyphens(name.slice(`SCH_${prefix}_`.length))));
    assert.equal(named[0][1], first);
  });
}

test('limits, times, bits and handshakes', () => {
  const of = (prefix) => constants.filter(([name]) => name.startsWith(prefix)).map(([name, n]) => [name.slice(prefix.length), n]);
  const limits = of('SCH_LIMIT_');
  const lists = [[words.LIMITS, 1], [words.POOL_LIMITS, words.POOL_LIMITS_FROM], [words.CLUSTER_LIMITS, words.CLUSTER_LIMITS_FROM]];
  const named = new Map(lists.flatMap(([list, from]) => list.map((name, at) => [from + at, name])));
  assert.deepEqual(named, new Map(limits.map(([name, n]) => [n, camel(name)])));
  of('SCH_CLUSTER_TIME_').forEach(([name, n]) => assert.equal(words.CLUSTER_TIMES[n - 1], camel(name)));
  assert.equal(words.CLUSTER_TIMES.length, of('SCH_CLUSTER_TIME_').length);
  const actions = of('SCH_CLUSTER_').filter(([name]) => !name.startsWith('TIME_'));
  actions.forEach(([name, n]) => assert.equal(words.CLUSTER_ACTIONS[n - 1], hyphens(name)));
  assert.equal(words.CLUSTER_ACTIONS.length, actions.length);
  for (const [prefix, list] of [['SCH_WAITING_', words.WAITING], ['SCH_RELOAD_', words.RELOADS]]) {
    of(prefix).forEach(([name, bit]) => assert.equal(list[Math.log2(bit)], hyphens(name)));
    assert.equal(list.length, of(prefix).length);
  }
  assert.deepEqual(of('SCH_HANDSHAKE_'), [['SEEN', 1], ['BY_LIBSCH', 2]]);
  assert.deepEqual(words.HANDSHAKES, ['seen', 'libsch']);
});

test('every error has its name', () => {
  const errors = constants.filter(([name]) => name.startsWith('SCH_ERR_'));
  assert.ok(errors.length > 15);
  for (const [name, status] of errors) assert.equal(failure(status).code, name);
});

for (const [struct, list] of [
  ['sch_counters', words.COUNTERS], ['sch_pool_counts', words.POOL_COUNTERS],
  ['sch_endpoint_counters', words.ENDPOINT_COUNTERS], ['sch_cluster_counts', words.CLUSTER_COUNTERS],
]) {
  test(`every counter has its name, in the order of ${struct}`, () => {
    const [, fields] = new RegExp(`typedef struct ${struct} \\{(.*?)\n\\} ${struct};`, 's').exec(header);
    assert.deepEqual(list, [...fields.matchAll(/uint64_t (\w+);/g)].map(([, name]) => camel(name)));
  });
}

/** What has no call in Node, and why. */
const WITHOUT = new Map([
  ['sch_pool_add_waiter_fd', 'a loop of Node waits for no descriptor of the application: `addWaiter` is what wakes it'],
  ['sch_conn_receive_with', 'for hosts whose calls are costly: the addon has its own short answer of `receive`'],
]);

test('every setter and every call in the header can be reached', () => {
  const all = [...header.matchAll(/^(?:sch_status|const char \*|uint32_t) ?(sch_\w+)\(/gm)].map(([, name]) => name);
  assert.ok(all.length > 140);
  for (const name of WITHOUT.keys()) assert.ok(all.includes(name), name);
  const settings = new Set(native.settings());
  // What stands for these is said beside them.
  const otherwise = {
    sch_config_new: 'open', sch_config_free: 'open', sch_config_problem: 'open', sch_conn_new: 'open', sch_conn_free: 'release',
    sch_conn_poll_action: 'poll', sch_conn_slot_move: 'poll', sch_conn_next_deadline: 'deadline', sch_conn_set_log: 'takeLog',
    sch_status_str: 'statusText', sch_version_string: 'version', sch_abi_version: 'version', sch_config_allow_endpoint: 'open',
    sch_pool_new: 'poolOpen', sch_pool_free: 'poolRelease', sch_pool_next_deadline: 'poolDeadline', sch_pool_set_log: 'poolTakeLog',
    sch_cluster_new: 'clusterOpen', sch_cluster_free: 'clusterRelease', sch_cluster_next_deadline: 'clusterDeadline',
    sch_cluster_set_log: 'clusterTakeLog',
  };
  for (const name of all) {
    if (WITHOUT.has(name)) continue;
    const setter = /^sch_config_set_(\w+)$/.exec(name);
    if (setter) assert.ok(settings.has(camel(setter[1])), name);
    else assert.equal(typeof native[otherwise[name] ?? camel(name.replace(/^sch_(conn_)?/, ''))], 'function', name);
  }
});

/** Calls of the addon under another name than its method has. */
const METHODS = {
  open: 'constructor', receiveIn: 'receive', oweOn: 'owe', spans: 'takeSpans', pushBegin: 'pushValues', pushText: 'pushValues',
  pushInteger: 'pushValues', pushNull: 'pushValues', pushArray: 'pushValues', pushEnd: 'pushValues', poolOpen: 'constructor',
  poolRemoveWaiter: 'addWaiter', clusterOpen: 'constructor', clusterPollAction: 'poll', lastError: 'constructor',
  clusterLastError: 'constructor',
};
/** What is of the addon itself. */
const INNER = new Set(['now', 'statusText', 'version', 'settings', 'live', 'nothing', 'onWake', 'takeWoken', 'keySlot']);

test('every call of the addon has its method', () => {
  const { Cluster, Connection, Pool } = require('../dist/index.js');
  const nouns = [['pool', Pool], ['cluster', Cluster], ['', Connection]];
  for (const [name, call] of Object.entries(native)) {
    if (typeof call !== 'function' || INNER.has(name)) continue;
    const [noun, type] = nouns.find(([prefix]) => new RegExp(`^${prefix}(?=[A-Z]|$)`).test(name) || prefix === '');
    const bare = name.slice(noun.length);
    assert.ok((METHODS[name] ?? bare.charAt(0).toLowerCase() + bare.slice(1)) in type.prototype, name);
  }
});

test('every constant of the header is a word', () => {
  const known = [
    ...Object.keys(LISTS), 'LIMIT', 'CLUSTER', 'CLUSTER_TIME', 'RELOAD', 'WAITING', 'HANDSHAKE', 'ERR',
    'ACTION', // by `decode`, which the scenarios compare with the text of each
    'VERSION', 'ABI', // `version` and `abiVersion`
  ];
  // Statuses that are no errors are answers, and room for a text is the addon's.
  const others = new Set(['SCH_OK', 'SCH_EMPTY', 'SCH_MORE', 'SCH_HOST_SIZE', 'SCH_LINE_SIZE']);
  assert.ok(constants.length > 150);
  for (const [name] of constants) {
    assert.ok(others.has(name) || known.some((prefix) => name.startsWith(`SCH_${prefix}_`)), name);
  }
});
