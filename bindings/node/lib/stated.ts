/** What a driver states at levels 1 and 2, where libsch does not see it. */

import { SchError, mistake } from './errors.js';
import { HANDLE, OWN, bytes, int, or } from './handle.js';
import { native } from './native.js';
import { Questions } from './questions.js';
import { numberOf } from './settings.js';
import * as words from './words.js';

/** A value of a push, as a parser has it. */
export type PushValue = string | number | bigint | null | Uint8Array | readonly PushValue[];

export abstract class Stated extends Questions {
  /** What was just written is owed so many replies; without a transport: on the one in use. */
  owe(replies: number, transport?: number, now: number = OWN): number {
    return int(
      this,
      transport === undefined
        ? native.owe(this[HANDLE], now, replies)
        : native.oweOn(this[HANDLE], now, transport, replies),
    );
  }

  /**
   * So many commands are written and not answered. Level `notified`: before `held`, and at 0. With `levelIn: 'tapped'`: with each
   * write, before `receive` gets its reply; what it has taken whole is answered. `tapped` with `levelIn: 'notified'`: as replies come, and at 0.
   */
  inFlight(commands: number, now: number = OWN): number {
    return int(this, native.inFlight(this[HANDLE], now, commands));
  }

  fence(fence: words.Fence, open: boolean, now: number = OWN): number {
    return int(this, native.fence(this[HANDLE], now, numberOf('fence', fence, words.FENCES, 1), open));
  }

  /** A push that your parser met, the whole frame. True: it was a maintenance notification, nobody else needs it. */
  push(transport: number, frame: Uint8Array, now: number = OWN): boolean {
    return or(this, native.push(this[HANDLE], now, transport, frame));
  }

  /** As `push`, where your parser has values instead of bytes. */
  pushValues(transport: number, values: readonly PushValue[], now: number = OWN): boolean {
    if (!Array.isArray(values)) throw mistake('a push is a list of values');
    int(this, native.pushBegin(this[HANDLE], values.length));
    try {
      values.forEach((value) => this.#pushValue(value));
    } catch (error) {
      // Too deep, or with a name too long: no notification is so.
      if (error instanceof SchError && error.code === 'SCH_ERR_LIMIT') return false;
      throw error;
    }
    return or(this, native.pushEnd(this[HANDLE], now, transport));
  }

  #pushValue(value: PushValue): void {
    if (typeof value === 'string' || value instanceof Uint8Array) {
      int(this, native.pushText(this[HANDLE], bytes(value)));
    } else if (typeof value === 'number' || typeof value === 'bigint') {
      int(this, native.pushInteger(this[HANDLE], Number(value)));
    } else if (value === null) {
      int(this, native.pushNull(this[HANDLE]));
    } else if (Array.isArray(value)) {
      int(this, native.pushArray(this[HANDLE], value.length));
      value.forEach((inner: PushValue) => this.#pushValue(inner));
    } else {
      throw mistake('a value of a push is a string, an integer, null, bytes or a list of them');
    }
  }

  /** Withdraws a command if it is still held. False: it was written, or never numbered. */
  cancel(number: number, now: number = OWN): boolean {
    return or(this, native.cancel(this[HANDLE], now, number));
  }
}
