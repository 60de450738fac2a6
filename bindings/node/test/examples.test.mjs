// The client of examples/node where nothing is announced: connections that close, are reset, or do not answer. Each command
// that fails is accounted for: the counters on the server are what the replies said, and the load goes on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import { Sim } from './support/sim.mjs';

const WORKERS = 4;
const WORKLOAD = fileURLToPath(new URL('../../../examples/node/workload.mjs', import.meta.url));
/** What is done, and whether commands must have run into the timeout. */
const FAULTS = {
  closed: [[{ close: true }], false],
  reset: [[{ reset: true }], false],
  'cut in a reply': [[{ close_mid_reply: true }], false],
  silent: [[{ freeze: true }, { freeze: false }], true],
};

/** Until every worker works on a connection with a number above `after`, at least one; the highest. */
async function busy(sim, after) {
  for (;;) {
    const { connections } = await sim.request('GET', '/v1/status');
    const ids = connections.filter((c) => c.commands > 10).map((c) => c.id);
    if (ids.length === WORKERS && Math.max(...ids) > after) return Math.max(...ids);
    await wait(10);
  }
}

async function ended(sim) {
  const { events } = await sim.request('GET', '/v1/events');
  return events.filter((e) => e.event === 'disconnected').length;
}

for (const [name, [faults, silent]] of Object.entries(FAULTS)) {
  test(`what fails is accounted for: ${name}`, { timeout: 60_000 }, async () => {
    const sim = await Sim.start({});
    const args = ['--driver', 'node', '--port', sim.endpoints.a.port, '--workers', WORKERS, '--seconds', 60];
    const load = spawn(process.execPath, [WORKLOAD, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      let out = '';
      load.stdout.on('data', (chunk) => (out += chunk));
      const connected = await busy(sim, 0);
      for (const fault of faults) {
        await sim.post('fault', { endpoint: 'a', ...fault });
        // Until all have given up: what came later would be taken for another's reply, so they close.
        while (fault.freeze && (await ended(sim)) < WORKERS) await wait(10);
      }
      await busy(sim, connected);
      load.kill('SIGTERM');
      const [code] = await once(load, 'close');
      const result = JSON.parse(out);
      assert.equal(code, 0, out);
      assert.deepEqual([result.doubled, result.misordered, result.lost], [0, 0, 0]);
      assert.ok(result.connections > WORKERS, out);
      assert.ok(!silent || result.failed > 0, out);
      assert.ok(result.unknown <= result.failed && result.failed <= 3 * WORKERS, out);
    } finally {
      load.kill('SIGKILL');
      await sim.stop();
    }
  });
}
