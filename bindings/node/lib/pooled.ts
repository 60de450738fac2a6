/** A stream as the member of a pool: where it dials first, how that went, and its mail. It is owned for as long as it lives. */

import type { Connection, Dial } from './connection.js';
import { unlessReleased } from './errors.js';
import type { Loop } from './loop.js';
import type { Endpoint, Pool } from './pool.js';
import type { Waiter } from './waiter.js';

export class Pooled {
  readonly #pool: Pool;
  readonly #conn: Connection;
  readonly #waiter: Waiter;
  #places: Endpoint[] | undefined;

  constructor(loop: Loop, pool: Pool) {
    this.#pool = pool;
    this.#conn = loop.conn;
    this.#waiter = pool.addWaiter(() => loop.input(() => loop.conn.tick()));
    try {
      this.#conn.join(pool);
      this.#conn.take(this.#waiter);
    } catch (error) {
      // The pool is full, or was released.
      this.#waiter.remove();
      throw error;
    }
  }

  /** Choice number `nth`. */
  dial(nth: number): Dial | undefined {
    this.#places ??= this.#pool.whereToDial().places;
    const place = this.#places[nth];
    return place && this.#conn.dialTo(place.host, place.port);
  }

  result(nth: number, ok: boolean): void {
    const place = this.#places?.[nth];
    if (place) unlessReleased(() => this.#pool.dialResult(place.host, place.port, ok));
  }

  /** The connection outlives the stream. */
  leave(): void {
    this.#conn.leave();
  }

  end(): void {
    this.#waiter.remove();
  }
}
