// A cluster whose slots really move, under load: nothing fails, nothing is doubled, and no command that is sent after the map was
// patched goes to the wrong node.
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import test from 'node:test';
import { ClusterClient } from './support/cluster.mjs';
import { Sim } from './support/sim.mjs';

const KEYS = 24;
const SCALE = 0.2;

/** What the cluster is to ask for, and how often the map may be loaded after the start. */
const SCENARIOS = {
  'slot-migrate-existing': ['slots-moved'],
  'slot-migrate-new-node': ['slots-moved', 'dial-node'],
  'node-replace': ['slots-moved', 'dial-node', 'drain-node'],
  'slot-shuffle': ['slots-moved'],
};

/** Counts on one key; answers when it is told to end. */
async function count(client, key, signal, counts) {
  for (let value = 1; !signal.aborted; value++) {
    assert.equal(await client.command('INCR', key), value);
    counts.set(key, value);
    await wait(2);
  }
}

for (const [name, kinds] of Object.entries(SCENARIOS)) {
  test(name, { timeout: 60_000 }, async () => {
    const sim = await Sim.start({ cluster: 3 });
    const client = new ClusterClient({ host: '127.0.0.1', port: sim.endpoints.a.port });
    const stop = new AbortController();
    const counts = new Map();
    try {
      await client.start();
      assert.equal(client.dialled.size, 3);
      client.kinds.length = 0;
      const keys = Array.from({ length: KEYS }, (_, i) => `key:${i}`);
      const runs = keys.map((key) => count(client, key, stop.signal, counts));
      const failed = Promise.all(runs);
      failed.catch(() => {});
      // What is announced before the opt-in is announced to nobody.
      while ((await client.active()) < 3) await Promise.race([wait(5), failed]);
      await Promise.race([sim.play(name, SCALE), failed]);
      while (!client.kinds.includes('slots-moved') || client.restored === 0) await Promise.race([wait(5), failed]);
      // It goes on after it, on all keys.
      const after = new Map([...counts].map(([key, value]) => [key, value + 5]));
      while (![...after].every(([key, value]) => counts.get(key) >= value)) await Promise.race([wait(5), failed]);
      stop.abort();
      await failed;
      for (const kind of kinds) assert.ok(client.kinds.includes(kind), `${kind} in ${client.kinds}`);
      assert.equal(client.movedLate, 0);
      assert.ok(client.loads <= 2, `${client.loads} loads`);
      assert.equal(client.drained.size, kinds.includes('drain-node') ? 1 : 0);
      assert.equal(client.map.counters.smigrated > 0, true);
      for (const key of keys) assert.equal(Number(await client.command('GET', key)), counts.get(key));
    } finally {
      stop.abort();
      await client.stop();
      await sim.stop();
    }
  });
}
