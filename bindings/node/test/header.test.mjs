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
};

for (const [prefix, [list, first]] of Object.entries(LISTS)) {
  test(`SCH_${prefix}_*`, () => {
    const named = constants.filter(([name]) => name.startsWith(`SCH_${prefix}_`));
    assert.ok(named.length > 1);
    assert.deepEqual(list, named.sort((a, b) => a[1] - b[1]).map(([name]) => hyphens(name.slice(`SCH_${prefix}_`.length))));
    assert.equal(named[0][1], first);
  });
}

test('limits, bits and handshakes', () => {
  const of = (prefix) => constants.filter(([name]) => name.startsWith(prefix)).map(([name, n]) => [name.slice(prefix.length), n]);
  const limits = of('SCH_LIMIT_').filter(([name]) => !name.startsWith('MAX_CLUSTER_'));
  limits.forEach(([name, n]) => assert.equal(words.LIMITS[n - 1], camel(name)));
  assert.equal(words.LIMITS.length, limits.length);
  of('SCH_WAITING_').forEach(([name, bit]) => assert.equal(words.WAITING[Math.log2(bit)], hyphens(name)));
  assert.equal(words.WAITING.length, of('SCH_WAITING_').length);
  assert.deepEqual(of('SCH_HANDSHAKE_'), [['SEEN', 1], ['BY_LIBSCH', 2]]);
  assert.deepEqual(words.HANDSHAKES, ['seen', 'libsch']);
});

test('every error has its name', () => {
  const errors = constants.filter(([name]) => name.startsWith('SCH_ERR_'));
  assert.ok(errors.length > 15);
  for (const [name, status] of errors) assert.equal(failure(status).code, name);
});

test('every counter has its name, in the order of the struct', () => {
  const struct = /typedef struct sch_counters \{(.*?)\n\} sch_counters;/s.exec(header)[1];
  const names = [...struct.matchAll(/uint64_t (\w+);/g)].map(([, name]) => camel(name));
  assert.deepEqual(words.COUNTERS, names);
});

/** What has no words in Node yet: pools, clusters, and what a connection says to its pool; and what is for calls that are costly. */
const WITHOUT = /^sch_(pool_\w+|cluster_\w+|config_set_cluster_time_ms|key_slot|conn_(dial_to|join|leave|take|give|has_mail|member|receive_with))$/;

test('every setter and every call of a connection in the header can be reached', () => {
  const functions = [...header.matchAll(/^(?:sch_status|const char \*|uint32_t) ?(sch_\w+)\(/gm)].map(([, name]) => name)
    .filter((name) => !WITHOUT.test(name));
  assert.ok(functions.length > 80);
  const settings = new Set(native.settings());
  // What stands for these is said beside them.
  const otherwise = {
    sch_config_new: 'open', sch_config_free: 'open', sch_config_problem: 'open', sch_conn_new: 'open', sch_conn_free: 'release',
    sch_conn_poll_action: 'poll', sch_conn_slot_move: 'poll', sch_conn_next_deadline: 'deadline', sch_conn_set_log: 'takeLog',
    sch_status_str: 'statusText', sch_version_string: 'version', sch_abi_version: 'version', sch_config_allow_endpoint: 'open',
  };
  for (const name of functions) {
    const setter = /^sch_config_set_(\w+)$/.exec(name);
    if (setter) assert.ok(settings.has(camel(setter[1])), name);
    else assert.equal(typeof native[otherwise[name] ?? camel(name.replace(/^sch_conn_/, ''))], 'function', name);
  }
});
