/**
 * A Duplex that survives maintenance: what is written goes to the node that serves, what is read comes in the order of
 * commands, over all handoffs. It is the run loop of the C header, level 3, on sockets of Node.
 */

import { Duplex } from 'node:stream';
import type { Action } from './action.js';
import { Cluster } from './cluster.js';
import { Connection } from './connection.js';
import { SchError, mistake } from './errors.js';
import { type SchEventName, type SchEvents, publish } from './events.js';
import { dispose } from './handle.js';
import { type Settings, isSetting } from './settings.js';
import { Todo } from './todo.js';
import { type SocketOptions, type Target, Transport } from './transport.js';
import { COUNTERS, type CloseReason, type Counters, type Phase } from './words.js';

/** What is settled by being a stream: replies that never come are errors in their place, a cut reply ends the stream. */
type Settled = 'level' | 'onLoss' | 'canResetParser' | 'tls';

export interface ConnectOptions extends Omit<Settings, Settled>, SocketOptions {
  host: string;
  port: number;
  /** For the first connect, each address. Default 10,000. Later ones have the time that the server gives. */
  connectTimeoutMs?: number;
  noDelay?: boolean;
  /** Idle milliseconds before TCP asks; `false` is never. */
  keepAliveMs?: number | false;
  signal?: AbortSignal;
  highWaterMark?: number;
  /**
   * A stream that has ended, which this one follows: what libsch learnt there is used, above all where a service that was
   * moved is to be found. Settings of libsch are those of the first.
   */
  after?: SchSocket;
  /** Told first of what concerns the slot map: then `slots-moved` and `reload-slots` come, and you `poll` it. */
  cluster?: Cluster;
  /** Asked when the server does not take those it knows, in a handoff. */
  credentials?: () => Credentials | Promise<Credentials>;
}

export interface Credentials {
  username?: string;
  password: string | Uint8Array;
}

type Done = (error?: Error | null) => void;

/** Of the region, copied and handed to a socket at once. */
const REGION = 65536;
const CONNECT_TIMEOUT_MS = 10_000;
/** Not settings of libsch. */
const OWN = new Set([
  'after', 'cluster', 'tls', 'net', 'connectTimeoutMs', 'noDelay', 'keepAliveMs', 'signal', 'highWaterMark', 'credentials',
]);
const SETTLED = new Set(['level', 'onLoss', 'canResetParser']);
/** A transport that is closed for these takes the stream with it. */
const FATAL: Partial<Record<CloseReason, string>> = {
  loss: 'replies were lost and cannot be made good',
  'optin-refused': 'the server refused the opt-in, which mode `enabled` demands',
  'handshake-failed': 'the server refused the handshake',
};

function settingsOf(options: ConnectOptions): Settings {
  const settings: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (OWN.has(name)) continue;
    if (SETTLED.has(name) || !isSetting(name)) throw mistake(`connect: there is no option ${name}`);
    settings[name] = value;
  }
  const secure = options.tls !== undefined && options.tls !== false;
  const user = typeof options.tls === 'object' ? options.tls.servername : undefined;
  const named = user === undefined || 'tlsServerName' in settings ? {} : { tlsServerName: user };
  return { ...settings, ...named, tls: secure, level: 'managed', onLoss: 'reply', canResetParser: false };
}

export class SchSocket extends Duplex {
  #conn: Connection;
  #options: ConnectOptions;
  #transports = new Map<number, Transport>();
  /** A transport was in use, and the stream has not ended. */
  #isUp = false;
  #over = false;
  #timer: NodeJS.Timeout | undefined;
  #connectTimer: NodeJS.Timeout | undefined;
  #connectError: Error | undefined;
  #settling = false;
  /** A write that waits: for the first connect, for RESUME, or for a socket that is behind. */
  #write: { rest: Buffer; done: Done } | undefined;
  #behind: { transport: Transport; done: Done } | undefined;
  #final: Done | undefined;
  /** Our side is closed: what is swapped to is closed too. */
  #ending = false;
  /** `#goOn` is due when the loop is through. */
  #resume = false;
  /** A region waits for its socket. */
  #regions = false;
  #handoffs = 0;
  #keeps = true;
  /** What the next stream may take over. */
  #left: Connection | undefined;
  /** Counters after the end. */
  #last: Counters | undefined;
  #idleMs = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #active = 0;

