/**
 * A pool: what one of its connections reads acts for all of the thread that made it. Threads of Node share no connections, so
 * each has a pool of its own for each database.
 *
 * You look for mail, say who owns a connection, look after the pool, and ask it where to dial: see POOLS in the C header.
 * Every input may be given the time, as those of a `Connection`.
 */

import { mistake } from './errors.js';
import { HANDLE, Handle, OWN, POOL, int, named, or } from './handle.js';
import { type LogLine, linesOf } from './log.js';
import { native } from './native.js';
import { type PoolEvent, decodeEvent } from './pool-events.js';
import { type Settings, open } from './settings.js';
import { Waiter } from './waiter.js';
import * as words from './words.js';

export interface Endpoint {
  host: string;
  port: number;
}

/** Where to dial. */
export interface Place extends Endpoint {
  /** You are the one connection that tries it: report the result soon. */
  isProbe: boolean;
  /** It refused the opt-in; libsch does not opt in there for so many milliseconds from now. */
  optinRefusedMs?: number;
}

export interface Places {
  /** Best first. */
  places: Place[];
  /** Where all refuse and there is no place: in how many milliseconds to ask again. */
  retryMs?: number;
}

export class Pool extends Handle {
  readonly #waiters = new Set<Waiter>();

  /** For connections that are made with the same settings. */
  constructor(settings: Settings = {}) {
    super(POOL, open(settings, (list, log) => native.poolOpen(list, log)));
  }

  // Waiters ----------------------------------------------------------------------------------------------------

  /**
   * Who is woken by `wake`, once the JavaScript that runs has ended: one is enough for all connections of a thread. Say for
   * what with `watch` and `Connection.take`. It may be woken once too often, and does not keep the process.
   */
  addWaiter(wake: () => unknown): Waiter {
    if (typeof wake !== 'function') throw mistake('a waiter is woken by a function');
    return new Waiter(this[HANDLE], wake, this.#waiters);
  }

  /** Who is woken when there are events, and when the deadline comes nearer. Nobody: poll every 100 ms. */
  watch(waiter: Waiter | undefined): void {
    int(this, native.poolWatch(this[HANDLE], waiterOf(waiter, this[HANDLE])));
  }

  // Looking after it -------------------------------------------------------------------------------------------

  /** The next event. */
  pollEvent(): PoolEvent | undefined {
    const raw = native.poolPollEvent(this[HANDLE]);
    return raw === undefined ? undefined : decodeEvent(or(this, raw));
  }

  /** All events there are now. */
  *events(): Generator<PoolEvent, void, undefined> {
    for (let event; (event = this.pollEvent()); ) yield event;
  }

  /** The deadline has come. */
  tick(now: number = OWN): void {
    int(this, native.poolTick(this[HANDLE], now));
  }

  /** When `tick` is due, in nanoseconds of your clock. */
  get deadline(): number | undefined {
    return native.poolDeadline(this[HANDLE]);
  }

  /** Milliseconds until `tick` is due, rounded up. */
  delayMs(now: number = OWN): number | undefined {
    return native.poolDelayMs(this[HANDLE], now);
  }

  /** Log lines up to `logLevel`, since they were taken last: also of what its connections did. */
  takeLog(): LogLine[] {
    return linesOf(native.poolTakeLog(this[HANDLE]));
  }

  // Dialling ---------------------------------------------------------------------------------------------------

  /** Try one after the other with `Connection.dialTo`, and report each with `dialResult`. */
  whereToDial(most: number = 4, now: number = OWN): Places {
    const answer = native.poolWhereToDial(this[HANDLE], now, most);
    if (typeof answer === 'number') return { places: [], retryMs: int(this, answer) };
    const places: Place[] = [];
    for (let i = 0; i < answer.length; i += 4) {
      const [host, port, isProbe, refused] = answer.slice(i, i + 4) as [string, number, boolean, number | undefined];
      places.push({ host, port, isProbe, ...(refused === undefined ? {} : { optinRefusedMs: refused }) });
    }
    return { places };
  }

  /** A dial there ended, with a usable connection or not. */
  dialResult(host: string, port: number, ok: boolean, now: number = OWN): void {
    int(this, native.poolDialResult(this[HANDLE], now, host, port, ok));
  }

  /** A server refused an opt-in that your driver made by itself: it is not asked again for a while. */
  optinRefused(host: string, port: number, now: number = OWN): void {
    int(this, native.poolOptinRefused(this[HANDLE], now, host, port));
  }

  // Counters ---------------------------------------------------------------------------------------------------

  get counters(): words.PoolCounters {
    return named(words.POOL_COUNTERS, or(this, native.poolCounters(this[HANDLE])));
  }

  /** Those that there are counters of. */
  get endpoints(): Endpoint[] {
    const flat = or(this, native.poolEndpoints(this[HANDLE]));
    const out: Endpoint[] = [];
    for (let i = 0; i < flat.length; i += 2) out.push({ host: flat[i] as string, port: flat[i + 1] as number });
    return out;
  }

  /** Nothing: nothing is known of it. */
  endpointCounters(host: string, port: number): words.EndpointCounters | undefined {
    const numbers = native.poolEndpointCounters(this[HANDLE], host, port);
    return numbers === undefined ? undefined : named(words.ENDPOINT_COUNTERS, or(this, numbers));
  }

  // The end ----------------------------------------------------------------------------------------------------

  /** Frees the handle, also done by the garbage collector. Members hear of each other without it, but nobody is woken. */
  override release(): void {
    for (const waiter of [...this.#waiters]) waiter.remove();
    super.release();
  }
}

/** The number of a waiter of that pool; 0 is nobody. */
export function waiterOf(waiter: Waiter | undefined, pool: number | undefined): number {
  if (waiter === undefined) return 0;
  if (!(waiter instanceof Waiter)) throw mistake('a waiter is what `addWaiter` of the pool gave');
  if (waiter.pool !== pool) throw mistake('the waiter belongs to another pool');
  return waiter.number;
}
