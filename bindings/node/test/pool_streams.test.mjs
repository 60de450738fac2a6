// Streams of one pool: they dial where it says, and what one of them reads acts for all.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Pool, connect } from 'sch';
import { Client } from './support/client.mjs';
import { Sim } from './support/sim.mjs';

async function until(condition) {
  while (!condition()) await wait(5);
}

async function open(sim, pool, more) {
  const stream = connect({ ...sim.options('a'), pool, seed: 1, ...more });
  const client = new Client(stream);
  await client.send('HELLO', '3');
  await until(() => stream.isActive);
  return client;
}

test('what one stream reads acts for the others, and new ones dial where the service goes', { timeout: 60_000 }, async () => {
  const sim = await Sim.start();
  const pool = new Pool({ host: '127.0.0.1', port: sim.endpoints.a.port, seed: 1 });
  try {
    const [reader, other] = [await open(sim, pool), await open(sim, pool)];
    assert.equal(pool.counters.members, 2);
    assert.equal(pool.endpointCounters('127.0.0.1', sim.endpoints.a.port).dials, 2);
    const relaxed = [reader, other].map(({ stream }) => once(stream, 'relaxed'));
    const [first] = (await sim.request('GET', '/v1/status')).connections;
    await sim.post('push', { endpoint: 'a', connection: first.id, data: '>4\\r\\n+MIGRATING\\r\\n:900\\r\\n:5\\r\\n*1\\r\\n$1\\r\\n1\\r\\n' });
    for (const [{ reason }] of await Promise.all(relaxed)) assert.equal(reason, 'migration');
    assert.deepEqual([...pool.events()].map(({ kind, notification, seq }) => [kind, notification, seq]), [['maintenance', 'migrating', 900]]);

    const swapped = [reader, other].map(({ stream }) => once(stream, 'swapped'));
    await sim.post('move', { from: 'a', to: 'b', time_s: 5 });
    await until(() => [...pool.events()].some(({ notification }) => notification === 'moving'));
    const late = await open(sim, pool);
    assert.equal(late.stream.remotePort, sim.endpoints.b.port, 'not the configured one');
    while (pool.counters.handoffsSwapped < 2) {
      pool.tick();
      await wait(5);
    }
    for (const [{ port }] of await Promise.all(swapped)) assert.equal(port, sim.endpoints.b.port);
    assert.ok(pool.counters.grants >= 2);

    // A stream that has ended is no member, and one that follows it is one again.
    reader.stream.destroy();
    other.stream.end();
    await once(other.stream, 'close');
    assert.equal(pool.counters.members, 1);
    const next = await open(sim, pool, { after: other.stream });
    assert.equal(pool.counters.members, 2);
    next.stream.destroy();
    late.stream.destroy();
    assert.equal(pool.counters.members, 0);
  } finally {
    await sim.stop();
  }
});

test('where nobody listens the pool is told, and where it was released the stream says it', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  const at = { host: '127.0.0.1', port };
  const pool = new Pool(at);
  const [refused] = await once(connect({ ...at, pool }), 'error');
  assert.equal(refused.code, 'ECONNREFUSED');
  assert.equal(pool.endpointCounters(at.host, port).dialsFailed, 1);

  const stream = connect({ ...at, pool });
  pool.release();
  assert.equal((await once(stream, 'error'))[0].code, 'SCH_ERR_CLOSED');
  assert.throws(() => connect({ ...at, pool }), { code: 'SCH_ERR_CLOSED' });
});
