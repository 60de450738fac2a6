/** The transports of one stream, by the numbers of libsch, and how their sockets are set. */

import type { ConnectOptions } from './options.js';
import { type Owner, type Target, Transport } from './transport.js';

const KEEP_ALIVE_MS = 5000;

export class Links {
  readonly #all = new Map<number, Transport>();
  readonly #owner: Owner;
  #options: ConnectOptions;
  #keeps = true;

  constructor(options: ConnectOptions, owner: Owner) {
    this.#options = options;
    this.#owner = owner;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Whether an open socket keeps the process. */
  get keeps(): boolean {
    return this.#keeps;
  }

  get(id: number): Transport | undefined {
    return this.#all.get(id);
  }

  has(transport: Transport): boolean {
    return this.#all.get(transport.id) === transport;
  }

  delete(id: number): void {
    this.#all.delete(id);
  }

  [Symbol.iterator](): IterableIterator<Transport> {
    return this.#all.values();
  }

  /** Opens a socket. `failed` if it never comes up. */
  open(id: number, target: Target, failed: (error: Error | undefined) => void): Transport | undefined {
    const owner = this.#owner;
    let transport: Transport;
    try {
      transport = new Transport(id, target, this.#options, {
        up: (t) => owner.up(t),
        data: (t, chunk) => owner.data(t, chunk),
        written: (t) => owner.written(t),
        down: (t, error) => (t.isUp ? owner.down(t, error) : failed(error)),
      });
    } catch (error) {
      // Node refuses some options only when a socket is made.
      process.nextTick(failed, error);
      return undefined;
    }
    this.#all.set(id, transport);
    const { socket } = transport;
    if (this.#options.noDelay !== false) socket.setNoDelay(true);
    if (this.#options.keepAliveMs !== false) socket.setKeepAlive(true, this.#options.keepAliveMs ?? KEEP_ALIVE_MS);
    if (!this.#keeps) socket.unref();
    return transport;
  }

  resume(): void {
    for (const transport of this) transport.resume();
  }

  dropAll(): void {
    for (const transport of this) transport.drop();
    this.#all.clear();
  }

  setNoDelay(noDelay: boolean): void {
    this.#options = { ...this.#options, noDelay };
    for (const { socket } of this) socket.setNoDelay(noDelay);
  }

  setKeepAlive(enable: boolean, delayMs: number): void {
    this.#options = { ...this.#options, keepAliveMs: enable && delayMs };
    for (const { socket } of this) socket.setKeepAlive(enable, delayMs);
  }

  keep(keeps: boolean): void {
    this.#keeps = keeps;
    for (const { socket } of this) keeps ? socket.ref() : socket.unref();
  }
}
