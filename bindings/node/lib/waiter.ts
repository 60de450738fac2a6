/**
 * Who is woken when there is news of a pool. A wake-up comes when the JavaScript that runs has ended: never inside of a call,
 * and once for all that was told meanwhile.
 */

import { failure, unlessReleased } from './errors.js';
import { native } from './native.js';

const waiters = new Map<number, WeakRef<Waiter>>();
const forgotten = new FinalizationRegistry<number>((key) => waiters.delete(key));
let last = 0;

/** Each in a turn of its own: an exception of one is its own, and is the process's as any other. */
function wakeAll(): void {
  for (const key of native.takeWoken()) queueMicrotask(() => waiters.get(key)?.deref()?.wake());
}

native.onWake(() => queueMicrotask(wakeAll));

/** From `Pool.addWaiter`. Goes with the pool, or by `remove`. */
export class Waiter {
  /** @internal The handle of its pool, which it does not keep. */
  readonly pool: number;
  /** @internal As the addon knows it. */
  readonly number: number;
  readonly #kept: Set<Waiter>;
  #wake: (() => unknown) | undefined;

  /** @internal */
  constructor(pool: number, wake: () => unknown, kept: Set<Waiter>) {
    const key = ++last;
    this.pool = pool;
    this.number = native.poolAddWaiter(pool, key);
    if (this.number < 0) throw failure(this.number);
    this.#wake = wake;
    this.#kept = kept;
    waiters.set(key, new WeakRef(this));
    forgotten.register(this, key);
    kept.add(this);
  }

  /** @internal */
  wake(): void {
    this.#wake?.();
  }

  /** It is woken no more, also where it was just due. Members that it was given to have no waiter from here on. */
  remove(): void {
    if (this.#wake === undefined) return;
    this.#wake = undefined;
    this.#kept.delete(this);
    // Where the garbage collector has released the pool there is nothing to remove.
    unlessReleased(() => {
      const status = native.poolRemoveWaiter(this.pool, this.number);
      if (status < 0) throw failure(status);
    });
  }
}