  constructor(options: ConnectOptions) {
    if (typeof options !== 'object' || options === null) throw mistake('connect: an object was expected');
    if (typeof options.host !== 'string') throw mistake('connect: host: a string was expected');
    if (options.after !== undefined && !(options.after instanceof SchSocket && options.after.destroyed)) {
      throw mistake('connect: after: a stream of this package that has ended was expected');
    }
    if (options.cluster !== undefined && !(options.cluster instanceof Cluster)) {
      throw mistake('connect: cluster: a Cluster was expected');
    }
    const settings = settingsOf(options);
    const { highWaterMark, signal } = options;
    super({ allowHalfOpen: false, emitClose: true, highWaterMark, signal });
    const { after, ...rest } = options;
    this.#conn = (after === undefined ? after : after.#take()) ?? new Connection(settings);
    this.#options = rest;
    this.#handoffs = this.#conn.counters.handoffsStarted;
    // The caller has its listeners on before anything can fail.
    process.nextTick(() => this.destroyed || this.#dial(0));
  }

  // First connect ----------------------------------------------------------------------------------------------

  #dial(nth: number): void {
    const dial = this.#conn.dial(nth);
    if (dial === undefined) {
      this.destroy(this.#connectError ?? new SchError('SCH_ERR_NOT_CONNECTED', 'there is no place to connect to'));
      return;
    }
    const limit = this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const failed = (error: Error | undefined): void => {
      clearTimeout(this.#connectTimer);
      this.#connectError = error ?? new SchError('SCH_ERR_NOT_CONNECTED', 'the connection was closed while it was made');
      this.#transports.delete(dial.transport);
      this.#settle(this.#conn.connectFailed(dial.transport) | Todo.ACTIONS);
      if (!this.destroyed) this.#dial(nth + 1);
    };
    const transport = this.#open(dial.transport, dial, failed);
    if (transport === undefined) return;
    this.#connectTimer = setTimeout(() => {
      transport.drop();
      const error = new SchError('SCH_ERR_NOT_CONNECTED', `no connection within ${limit} ms`);
      failed(Object.assign(error, { errno: 'ETIMEDOUT' }));
    }, limit).unref();
  }

