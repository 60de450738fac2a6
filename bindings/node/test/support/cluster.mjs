// A small client of a cluster: one slot map, a stream to each node that is needed.
import { setTimeout as wait } from 'node:timers/promises';
import { Cluster, connect } from 'sch';
import { Client, ReplyError } from './client.mjs';

export class ClusterClient {
  loads = 0;
  moved = 0;
  /** MOVED for a command that was sent after the map had been patched. */
  movedLate = 0;
  kinds = [];
  dialled = new Set();
  drained = new Set();
  restored = 0;
  #clients = new Map();
  #patched = Infinity;
  #loading = Promise.resolve();

  constructor(first) {
    this.first = first;
    this.map = new Cluster({ clusterTimesMs: { reloadJitter: 50, reloadInterval: 50 } });
  }

  async start() {
    await this.#load(this.first, this.map.reloadStarted());
    this.#pump();
  }

  async #open(at, told = () => {}) {
    const stream = connect({ host: at.host, port: at.port, cluster: this.map, relaxedTimeoutMs: 10_000 });
    stream.on('slots-moved', told).on('reload-slots', told).on('restored', () => this.restored++);
    const client = new Client(stream);
    await client.send('HELLO', '3');
    return client;
  }

  async #load({ host, port }, seq) {
    const at = { host: host ?? this.first.host, port: port ?? this.first.port };
    try {
      const client = await this.#open(at);
      this.map.loadSlots(await client.sendRaw('CLUSTER', 'SLOTS'), at, seq);
      this.loads++;
      client.stream.destroy();
    } catch {
      this.map.reloadFailed();
    }
    this.#pump();
  }

  /** After every input, and at the deadline. */
  #pump() {
    this.map.tick();
    for (let action; (action = this.map.poll()); ) {
      this.kinds.push(action.kind);
      if (action.kind === 'reload-slots') this.#loading = this.#load(action, action.seq);
      else if (action.kind === 'slots-moved') this.#patched = performance.now();
      else if (action.kind === 'dial-node') this.dialled.add(action.port);
      else if (action.kind === 'drain-node') {
        this.drained.add(action.port);
        void this.#drain(action.node);
      }
    }
    clearTimeout(this.timer);
    const ms = this.map.delayMs();
    if (ms !== undefined) this.timer = setTimeout(() => this.#pump(), ms).unref();
  }

  async #drain(node) {
    const client = await this.#clients.get(node)?.catch(() => undefined);
    this.#clients.delete(node);
    while (client?.owed > 0) await wait(2);
    client?.stream.destroy();
  }

  #to(number) {
    let client = this.#clients.get(number);
    if (client === undefined) {
      client = this.#open(this.map.node(number), () => this.#pump());
      this.#clients.set(number, client);
      client.then(({ stream }) => stream.once('close', () => this.#clients.delete(number)), () => this.#clients.delete(number));
    }
    return client;
  }

  /** Streams to nodes that are open and told of maintenance. */
  async active() {
    const clients = await Promise.all(this.#clients.values());
    return clients.filter(({ stream }) => stream.isActive).length;
  }

  async command(name, key, ...rest) {
    for (;;) {
      const node = this.map.ownerOfKey(key);
      if (node === undefined) {
        await wait(2);
        continue;
      }
      const { host, port } = this.map.node(node);
      const client = await this.#to(node);
      const sent = performance.now();
      try {
        return await client.send(name, key, ...rest);
      } catch (error) {
        if (!(error instanceof ReplyError)) throw error;
        const to = this.map.redirected(error.message, { host, port });
        this.#pump();
        if (to === undefined) throw error;
        if (!to.isAsk) {
          this.moved++;
          if (sent > this.#patched) this.movedLate++;
          continue;
        }
        const there = await this.#to(to.node ?? this.map.moved(to.slot, to.host, to.port));
        const [, reply] = await Promise.all([there.send('ASKING'), there.send(name, key, ...rest)]);
        return reply;
      }
    }
  }

  async stop() {
    // A load that is under way tells the map how it ended.
    await this.#loading;
    clearTimeout(this.timer);
    for (const client of this.#clients.values()) (await client).stream.destroy();
    this.map.release();
  }
}
