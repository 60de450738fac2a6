/**
 * A Duplex that survives maintenance: what is written goes to the node that serves, what is read comes in the order of
 * commands, over all handoffs. What it does is in `loop.ts`; here is what its users see.
 */

import { Duplex, addAbortSignal } from 'node:stream';
import { Connection } from './connection.js';
import { mistake } from './errors.js';
import type { SchEventName, SchEvents } from './events.js';
import { dispose } from './handle.js';
import { MOST_DELAY_MS } from './idle.js';
import { Loop } from './loop.js';
import { type ConnectOptions, check, isSecure, settingsOf } from './options.js';
import type { Done } from './outgoing.js';
import type { Transport } from './transport.js';
import { COUNTERS, type Counters, type Phase } from './words.js';

export class SchSocket extends Duplex {
  readonly #loop: Loop;
  /** What the next stream may take over. */
  #left: Connection | undefined;
  /** Counters after the end. */
  #last: Counters | undefined;

  constructor(options: ConnectOptions) {
    check(options);
    const { after, ...rest } = options;
    if (after !== undefined && !(after instanceof SchSocket && after.destroyed)) {
      throw mistake('connect: after: a stream of this package that has ended was expected');
    }
    const settings = settingsOf(options);
    const { highWaterMark, signal } = options;
    super({ allowHalfOpen: false, emitClose: true, highWaterMark });
    const left = after === undefined ? after : after.#take();
    this.#loop = new Loop(this, left ?? new Connection(settings), rest);
    // Not by `super`: a signal that was given already destroys at once, and needs what is made here.
    if (signal !== undefined) addAbortSignal(signal, this);
    // The caller has its listeners on before anything can fail.
    process.nextTick(() => this.destroyed || this.#loop.begin());
  }

  /** The connection of libsch, once. */
  #take(): Connection | undefined {
    const left = this.#left;
    this.#left = undefined;
    return left;
  }

  // As of a Duplex ---------------------------------------------------------------------------------------------

  override _read(): void {
    this.#loop.links.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#loop.out.write(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, done);
  }

  override _final(done: Done): void {
    this.#loop.out.final(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    const { conn, out } = this.#loop;
    const isLeft = this.#loop.end();
    this.#last = countersOf(conn);
    if (isLeft) this.#left = conn;
    else conn.release();
    out.fail(error);
    done(error);
  }

  [dispose](): void {
    this.destroy();
  }

  // As of a socket ---------------------------------------------------------------------------------------------

  /** Newer credentials, at any time: for the nodes that are connected to from now on. */
  setCredentials(username: string | undefined, password: string | Uint8Array): this {
    this.#loop.input(() => this.#loop.conn.credentials(username, password));
    return this;
  }

  /**
   * The handshake is done. libsch sees that at the first ordinary command; say it where none follows, or a handoff waits for
   * the end of the handshake until its deadline.
   */
  handshakeDone(): this {
    this.#loop.input(() => (this.#loop.conn.current === undefined ? 0 : this.#loop.conn.ready(this.#loop.conn.current)));
    return this;
  }

  /** The timeout of a command now, given the one that is configured; ask again when `relaxed` or `restored` comes. */
  effectiveTimeoutMs(configured: number | undefined): number | undefined {
    return this.destroyed ? configured : this.#loop.conn.effectiveTimeoutMs(configured);
  }

  /** Counters of libsch; the last ones after the end. */
  get counters(): Counters {
    return this.#last ?? this.#loop.conn.counters;
  }

  get phase(): Phase {
    return this.#last ? 'closed' : this.#loop.conn.phase;
  }

  /** Whether the server sends maintenance notifications. */
  get isActive(): boolean {
    return !this.#last && this.#loop.conn.isActive;
  }

  get connecting(): boolean {
    return !this.#loop.isUp && !this.#loop.over;
  }

  get pending(): boolean {
    return !this.#loop.isUp;
  }

  get encrypted(): boolean {
    return isSecure(this.#loop.options);
  }

  /** The address of the node that serves now. */
  get remoteAddress(): string | undefined {
    return this.#current?.socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#current?.socket.remotePort;
  }

  get remoteFamily(): string | undefined {
    return this.#current?.socket.remoteFamily;
  }

  get #current(): Transport | undefined {
    return this.#last ? undefined : this.#loop.links.get(this.#loop.conn.current ?? 0);
  }

  setNoDelay(noDelay: boolean = true): this {
    this.#loop.links.setNoDelay(noDelay);
    return this;
  }

  setKeepAlive(enable: boolean = false, delayMs: number = 0): this {
    this.#loop.links.setKeepAlive(enable, delayMs);
    return this;
  }

  ref(): this {
    return this.#keep(true);
  }

  unref(): this {
    return this.#keep(false);
  }

  #keep(keeps: boolean): this {
    this.#loop.links.keep(keeps);
    if (!this.destroyed) this.#loop.arm();
    return this;
  }

  /** `timeout` after so long without a byte, or the relaxed timeout if that is longer. 0 is never. */
  setTimeout(ms: number, listener?: () => void): this {
    if (typeof ms !== 'number' || !(ms >= 0 && ms < Infinity)) throw mistake('setTimeout: a number of milliseconds from 0 was expected');
    if (listener) ms > 0 ? this.once('timeout', listener) : this.off('timeout', listener);
    this.#loop.idle.set(Math.min(Math.ceil(ms), MOST_DELAY_MS), !this.destroyed);
    return this;
  }
}

/** Connects to a Redis service. `listener` is called once on `connect`. */
export function connect(options: ConnectOptions, listener?: () => void): SchSocket {
  const socket = new SchSocket(options);
  if (listener !== undefined) socket.once('connect', listener);
  return socket;
}

/** Listeners of the events of libsch have their fields; all other events are those of a `Duplex`. */
export interface SchSocket {
  on<K extends SchEventName>(event: K, listener: (fields: SchEvents[K]) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
  once<K extends SchEventName>(event: K, listener: (fields: SchEvents[K]) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;
}

function countersOf(conn: Connection): Counters {
  try {
    return conn.counters;
  } catch {
    return Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counters;
  }
}
