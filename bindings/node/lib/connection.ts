/**
 * One logical connection, without a socket: the nouns of the C ABI. You own sockets, parser and timers; `connect` in
 * `socket.ts` is made of this.
 *
 * Calls on the way of bytes answer what is to be done as bits of `Todo`; 0 is nothing. Every input may be given the time,
 * in nanoseconds of any monotonic clock; without one the addon's own is used: use one or the other, not both.
 */

import { type Action, decode } from './action.js';
import { SchError, failure, mistake } from './errors.js';
import { native } from './native.js';
import { type Settings, numberOf, open } from './settings.js';
import * as words from './words.js';

const [VERSION, ABI, SPANS, ACTIONS, DEADLINE, LOG] = native.version();

/** What a call leaves to be done, as bits. */
export const Todo = Object.freeze({
  /** `receive`: what goes to the parser is `takeSpans()`, not the data as it is; `consumed` says how much was taken. */
  SPANS,
  /** `poll()` has an action. */
  ACTIONS,
  /** The deadline is another one: ask `delayMs()`, and set your timer anew. */
  DEADLINE,
  /** `takeLog()` has lines. */
  LOG,
});

/** The version of libsch inside. */
export const version: string = VERSION;
export const abiVersion: number = ABI;

/** Now, on the clock that is used where no time is given, in nanoseconds. */
export function now(): number {
  return native.now();
}

export interface Dial {
  transport: number;
  host: string;
  port: number;
  /** With TLS: the name for SNI and certificate checks. */
  tlsServerName?: string;
}

/** What `submit` did: `writeNow` leading bytes are yours to write, `held` after them are libsch's, the rest was not taken. */
export interface Submitted {
  transport: number;
  writeNow: number;
  held: number;
  /** Number of the first command that began in what was taken; the first ever is 1. */
  first: number;
  count: number;
}

export interface Wait {
  transport: number;
  connecting: boolean;
  read: boolean;
  write: boolean;
}

export interface LogLine {
  level: words.LogLevel;
  text: string;
}

/** A value of a push, as a parser has it. */
export type PushValue = string | number | bigint | null | Uint8Array | readonly PushValue[];

/** `Symbol.dispose`, also where Node does not have it yet. */
export const dispose: typeof Symbol.dispose =
  Symbol.dispose ?? (Symbol.for('nodejs.dispose') as unknown as typeof Symbol.dispose);

/** What is forgotten is released. */
const forgotten = new FinalizationRegistry<number>((handle) => native.release(handle));

const NONE = Buffer.alloc(0);
const { shared } = native;
/** The time where none is given: the addon looks at its own clock. */
const OWN = -1;

