// Starts a redis-server and a simulator before it, speaks to it, stops both.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../../..', import.meta.url));
// The one that cargo's tests have, unless named.
const binary = process.env.SCH_SIM || join(top, 'target', 'debug', 'sch-sim');

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A redis-server that outlives nobody. */
export async function startRedis() {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'sch-redis-'));
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn('redis-server', args.map(String), { stdio: 'ignore' });
  const failed = once(child, 'error').then(([error]) => Promise.reject(error));
  failed.catch(() => {});
  const up = (async () => {
    for (;;) {
      const socket = net.connect(port, '127.0.0.1');
      const ok = await new Promise((done) => socket.once('connect', () => done(true)).once('error', () => done(false)));
      socket.destroy();
      if (ok) return;
      await wait(20);
    }
  })();
  await Promise.race([up, failed]);
  return {
    port,
    async stop() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
      rmSync(folder, { recursive: true });
    },
  };
}

export class Sim {
  static async start({ upstream, tls = false, names = ['a', 'b', 'c'], server = 'software', cluster } = {}) {
    const args = ['serve', '--exit-with-stdin', '--max-seconds', '120', '--server', server];
    for (const name of names) args.push('--endpoint', `${name}=127.0.0.1:0${tls ? ',tls' : ''}`);
    if (cluster) args.push('--cluster', cluster);
    if (upstream) args.push('--upstream', `127.0.0.1:${upstream}`);
    const sim = new Sim();
    sim.child = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let line = '';
    for await (const chunk of sim.child.stdout) {
      line += chunk;
      if (line.includes('\n')) break;
    }
    const ready = JSON.parse(line);
    sim.http = ready.http;
    sim.endpoints = Object.fromEntries(ready.endpoints.map((e) => [e.name, e]));
    sim.ca = tls ? readFileSync(ready.ca_file) : undefined;
    return sim;
  }

  async request(method, path, body) {
    const answer = await fetch(`http://${this.http}${path}`, {
      method,
      body: body && JSON.stringify(body),
      headers: { 'content-type': 'application/json', connection: 'close' },
    });
    const value = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(value)}`);
    return value;
  }

  post(what, body) {
    return this.request('POST', `/v1/${what}`, body);
  }

  /** Plays a scenario to its end. */
  async play(name, scale) {
    const { id } = await this.post('scenario', { name, scale });
    for (;;) {
      const run = await this.request('GET', `/v1/scenario/${id}`);
      if (run.state === 'failed') throw new Error(run.error);
      if (run.state === 'done') return;
      await wait(20);
    }
  }

  /** What `connect` needs to come to an endpoint. */
  options(name) {
    const { port } = this.endpoints[name];
    // Names of the simulator are in no DNS.
    const lookup = (_host, options, done) =>
      options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
    return this.ca
      ? { host: 'localhost', port, tls: { ca: this.ca }, net: { lookup } }
      : { host: '127.0.0.1', port };
  }

  async stop() {
    const exit = once(this.child, 'exit');
    this.child.stdin.end();
    await exit;
  }
}

