/** The first connect of a stream: one place after the other, each with a time. */

import { SchError } from './errors.js';
import type { Loop } from './loop.js';
import { Todo } from './todo.js';

const CONNECT_TIMEOUT_MS = 10_000;

export class FirstConnect {
  readonly #loop: Loop;
  readonly #limit: number;
  #nth = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(loop: Loop, limit: number | undefined) {
    this.#loop = loop;
    this.#limit = limit ?? CONNECT_TIMEOUT_MS;
  }

  dial(nth: number): void {
    this.#nth = nth;
    const { conn, links, pooled, stream } = this.#loop;
    const dial = pooled === undefined ? conn.dial(nth) : pooled.dial(nth);
    if (dial === undefined) {
      stream.destroy(this.#loop.connectError ?? new SchError('SCH_ERR_NOT_CONNECTED', 'there is no place to connect to'));
      return;
    }
    const failed = (error: Error | undefined): void => {
      this.stop();
      pooled?.result(nth, false);
      const closed = 'the connection was closed while it was made';
      this.#loop.connectError = error ?? new SchError('SCH_ERR_NOT_CONNECTED', closed);
      links.delete(dial.transport);
      this.#loop.settle(conn.connectFailed(dial.transport) | Todo.ACTIONS);
      if (!stream.destroyed) this.dial(nth + 1);
    };
    const transport = links.open(dial.transport, dial, failed);
    if (transport === undefined) return;
    this.#timer = setTimeout(() => {
      transport.drop();
      const error = new SchError('SCH_ERR_NOT_CONNECTED', `no connection within ${this.#limit} ms`);
      failed(Object.assign(error, { errno: 'ETIMEDOUT' }));
    }, this.#limit).unref();
  }

  /** It is connected. */
  done(): void {
    this.stop();
    this.#loop.pooled?.result(this.#nth, true);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
