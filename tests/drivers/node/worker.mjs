// Load through node-redis, one loop per key. Lines in: `mark`, `stop`. Lines out: JSON.
import { createRequire } from 'node:module';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';

const { values: o } = parseArgs({
  options: {
    host: { type: 'string' },
    port: { type: 'string' },
    protocol: { type: 'string', default: '3' },
    'endpoint-type': { type: 'string' },
    timeout: { type: 'string', default: '0.4' },
    workers: { type: 'string', default: '2' },
    pause: { type: 'string', default: '0.02' },
  },
});
const counts = { ok: 0, errors: {}, unhandled: 0 };
const note = (error) => {
  const name = error?.constructor?.name ?? 'Error';
  counts.errors[name] = (counts.errors[name] ?? 0) + 1;
};
process.on('unhandledRejection', () => counts.unhandled++);

const client = createClient({
  RESP: Number(o.protocol),
  maintEndpointType: o['endpoint-type'] ?? 'auto',
  disableOfflineQueue: false,
  socket: {
    host: o.host,
    port: Number(o.port),
    // A command that was written has no time limit: an idle socket has.
    socketTimeout: Number(o.timeout) * 1000,
    reconnectStrategy: () => 50,
  },
});
client.on('error', () => {});
await client.connect();
let stopped = false;
const load = async (key) => {
  while (!stopped) {
    try {
      await client.incr(key);
      counts.ok++;
    } catch (error) {
      note(error);
    }
    await sleep(Number(o.pause) * 1000);
  }
};
for (let i = 0; i < Number(o.workers); i++) load(`k${i}`);
const { version } = createRequire(import.meta.url)('redis/package.json');
console.log(JSON.stringify({ ready: true, version }));
for await (const line of readline.createInterface({ input: process.stdin })) {
  if (line.trim() === 'stop') break;
  console.log(JSON.stringify(counts));
}
stopped = true;
process.exit(0);