  /** Opens a socket. `failed` if it never comes up. */
  #open(id: number, target: Target, failed: (error: Error | undefined) => void): Transport | undefined {
    let transport: Transport;
    try {
      transport = new Transport(id, target, this.#options, {
        up: (t) => this.#up(t),
        data: (t, chunk) => this.#received(t, chunk),
        written: (t) => this.#written(t),
        down: (t, error) => (t.isUp ? this.#down(t, error) : failed(error)),
      });
    } catch (error) {
      // Node refuses some options only when a socket is made.
      process.nextTick(failed, error);
      return undefined;
    }
    this.#transports.set(id, transport);
    const { socket } = transport;
    if (this.#options.noDelay !== false) socket.setNoDelay(true);
    if (this.#options.keepAliveMs !== false) socket.setKeepAlive(true, this.#options.keepAliveMs ?? 5000);
    if (!this.#keeps) socket.unref();
    return transport;
  }

  #up(transport: Transport): void {
    let bits: number;
    try {
      bits = this.#conn.connected(transport.id, transport.peer);
    } catch (error) {
      // Not wanted any more, which libsch says with a status of its own.
      this.#forget(transport);
      return this.#refused(error);
    }
    if (!this.#isUp) {
      clearTimeout(this.#connectTimer);
      this.#isUp = true;
      process.nextTick(() => this.#announce());
      this.#settle(bits | Todo.DEADLINE);
      this.#goOn();
      this.#tryFinal();
    } else {
      this.#settle(bits);
    }
  }

  #announce(): void {
    if (this.destroyed) return;
    this.emit('connect');
    if (this.encrypted) this.emit('secureConnect');
    this.emit('ready');
  }

  // What comes in ----------------------------------------------------------------------------------------------

  #received(transport: Transport, chunk: Buffer): void {
    if (this.#idleMs > 0) this.#active = performance.now();
    let rest: Buffer = chunk;
    let more = true;
    try {
      while (rest.length > 0 && this.#transports.get(transport.id) === transport) {
        const bits = this.#conn.receive(transport.id, rest);
        if (bits === 0) {
          more = this.#give(rest) && more;
          break;
        }
        const spans = bits & Todo.SPANS ? this.#conn.takeSpans() : [rest];
        const { consumed } = this.#conn;
        for (const span of spans) more = this.#give(span) && more;
        this.#settle(bits);
        if (consumed === 0 && spans.length === 0) {
          // Only SWAP unanswered leaves bytes behind, and it was answered: never go on with a gap.
          transport.drop();
          this.#down(transport, undefined);
          break;
        }
        rest = rest.subarray(consumed);
      }
    } catch (error) {
      this.#refused(error);
    }
    if (!more && !this.destroyed) transport.pause();
  }

  /** To the reader. Its exceptions are its own: they come up in the next tick, and the rest of the bytes goes on. */
  #give(bytes: Uint8Array): boolean {
    try {
      return this.push(bytes);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
      return true;
    }
  }

  override _read(): void {
    for (const transport of this.#transports.values()) transport.resume();
  }

  #down(transport: Transport, error: Error | undefined): void {
    const unwritten = transport.takeUnwritten();
    this.#forget(transport);
    let bits = Todo.ACTIONS;
    try {
      bits |= this.#conn.closed(transport.id, unwritten);
    } catch (failure) {
      this.#refused(failure);
    }
    this.#connectError = error;
    this.#settle(bits);
    if (this.#ending && !this.destroyed) this.#ended();
  }

  #forget(transport: Transport): void {
    if (this.#transports.get(transport.id) === transport) this.#transports.delete(transport.id);
    transport.drop();
    if (this.#behind?.transport === transport) this.#caughtUp();
  }

  // What libsch asks for ---------------------------------------------------------------------------------------

  /** Does all that is to be done; `bits` is what an input answered. */
  #settle(bits: number): void {
    // What an action calls answers here too: the loop that is under way sees it.
    if (bits === 0 || this.#settling || this.destroyed) return;
    this.#settling = true;
    if (bits & Todo.LOG) this.#tellLog();
    let acted = (bits & Todo.SPANS) !== 0;
    try {
      do {
        for (let action; !this.destroyed && (action = this.#conn.poll()); acted = true) this.#act(action);
        if (!this.destroyed) this.#pump();
        // What was written may have brought more.
      } while (!this.destroyed && this.#conn.todo() & Todo.ACTIONS);
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#settling = false;
    }
    if (this.destroyed) return;
    const left = this.#conn.todo();
    if (left & Todo.LOG) this.#tellLog();
    if (left & Todo.DEADLINE) this.#arm();
    if (acted) this.#tellMoving();
    if (this.#isUp && this.#conn.phase === 'detached') return this.#ended();
    this.#tryFinal();
    if (this.#resume) {
      this.#resume = false;
      this.#goOn();
    }
  }

  #act(action: Action): void {
    switch (action.kind) {
      case 'open': {
        const { kind: _, deadlineNs: __, ...target } = action;
        this.#tell('opening', { transport: action.transport, host: action.host, port: action.port, attempt: action.attempt });
        const { transport: id } = action;
        this.#open(id, target, () => {
          this.#transports.delete(id);
          this.#input(() => this.#conn.connectFailed(id));
        });
        break;
      }
      case 'swap': {
        const { kind: _, ...fields } = action;
        const { host, port } = this.#transports.get(action.transport)?.target ?? { host: '', port: 0 };
        this.#conn.swapped();
        this.#tell('swapped', { ...fields, host, port });
        break;
      }
      case 'close': {
        const transport = this.#transports.get(action.transport);
        if (transport) this.#forget(transport);
        this.#tell('closed', { transport: action.transport, reason: action.reason });
        const why = FATAL[action.reason];
        if (why !== undefined) this.destroy(new SchError('SCH_ERR_NOT_CONNECTED', why, { cause: this.#connectError }));
        break;
      }
      case 'lost': {
        const { kind: _, data, ...fields } = action;
        if (data.length > 0) this.#give(data);
        this.#tell('lost', fields);
        this.#conn.lossesSettled();
        break;
      }
      case 'hand-back': return this.#tell('handed-back', fieldsOf(action));
      case 'resume': this.#resume = true; break;
      case 'relax': return this.#tell('relaxed', fieldsOf(action));
      case 'restore': return this.#tell('restored', fieldsOf(action));
      case 'need-credentials': {
        this.#tell('need-credentials', fieldsOf(action));
        void this.#askCredentials();
        break;
      }
      case 'overdue': return this.#tell('overdue', fieldsOf(action));
      case 'handoff-finished': {
        this.#tell('handoff-finished', fieldsOf(action));
        if (action.outcome === 'failed') this.#tell('handoff-failed', fieldsOf(action));
        break;
      }
      case 'sch-off': {
        this.#tell('sch-off', fieldsOf(action));
        if (action.fatal) this.destroy(new SchError('SCH_ERR_NOT_CONNECTED', `the connection is not to be used: ${action.reason}`));
        break;
      }
      case 'slots-moved': {
        this.#informCluster((cluster) => cluster.slotsMoved(this.#conn));
        return this.#tell('slots-moved', fieldsOf(action));
      }
      case 'reload-slots': {
        this.#informCluster((cluster) => cluster.reloadAsked(action.seq));
        return this.#tell('reload-slots', fieldsOf(action));
      }
      default: break; // WRITE and FLUSH: the pump does it; the others are for other levels
    }
  }

  /** One that was released is told nothing. */
  #informCluster(tell: (cluster: Cluster) => void): void {
    const { cluster } = this.#options;
    if (cluster === undefined) return;
    try {
      tell(cluster);
    } catch (error) {
      if ((error as SchError).code !== 'SCH_ERR_CLOSED') throw error;
    }
  }

  /** An input from outside of the loop: a socket that failed, a timer, the application. */
  #input(work: () => number): void {
    if (this.destroyed) return;
    let bits = Todo.ACTIONS;
    try {
      bits |= work();
    } catch (error) {
      this.#refused(error);
    }
    this.#settle(bits);
  }

  /** A transport that is gone is no news; all else that libsch refuses here is a defect, and ends the stream. */
  #refused(error: unknown): void {
    if (error instanceof SchError && error.code === 'SCH_ERR_UNKNOWN_TRANSPORT') return;
    this.destroy(error as Error);
  }

  async #askCredentials(): Promise<void> {
    const ask = this.#options.credentials;
    if (ask === undefined) return;
    try {
      const { username, password } = await ask();
      this.setCredentials(username, password);
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  /** Sets the timer to libsch's deadline. It keeps the process only while nothing else of an open stream does. */
  #arm(): void {
    clearTimeout(this.#timer);
    const ms = this.#conn.delayMs();
    if (ms === undefined) return;
    this.#timer = setTimeout(() => {
      this.#input(() => this.#conn.tick());
      // A timer of Node may be early: then the deadline is the same, and comes again.
      if (!this.destroyed) this.#arm();
    }, Math.max(ms, 1));
    if (!this.#keeps || this.#transports.size > 0) this.#timer.unref();
  }

  #tellLog(): void {
    for (const line of this.#conn.takeLog()) this.#tell('log', line);
  }

  #tellMoving(): void {
    const { handoffsStarted } = this.#conn.counters;
    if (handoffsStarted === this.#handoffs) return;
    this.#handoffs = handoffsStarted;
    this.#tell('moving', { handoffs: handoffsStarted });
  }

  /** Later, one by one: an exception of a listener is the listener's, and finds the stream in order. */
  #tell<K extends SchEventName>(name: K, fields: SchEvents[K]): void {
    process.nextTick(() => {
      publish(name, this, fields);
      this.emit(name, fields);
    });
  }

  // What goes out ----------------------------------------------------------------------------------------------

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#over) return this.#refuse(done);
    this.#write = { rest: chunk, done };
    if (this.#isUp) this.#goOn();
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, done);
  }

  /** Gives libsch what waits to be submitted. */
  #goOn(): void {
    const write = this.#write;
    if (write === undefined || this.destroyed) return;
    if (this.#settling) {
      this.#resume = true;
      return;
    }
    if (this.#idleMs > 0) this.#active = performance.now();
    let bits: number;
    try {
      bits = this.#conn.submit(write.rest);
    } catch (error) {
      this.#write = undefined;
      return write.done(error as Error);
    }
    const { transport: id, writeNow, held } = this.#conn.submitted;
    const transport = this.#transports.get(id);
    if (writeNow > 0) transport?.write(write.rest.subarray(0, writeNow));
    write.rest = write.rest.subarray(writeNow + held);
    if (write.rest.length === 0) {
      this.#write = undefined;
      if (transport?.isCongested) this.#behind = { transport, done: write.done };
      else write.done();
    }
    // With a rest: again after RESUME.
    this.#settle(bits);
  }

  /** Writes the regions of libsch, each behind what `submit` gave for its transport. */
  #pump(): void {
    this.#regions = false;
    for (const wait of this.#conn.waitOn()) {
      const transport = wait.write ? this.#transports.get(wait.transport) : undefined;
      while (transport?.isUp && transport.isIdle && this.#transports.get(wait.transport) === transport) {
        const bytes = this.#conn.region(wait.transport, REGION);
        if (bytes.length === 0) break;
        transport.write(bytes);
        // It may be written from here on, whatever becomes of the socket.
        this.#conn.wrote(wait.transport, bytes.length);
      }
      this.#regions ||= wait.write;
    }
  }

  #written(transport: Transport): void {
    if (this.#behind?.transport === transport && !transport.isCongested) this.#caughtUp();
    if (!transport.isIdle || this.destroyed) return;
    if (this.#regions) this.#input(() => 0);
    else this.#tryFinal();
  }

  #caughtUp(): void {
    const behind = this.#behind;
    this.#behind = undefined;
    behind?.done();
  }

  // The end ----------------------------------------------------------------------------------------------------

  /** There is no transport, and none comes: as a socket that the peer has closed. What was read can still be had. */
  #ended(): void {
    if (this.#over) return;
    this.#over = true;
    const write = this.#write;
    this.#write = undefined;
    this.push(null);
    if (write) this.#refuse(write.done);
    this.#caughtUp();
    this.#final?.();
    this.#final = undefined;
  }

  /** Fails a write, which ends all, once the reader has what there is. */
  #refuse(done: Done): void {
    if (this.readableEnded || this.destroyed) done(gone());
    else this.once('end', () => done(gone()));
  }