function bytes(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

export class Connection {
  #handle: number;
  #data: Uint8Array = NONE;
  #consumed = 0;
  #submitted: Submitted = { transport: 0, writeNow: 0, held: 0, first: 0, count: 0 };

  constructor(settings: Settings = {}) {
    this.#handle = open(settings);
    forgotten.register(this, this.#handle, this);
  }

  #fail(status: number): never {
    throw failure(status, native.lastError(this.#handle));
  }

  /** An answer that is an integer. */
  #int(answer: number): number {
    return answer < 0 ? this.#fail(answer) : answer;
  }

  /** An answer that is a status where it is a number. */
  #or<T>(answer: T | number): T {
    return typeof answer === 'number' ? this.#fail(answer) : answer;
  }

  // The way of bytes -------------------------------------------------------------------------------------------

  /**
   * Bytes that `transport` received, levels 2 and 3. Answers 0 if they go to the parser as they are and nothing else is
   * to be done. With `Todo.SPANS` they do not: give `takeSpans()` to the parser, drain the actions, and if `consumed` is
   * less than the length, call again with the rest. `spans` is the most that are given at once, 2 at least.
   */
  receive(transport: number, data: Uint8Array, now: number = OWN, spans?: number): number {
    const answer = spans === undefined
      ? native.receive(this.#handle, now, transport, data)
      : native.receiveIn(this.#handle, now, transport, data, spans);
    if (answer === 0) return 0;
    if (answer < 0) this.#fail(answer);
    this.#consumed = shared[0];
    // Without the bit all of the data is the one span.
    this.#data = answer & SPANS ? data : NONE;
    return answer;
  }

  /** How many bytes the last `receive` took that did not answer 0. */
  get consumed(): number {
    return this.#consumed;
  }

  /** What the last `receive` that answered `Todo.SPANS` passes to the parser: parts of its data, without copying. */
  takeSpans(): Uint8Array[] {
    const data = this.#data;
    this.#data = NONE;
    return native.spans(this.#handle).map((s) => (Array.isArray(s) ? data.subarray(s[0], s[0] + s[1]) : s));
  }

  /** Bytes of commands, level 3. Then `submitted` says what is to be written where. */
  submit(data: Uint8Array, now: number = OWN): number {
    const answer = native.submit(this.#handle, now, data);
    if (answer < 0) this.#fail(answer);
    const s = this.#submitted;
    s.transport = shared[0];
    s.writeNow = shared[1];
    s.held = shared[2];
    s.first = shared[3];
    s.count = shared[4];
    return answer;
  }

  /** What the last `submit` did. The object is used again by the next one. */
  get submitted(): Readonly<Submitted> {
    return this.#submitted;
  }

  /** A copy of at most `most` leading bytes of libsch to be written to `transport`. */
  region(transport: number, most: number = 65536): Buffer {
    return this.#or(native.region(this.#handle, transport, most));
  }

  /** So many bytes of the region were written. */
  wrote(transport: number, bytes: number, now: number = OWN): number {
    return this.#int(native.wrote(this.#handle, now, transport, bytes));
  }

  /** The deadline has come. */
  tick(now: number = OWN): number {
    return this.#int(native.tick(this.#handle, now));
  }

  /** What is to be done now, after a call that does not say it, or one that threw. */
  todo(): number {
    return native.todo(this.#handle);
  }

  /** The next action. */
  poll(): Action | undefined {
    const raw = native.poll(this.#handle);
    return raw && decode(raw);
  }

  /** The action that was polled last as one line, as in logs and scenario files: to be asked before the next input. */
  get actionText(): string | undefined {
    return native.actionText(this.#handle);
  }

  // Transports -------------------------------------------------------------------------------------------------

  /** Where to dial: choice number `nth`, from 0. Report it with `connected` or `connectFailed`. */
  dial(nth: number = 0, now: number = OWN): Dial | undefined {
    const answer = native.dial(this.#handle, now, nth);
    if (answer === undefined) return undefined;
    const [transport, host, port, tlsServerName] = this.#or(answer);
    return { transport, host, port, ...(tlsServerName === undefined ? {} : { tlsServerName }) };
  }

  /** `peer`: its address as `ip:port` or `[ip6]:port`. */
  connected(transport: number, peer?: string, now: number = OWN): number {
    return this.#int(native.connected(this.#handle, now, transport, peer));
  }

  connectFailed(transport: number, now: number = OWN): number {
    return this.#int(native.connectFailed(this.#handle, now, transport));
  }

  /** `unwritten`: what `submit` gave you for it and you did not write. */
  closed(transport: number, unwritten?: Uint8Array, now: number = OWN): number {
    return this.#int(native.closed(this.#handle, now, transport, unwritten));
  }

  // Answers ----------------------------------------------------------------------------------------------------

  swapped(now: number = OWN): number {
    return this.#int(native.swapped(this.#handle, now));
  }

  swapRefused(now: number = OWN): number {
    return this.#int(native.swapRefused(this.#handle, now));
  }

  held(now: number = OWN): number {
    return this.#int(native.held(this.#handle, now));
  }

  lossesSettled(now: number = OWN): number {
    return this.#int(native.lossesSettled(this.#handle, now));
  }

  ready(transport: number, now: number = OWN): number {
    return this.#int(native.ready(this.#handle, now, transport));
  }

  resp2(transport: number, now: number = OWN): number {
    return this.#int(native.resp2(this.#handle, now, transport));
  }

  optinReply(transport: number, line: string | Uint8Array, now: number = OWN): number {
    return this.#int(native.optinReply(this.#handle, now, transport, bytes(line)));
  }

  /** Newer credentials, at any time; without a user name those of the default user. */
  credentials(username: string | undefined, password: string | Uint8Array, now: number = OWN): number {
    return this.#int(native.credentials(this.#handle, now, username, bytes(password)));
  }

  // What you state at levels 1 and 2 ---------------------------------------------------------------------------

  /** What was just written is owed so many replies; without a transport: on the one in use. */
  owe(replies: number, transport?: number, now: number = OWN): number {
    return this.#int(
      transport === undefined
        ? native.owe(this.#handle, now, replies)
        : native.oweOn(this.#handle, now, transport, replies),
    );
  }

  inFlight(commands: number, now: number = OWN): number {
    return this.#int(native.inFlight(this.#handle, now, commands));
  }

  fence(fence: words.Fence, open: boolean, now: number = OWN): number {
    return this.#int(native.fence(this.#handle, now, numberOf('fence', fence, words.FENCES, 1), open));
  }

  /** A push that your parser met, the whole frame. True: it was a maintenance notification, nobody else needs it. */
  push(transport: number, frame: Uint8Array, now: number = OWN): boolean {
    return this.#or(native.push(this.#handle, now, transport, frame));
  }

  /** As `push`, where your parser has values instead of bytes. */
  pushValues(transport: number, values: readonly PushValue[], now: number = OWN): boolean {
    if (!Array.isArray(values)) throw mistake('a push is a list of values');
    this.#int(native.pushBegin(this.#handle, values.length));
    try {
      values.forEach((value) => this.#pushValue(value));
    } catch (error) {
      // Too deep, or with a name too long: no notification is so.
      if (error instanceof SchError && error.code === 'SCH_ERR_LIMIT') return false;
      throw error;
    }
    return this.#or(native.pushEnd(this.#handle, now, transport));
  }

  #pushValue(value: PushValue): void {
    if (typeof value === 'string' || value instanceof Uint8Array) {
      this.#int(native.pushText(this.#handle, bytes(value)));
    } else if (typeof value === 'number' || typeof value === 'bigint') {
      this.#int(native.pushInteger(this.#handle, Number(value)));
    } else if (value === null) {
      this.#int(native.pushNull(this.#handle));
    } else if (Array.isArray(value)) {
      this.#int(native.pushArray(this.#handle, value.length));
      value.forEach((inner: PushValue) => this.#pushValue(inner));
    } else {
      throw mistake('a value of a push is a string, an integer, null, bytes or a list of them');
    }
  }

  /** Withdraws a command if it is still held. False: it was written, or never numbered. */
  cancel(number: number, now: number = OWN): boolean {
    return this.#or(native.cancel(this.#handle, now, number));
  }

  // Questions --------------------------------------------------------------------------------------------------

  /** When `tick` is due, in nanoseconds of your clock. */
  get deadline(): number | undefined {
    return native.deadline(this.#handle);
  }

  /** Milliseconds until `tick` is due, rounded up. */
  delayMs(now: number = OWN): number | undefined {
    return native.delayMs(this.#handle, now);
  }

  /** The timeout of a command now, given the one that is configured; `undefined` is none. */
  effectiveTimeoutMs(configured: number | undefined): number | undefined {
    const answer = native.effectiveTimeoutMs(this.#handle, configured);
    return Array.isArray(answer) ? this.#fail(answer[0]) : answer;
  }

  waitOn(): Wait[] {
    const flat = this.#or(native.waitOn(this.#handle));
    const out: Wait[] = [];
    for (let i = 0; i < flat.length; i += 4) {
      const [transport, connecting, read, write] = flat.slice(i, i + 4) as [number, boolean, boolean, boolean];
      out.push({ transport, connecting, read, write });
    }
    return out;
  }

  get counters(): words.Counters {
    const numbers = this.#or(native.counters(this.#handle));
    return Object.fromEntries(words.COUNTERS.map((name, i) => [name, numbers[i]])) as words.Counters;
  }

  get phase(): words.Phase {
    return words.PHASES[this.#int(native.phase(this.#handle)) - 1];
  }

  /** The transport in use. */
  get current(): number | undefined {
    return this.#int(native.current(this.#handle)) || undefined;
  }

  /** Whether the server has accepted the opt-in on the transport in use. */
  get isActive(): boolean {
    return this.#int(native.isActive(this.#handle)) === 1;
  }

  /** Log lines up to `logLevel`, since they were taken last. */
  takeLog(): LogLine[] {
    const flat = native.takeLog(this.#handle);
    const out: LogLine[] = [];
    for (let i = 0; i < flat.length; i += 2) {
      out.push({ level: words.LOG_LEVELS[flat[i] as number], text: flat[i + 1] as string });
    }
    return out;
  }

  pollTrace(): string | undefined {
    return native.pollTrace(this.#handle);
  }

  /** Of a connection in which a defect showed: bytes that were accepted and not written. */
  salvage(): Buffer {
    return this.#or(native.salvage(this.#handle));
  }

  // The end ----------------------------------------------------------------------------------------------------

  /** Held commands come back, candidates are closed: drain the actions after it, then `release`. */
  close(now: number = OWN): number {
    return this.#int(native.close(this.#handle, now));
  }

  /** Frees the memory, also done by the garbage collector. Every later call throws `SCH_ERR_CLOSED`. */
  release(): void {
    forgotten.unregister(this);
    native.release(this.#handle);
  }

  [dispose](): void {
    this.release();
  }
}
