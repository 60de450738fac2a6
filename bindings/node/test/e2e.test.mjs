// `connect` before a real redis-server, through all that maintenance does: nothing fails that need not, nothing is
// doubled, replies come in order.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as wait } from 'node:timers/promises';
import test, { after, before, describe } from 'node:test';
import { connect } from 'sch';
import { Client } from './support/client.mjs';
import { Sim, startRedis } from './support/sim.mjs';
import { Worker } from './support/load.mjs';

/** With a MOVING, or with connections that stay: no command may fail. The others close connections
 * without a word, so many times: their workers ask the server what has run, and go on. */
const SMOOTH = [
  'rolling-upgrade', 'maintenance-mode', 'database-version-upgrade', 'shard-migration', 'failover', 'endpoint-type-none',
];
const HARD = { 'in-place-upgrade': 1, 'server-without-feature': 2, 'resp2-only': 2 };
const HANDOFFS = new Set(['rolling-upgrade', 'maintenance-mode', 'endpoint-type-none']);
const SCALE = 0.2;
const WORKERS = 3;

let redis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

for (const tls of [false, true]) {
  describe(tls ? 'TLS' : 'plain', { concurrency: 5 }, () => {
    for (const name of [...SMOOTH, ...Object.keys(HARD)]) {
      test(name, { timeout: 60_000 }, async () => {
        const sim = await Sim.start({ upstream: redis.port, tls });
        const stop = new AbortController();
        try {
          const options = { ...sim.options('a'), relaxedTimeoutMs: 10_000 };
          const workers = Array.from({ length: WORKERS }, (_, i) => new Worker(`${name}:${tls}:${i}`, options));
          const runs = workers.map((worker) => worker.run(stop.signal));
          // What is announced before the opt-in is announced to nobody.
          while (!workers.every((worker) => worker.client?.stream.isActive)) await wait(5);
          await sim.play(name, SCALE);
          // It goes on after it, however slow the machine is.
          const after = workers.map(({ commands }) => commands + 20);
          while (!workers.every(({ commands }, i) => commands >= after[i])) await wait(5);
          stop.abort();
          await Promise.all(runs);
          for (const worker of workers) {
            assert.deepEqual(worker.wrong, []);
            if (name in HARD) {
              assert.equal(worker.connects, 1 + HARD[name]);
              continue;
            }
            assert.equal(worker.failed, 0);
            assert.equal(worker.connects, 1, 'one stream for all');
            const swaps = worker.events.swapped?.length ?? 0;
            assert.equal(swaps, HANDOFFS.has(name) ? 1 : 0);
            assert.equal(worker.events.moving?.length ?? 0, swaps);
            assert.ok(worker.events.relaxed.length > 0);
            assert.equal(worker.events['handoff-failed'], undefined);
          }
        } finally {
          stop.abort();
          await sim.stop();
        }
      });
    }
  });
}

test('credentials that changed are asked for in a handoff, and the connection goes on', { timeout: 60_000 }, async () => {
  const sim = await Sim.start({ upstream: redis.port });
  const admin = new Client(connect(sim.options('a')));
  try {
    const user = (password) => admin.send('ACL', 'SETUSER', 'someone', 'reset', 'on', '~*', '+@all', `>${password}`);
    await admin.send('HELLO', '3');
    await user('old');
    let asked = 0;
    const stream = connect({
      ...sim.options('a'),
      async credentials() {
        asked++;
        return { username: 'someone', password: 'new' };
      },
    });
    const told = [];
    stream.on('need-credentials', (fields) => told.push(fields));
    const client = new Client(stream);
    await client.send('HELLO', '3', 'AUTH', 'someone', 'old');
    await client.send('PING');
    while (!stream.isActive) await wait(5);
    await user('new');
    await sim.post('move', { from: 'a', to: 'b', time_s: 5 });
    while (stream.counters.handoffsSwapped === 0) {
      assert.equal(stream.counters.handoffsFailed, 0);
      await wait(5);
    }
    assert.equal(asked, 1);
    assert.equal(told.length, 1);
    assert.equal(await client.send('ACL', 'WHOAMI'), 'someone');
    stream.destroy();
  } finally {
    admin.stream.destroy();
    await sim.stop();
  }
});

test('the example counts over a move', { timeout: 60_000 }, async () => {
  const sim = await Sim.start({ upstream: redis.port });
  try {
    const example = fileURLToPath(new URL('../../../examples/node/watch.mjs', import.meta.url));
    const child = spawn(process.execPath, [example, '127.0.0.1', sim.endpoints.a.port, '2'].map(String));
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (out += chunk));
    while (!(await sim.request('GET', '/v1/status')).connections.some((c) => c.opted_in)) await wait(20);
    await sim.post('move', { from: 'a', to: 'b', time_s: 5 });
    await once(child, 'exit');
    assert.match(out, /^swapped /m);
    const [, sent, counter, port] = /^(\d+) sent, the counter is (\d+), 0 lost, on port (\d+)$/m.exec(out) ?? assert.fail(out);
    assert.equal(sent, counter);
    assert.ok(Number(sent) > 10);
    assert.equal(Number(port), sim.endpoints.b.port);
  } finally {
    await sim.stop();
  }
});