  override _final(done: Done): void {
    if (this.#over) return done();
    this.#final = done;
    if (this.#isUp) this.#tryFinal();
  }

  /** Half-closes once all is written, and no command is held. */
  #tryFinal(): void {
    if (!this.#ending && this.#final === undefined) return;
    const { phase } = this.#conn;
    const current = this.#transports.get(this.#conn.current ?? 0);
    if (phase === 'draining' || phase === 'swapping' || !current?.isIdle) return;
    if (this.#conn.region(current.id, 1).length > 0) return;
    this.#ending = true;
    current.socket.end();
    this.#final?.();
    this.#final = undefined;
  }

  // As of a socket ---------------------------------------------------------------------------------------------

  /** Newer credentials, at any time: for the nodes that are connected to from now on. */
  setCredentials(username: string | undefined, password: string | Uint8Array): this {
    this.#input(() => this.#conn.credentials(username, password));
    return this;
  }

  /**
   * The handshake is done. libsch sees that at the first ordinary command; say it where none follows, or a handoff waits for
   * the end of the handshake until its deadline.
   */
  handshakeDone(): this {
    this.#input(() => (this.#conn.current === undefined ? 0 : this.#conn.ready(this.#conn.current)));
    return this;
  }

  /** The timeout of a command now, given the one that is configured; ask again when `relaxed` or `restored` comes. */
  effectiveTimeoutMs(configured: number | undefined): number | undefined {
    return this.destroyed ? configured : this.#conn.effectiveTimeoutMs(configured);
  }

  /** Counters of libsch; the last ones after the end. */
  get counters(): Counters {
    return this.#last ?? this.#conn.counters;
  }

  get phase(): Phase {
    return this.#last ? 'closed' : this.#conn.phase;
  }

  /** Whether the server sends maintenance notifications. */
  get isActive(): boolean {
    return !this.#last && this.#conn.isActive;
  }

  get connecting(): boolean {
    return !this.#isUp && !this.#over;
  }

  get pending(): boolean {
    return !this.#isUp;
  }

  get encrypted(): boolean {
    return this.#options.tls !== undefined && this.#options.tls !== false;
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
    return this.#last ? undefined : this.#transports.get(this.#conn.current ?? 0);
  }

  setNoDelay(noDelay: boolean = true): this {
    this.#options = { ...this.#options, noDelay };
    for (const { socket } of this.#transports.values()) socket.setNoDelay(noDelay);
    return this;
  }

  setKeepAlive(enable: boolean = false, delayMs: number = 0): this {
    this.#options = { ...this.#options, keepAliveMs: enable && delayMs };
    for (const { socket } of this.#transports.values()) socket.setKeepAlive(enable, delayMs);
    return this;
  }

  ref(): this {
    return this.#keep(true);
  }

  unref(): this {
    return this.#keep(false);
  }

  #keep(keeps: boolean): this {
    this.#keeps = keeps;
    for (const { socket } of this.#transports.values()) keeps ? socket.ref() : socket.unref();
    if (!this.destroyed) this.#arm();
    return this;
  }

  /** `timeout` after so long without a byte, or the relaxed timeout if that is longer. 0 is never. */
  setTimeout(ms: number, listener?: () => void): this {
    this.#idleMs = ms;
    this.#active = performance.now();
    if (listener) ms > 0 ? this.once('timeout', listener) : this.off('timeout', listener);
    this.#watchIdle();
    return this;
  }

  #watchIdle(): void {
    clearTimeout(this.#idleTimer);
    if (this.#idleMs <= 0 || this.destroyed) return;
    const limit = this.effectiveTimeoutMs(this.#idleMs) ?? this.#idleMs;
    const left = Math.ceil(this.#active + limit - performance.now());
    if (left > 0) {
      this.#idleTimer = setTimeout(() => this.#watchIdle(), left).unref();
    } else {
      this.#idleTimer = undefined;
      this.emit('timeout');
    }
  }

  #counted(): Counters {
    try {
      return this.#conn.counters;
    } catch {
      return Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counters;
    }
  }

  // The end of all ---------------------------------------------------------------------------------------------

  /** Tells libsch that all transports are closed. False if it goes on with a handoff. */
  #detach(): boolean {
    for (const transport of this.#transports.values()) {
      if (transport.isUp) this.#conn.closed(transport.id, transport.takeUnwritten());
      else this.#conn.connectFailed(transport.id);
      this.#drain();
    }
    return this.#conn.phase === 'detached';
  }

  /** Actions after the end: there is nothing to open or to write any more. */
  #drain(): void {
    for (let action; (action = this.#conn.poll()); ) {
      if (action.kind === 'hand-back') this.#tell('handed-back', fieldsOf(action));
      else if (action.kind === 'open') this.#conn.connectFailed(action.transport);
      else if (action.kind === 'lost') this.#conn.lossesSettled();
    }
  }

  #take(): Connection | undefined {
    const left = this.#left;
    this.#left = undefined;
    return left;
  }

  [dispose](): void {
    this.destroy();
  }

  override _destroy(error: Error | null, done: Done): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#idleTimer);
    this.#over = true;
    let detached = false;
    try {
      detached = this.#detach();
      if (!detached) {
        this.#conn.close();
        this.#drain();
      }
    } catch {
      // Poisoned: there is nothing to be had, and it is released below.
    }
    for (const transport of this.#transports.values()) transport.drop();
    this.#transports.clear();
    this.#last = this.#counted();
    if (detached) this.#left = this.#conn;
    else this.#conn.release();
    const failed = error ?? gone();
    this.#write?.done(failed);
    this.#behind?.done(failed);
    this.#final?.(failed);
    this.#write = this.#behind = this.#final = undefined;
    done(error);
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

function gone(): Error {
  return Object.assign(new Error('the connection is closed'), { code: 'EPIPE' });
}

function fieldsOf<A extends Action>(action: A): Omit<A, 'kind'> {
  const { kind: _, ...fields } = action;
  return fields;
}
