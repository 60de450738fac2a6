/**
 * One logical connection, without a socket: the nouns of the C ABI. You own sockets, parser and timers; `connect` in
 * `socket.ts` is made of this.
 *
 * Calls on the way of bytes answer what is to be done as bits of `Todo`; 0 is nothing. Every input may be given the time,
 * in nanoseconds of any monotonic clock; without one the addon's own is used: use one or the other, not both.
 */

import { type Action, decode } from './action.js';
import { HANDLE, Handle, OWN, bytes, int, or } from './handle.js';
import { Member } from './member.js';
import { type RawDial, native } from './native.js';
import type { Settings } from './settings.js';
import { Todo } from './todo.js';

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

const NONE = Buffer.alloc(0);
const { shared } = native;
const { SPANS } = Todo;

function dialled([transport, host, port, tlsServerName]: RawDial): Dial {
  return { transport, host, port, ...(tlsServerName === undefined ? {} : { tlsServerName }) };
}

export class Connection extends Member {
  #data: Uint8Array = NONE;
  #consumed = 0;
  #submitted: Submitted = { transport: 0, writeNow: 0, held: 0, first: 0, count: 0 };

  constructor(settings: Settings = {}) {
    super(settings);
  }

  // The way of bytes -------------------------------------------------------------------------------------------

  /**
   * Bytes that `transport` received, levels 2 and 3. Answers 0 if they go to the parser as they are and nothing else is
   * to be done. With `Todo.SPANS` they do not: give `takeSpans()` to the parser, drain the actions, and if `consumed` is
   * less than the length, call again with the rest. `spans` is the most that are given at once, 2 at least.
   */
  receive(transport: number, data: Uint8Array, now: number = OWN, spans?: number): number {
    const answer = spans === undefined
      ? native.receive(this[HANDLE], now, transport, data)
      : native.receiveIn(this[HANDLE], now, transport, data, spans);
    if (answer === 0) return 0;
    if (answer < 0) Handle.fail(this, answer);
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
    return native.spans(this[HANDLE]).map((s) => (Array.isArray(s) ? data.subarray(s[0], s[0] + s[1]) : s));
  }

  /** Bytes of commands, level 3. Then `submitted` says what is to be written where. */
  submit(data: Uint8Array, now: number = OWN): number {
    const answer = native.submit(this[HANDLE], now, data);
    if (answer < 0) Handle.fail(this, answer);
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
    return or(this, native.region(this[HANDLE], transport, most));
  }

  /** So many bytes of the region were written. */
  wrote(transport: number, bytes: number, now: number = OWN): number {
    return int(this, native.wrote(this[HANDLE], now, transport, bytes));
  }

  /** The deadline has come. */
  tick(now: number = OWN): number {
    return int(this, native.tick(this[HANDLE], now));
  }

  /** What is to be done now, after a call that does not say it, or one that threw. */
  todo(): number {
    return native.todo(this[HANDLE]);
  }

  /** The next action. */
  poll(): Action | undefined {
    const raw = native.poll(this[HANDLE]);
    return raw && decode(raw);
  }

  /** The action that was polled last as one line, as in logs and scenario files: to be asked before the next input. */
  get actionText(): string | undefined {
    return native.actionText(this[HANDLE]);
  }

  // Transports -------------------------------------------------------------------------------------------------

  /** Where to dial: choice number `nth`, from 0. Report it with `connected` or `connectFailed`. */
  dial(nth: number = 0, now: number = OWN): Dial | undefined {
    const answer = native.dial(this[HANDLE], now, nth);
    return answer === undefined ? undefined : dialled(or(this, answer));
  }

  /** As `dial`, to a place that you know from elsewhere: `Pool.whereToDial` says where the connections of a pool go. */
  dialTo(host: string, port: number, now: number = OWN): Dial {
    return dialled(or(this, native.dialTo(this[HANDLE], now, host, port) as RawDial | number));
  }

  /** `peer`: its address as `ip:port` or `[ip6]:port`. */
  connected(transport: number, peer?: string, now: number = OWN): number {
    return int(this, native.connected(this[HANDLE], now, transport, peer));
  }

  connectFailed(transport: number, now: number = OWN): number {
    return int(this, native.connectFailed(this[HANDLE], now, transport));
  }

  /** `unwritten`: what `submit` gave you for it and you did not write. */
  closed(transport: number, unwritten?: Uint8Array, now: number = OWN): number {
    return int(this, native.closed(this[HANDLE], now, transport, unwritten));
  }

  // Answers ----------------------------------------------------------------------------------------------------

  swapped(now: number = OWN): number {
    return int(this, native.swapped(this[HANDLE], now));
  }

  swapRefused(now: number = OWN): number {
    return int(this, native.swapRefused(this[HANDLE], now));
  }

  held(now: number = OWN): number {
    return int(this, native.held(this[HANDLE], now));
  }

  lossesSettled(now: number = OWN): number {
    return int(this, native.lossesSettled(this[HANDLE], now));
  }

  ready(transport: number, now: number = OWN): number {
    return int(this, native.ready(this[HANDLE], now, transport));
  }

  resp2(transport: number, now: number = OWN): number {
    return int(this, native.resp2(this[HANDLE], now, transport));
  }

  optinReply(transport: number, line: string | Uint8Array, now: number = OWN): number {
    return int(this, native.optinReply(this[HANDLE], now, transport, bytes(line)));
  }

  /** Newer credentials, at any time; without a user name those of the default user. */
  credentials(username: string | undefined, password: string | Uint8Array, now: number = OWN): number {
    return int(this, native.credentials(this[HANDLE], now, username, bytes(password)));
  }

  // The end ----------------------------------------------------------------------------------------------------

  /** Held commands come back, candidates are closed: drain the actions after it, then `release`. */
  close(now: number = OWN): number {
    return int(this, native.close(this[HANDLE], now));
  }
}
