/** A connection as the member of a pool. libsch does the talking: what is read goes to the pool after each input. */

import { mistake } from './errors.js';
import { HANDLE, OWN, int } from './handle.js';
import { native } from './native.js';
import { Pool, waiterOf } from './pool.js';
import { numberOf } from './settings.js';
import { Stated } from './stated.js';
import type { Waiter } from './waiter.js';
import * as words from './words.js';

export interface JoinOptions {
  /** What you call it, for events: a whole number. */
  user?: number;
  /** What becomes of it when its node moves and nobody owns it. Default `retire`. */
  unowned?: words.Unowned;
  /** Names the node as `host:port`, where you know better than the address that `connected` says. */
  node?: string;
}

/** Waiters, kept for as long as they may be woken. */
const kept = new WeakMap<Member, Waiter>();

export abstract class Member extends Stated {
  #pool: number | undefined;

  /** Becomes a member, owned by a user: `take` says who is woken. */
  join(pool: Pool, options: JoinOptions = {}, now: number = OWN): number {
    if (!(pool instanceof Pool)) throw mistake('join: a pool was expected');
    if (typeof options !== 'object' || options === null) throw mistake('join: an object was expected');
    const { user = 0, unowned = 'retire', node } = options;
    const number = numberOf('unowned', unowned, words.UNOWNED, 1);
    const bits = int(this, native.join(this[HANDLE], now, pool[HANDLE], number, user, node));
    this.#pool = pool[HANDLE];
    return bits;
  }

  /** Leaves its pool. A handoff that waited for its turn begins at once. */
  leave(now: number = OWN): number {
    const bits = int(this, native.leave(this[HANDLE], now));
    this.#pool = undefined;
    kept.delete(this);
    return bits;
  }

  /**
   * A user owns it from here on. `waiter` is woken when it has mail: then `tick()`, and do what is to be done. Without one ask
   * `hasMail` before you write. Its mail is acted on at once.
   */
  take(waiter?: Waiter, now: number = OWN): number {
    const bits = int(this, native.take(this[HANDLE], now, waiterOf(waiter, this.#pool ?? waiter?.pool)));
    if (waiter === undefined) kept.delete(this);
    else kept.set(this, waiter);
    return bits;
  }

  /** Nobody owns it from here on: it rests in your pool of connections. If its node moves, an event of the pool says it. */
  give(now: number = OWN): number {
    return int(this, native.give(this[HANDLE], now));
  }

  /** Whether there is mail, of which a `tick()` does what it asks for. */
  get hasMail(): boolean {
    return int(this, native.hasMail(this[HANDLE])) === 1;
  }

  /** Its number in events of the pool, which no other ever has. */
  get member(): number {
    return int(this, native.member(this[HANDLE]));
  }
}
