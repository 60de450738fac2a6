// Workers that count, on the client of this folder. For `make demo`; the client is what is worth reading.
//
//   node examples/node/workload.mjs --driver node --port 6379
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { parseArgs } from 'node:util';
import { Client } from './client.mjs';
import { Worker, report } from './ledger.mjs';
import { Lost, NotConnected, ReplyError } from './resp.mjs';

/** @returns {{ driver: string, options: import('./ledger.mjs').Options }} */
function parse() {
  const names = ['driver', 'host', 'port', 'ca', 'name', 'workers', 'rate', 'timeout-ms', 'seconds', 'prefix', 'migration-window-ms'];
  const options = Object.fromEntries(names.map((name) => [name, { type: /** @type {'string'} */ ('string') }]));
  const { values } = parseArgs({ options, strict: true });
  /** @param {string} name @param {number} [otherwise] */
  const number = (name, otherwise) => {
    const value = Number(values[name] ?? otherwise);
    if (value > 0) return value;
    throw new Error(`--${name}: a number above 0 was expected`);
  };
  if (values.driver !== 'node') throw new Error('--driver: no such client is here');
  return {
    driver: values.driver,
    options: {
      host: values.host ?? '127.0.0.1', port: number('port'), ca: values.ca, name: values.name ?? 'localhost',
      workers: number('workers', 8), rate: number('rate', 200), timeoutMs: number('timeout-ms', 500),
      seconds: number('seconds', 5), prefix: values.prefix ?? 'w',
      migrationWindowMs: values['migration-window-ms'] === undefined ? undefined : number('migration-window-ms'),
    },
  };
}

/**
 * What a rejection of `Client.command` says of the command.
 * @param {unknown} error
 * @returns {import('./ledger.mjs').Outcome}
 */
function outcomeOf(error) {
  if (error instanceof Lost) return error.mayHaveRun ? 'unknown' : 'not-run';
  return error instanceof ReplyError ? 'error' : 'timeout';
}

/**
 * A worker; it connects where there is no connection.
 * @param {Worker} worker
 */
async function run(worker) {
  const { host, port, name, timeoutMs, migrationWindowMs } = worker.options;
  const tls = secureContext && { secureContext, servername: name };
  /** @type {Client | undefined} */
  let client;

  /** @type {import('./ledger.mjs').Ask} */
  async function ask(...words) {
    for (let tries = 0; tries < 2; tries++) {
      try {
        // The simulator's nodes are addresses; with TLS the opt-in would ask for names that only a real DNS has.
        const options = { host, port, tls, endpointType: /** @type {const} */ ('internal-ip'), migrationWindowMs };
        if (client === undefined || client.stream.destroyed) {
          client = await Client.connect({ ...options, after: client?.stream }, timeoutMs);
          worker.stats.connections++;
          worker.hear(client.stream);
        }
      } catch {
        break;
      }
      try {
        return { outcome: 'ok', value: Number((await client.command(...words)) ?? 0) };
      } catch (error) {
        if (!(error instanceof NotConnected)) return { outcome: outcomeOf(error), value: 0 };
        client.close();
      }
    }
    return { outcome: 'no-connection', value: 0 };
  }

  await worker.run(ask);
  client?.close();
}

const { driver, options } = parse();
// Made once: each connect would make its own of `ca`.
const secureContext = options.ca === undefined ? undefined : createSecureContext({ ca: readFileSync(options.ca) });
const workers = Array.from({ length: options.workers }, (_, number) => new Worker(number, options));
await Promise.all(workers.map(run));
process.exitCode = report(driver, workers);
