/** Errors: `code` is the name of the status in the C header. */

import { native } from './native.js';

const NAMES: Readonly<Record<number, string>> = {
  [-1]: 'SCH_ERR_NULL',
  [-2]: 'SCH_ERR_ARGUMENT',
  [-3]: 'SCH_ERR_STRUCT_SIZE',
  [-4]: 'SCH_ERR_ABI',
  [-5]: 'SCH_ERR_CONFIG',
  [-6]: 'SCH_ERR_UNKNOWN_TRANSPORT',
  [-7]: 'SCH_ERR_UNEXPECTED',
  [-8]: 'SCH_ERR_WRONG_LEVEL',
  [-9]: 'SCH_ERR_NOT_CONNECTED',
  [-10]: 'SCH_ERR_CLOSED',
  [-11]: 'SCH_ERR_WROTE_TOO_MUCH',
  [-12]: 'SCH_ERR_LIMIT',
  [-13]: 'SCH_ERR_NOT_A_PUSH',
  [-14]: 'SCH_ERR_BUSY',
  [-15]: 'SCH_ERR_NOT_A_SLOT_MAP',
  [-16]: 'SCH_ERR_NO_MEMORY',
  [-100]: 'SCH_ERR_FATAL',
  [-101]: 'SCH_ERR_PANIC',
  [-102]: 'SCH_ERR_POISONED',
};

export type SchErrorCode =
  | 'SCH_ERR_NULL' | 'SCH_ERR_ARGUMENT' | 'SCH_ERR_STRUCT_SIZE' | 'SCH_ERR_ABI' | 'SCH_ERR_CONFIG'
  | 'SCH_ERR_UNKNOWN_TRANSPORT' | 'SCH_ERR_UNEXPECTED' | 'SCH_ERR_WRONG_LEVEL' | 'SCH_ERR_NOT_CONNECTED'
  | 'SCH_ERR_CLOSED' | 'SCH_ERR_WROTE_TOO_MUCH' | 'SCH_ERR_LIMIT' | 'SCH_ERR_NOT_A_PUSH' | 'SCH_ERR_BUSY' | 'SCH_ERR_NOT_A_SLOT_MAP'
  | 'SCH_ERR_NO_MEMORY' | 'SCH_ERR_FATAL' | 'SCH_ERR_PANIC' | 'SCH_ERR_POISONED';

/** A call of libsch that was refused. It changed nothing, unless `fatal`. */
export class SchError extends Error {
  readonly code: SchErrorCode;

  constructor(code: SchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SchError';
    this.code = code;
  }

  /** The connection can only be salvaged and released. */
  get fatal(): boolean {
    return this.code === 'SCH_ERR_FATAL' || this.code === 'SCH_ERR_PANIC' || this.code === 'SCH_ERR_POISONED';
  }
}

/** The error of a status below 0. */
export function failure(status: number, text?: string): SchError {
  const code = (NAMES[status] ?? 'SCH_ERR_FATAL') as SchErrorCode;
  return new SchError(code, text || native.statusText(status));
}

/** What concerns something that was released meanwhile need not be done. */
export function unlessReleased(work: () => void): void {
  try {
    work();
  } catch (error) {
    if ((error as SchError).code !== 'SCH_ERR_CLOSED') throw error;
  }
}

/** A mistake in what the caller gave: a `TypeError` with a code. */
export function mistake(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: 'SCH_ERR_ARGUMENT' as const });
}
