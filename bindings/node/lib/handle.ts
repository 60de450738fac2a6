/** What the classes over a handle of the addon share: the handle itself, answers that are statuses, and the end. */

import { failure } from './errors.js';
import { native } from './native.js';

/** The number of the handle. It names nothing in another thread, and never something else. */
export const HANDLE: unique symbol = Symbol('handle');

/** `Symbol.dispose`, also where Node does not have it yet. */
export const dispose: typeof Symbol.dispose =
  Symbol.dispose ?? (Symbol.for('nodejs.dispose') as unknown as typeof Symbol.dispose);

/** The time where none is given: the addon looks at its own clock. */
export const OWN = -1;

/** One kind of handle: its functions in the addon. */
export interface Kind {
  release(handle: number): boolean;
  lastError(handle: number): string | undefined;
}

export const CONNECTION: Kind = { release: native.release, lastError: native.lastError };
export const POOL: Kind = { release: native.poolRelease, lastError: () => undefined };
export const CLUSTER: Kind = { release: native.clusterRelease, lastError: native.clusterLastError };

/** What is forgotten is released. */
const forgotten = new FinalizationRegistry<() => void>((release) => release());

export abstract class Handle {
  /** @internal */
  readonly [HANDLE]: number;
  readonly #kind: Kind;

  constructor(kind: Kind, handle: number) {
    this.#kind = kind;
    this[HANDLE] = handle;
    forgotten.register(this, () => kind.release(handle), this);
  }

  /** @internal */
  static fail(of: Handle, status: number): never {
    throw failure(status, of.#kind.lastError(of[HANDLE]));
  }

  /** Frees the memory, also done by the garbage collector. Every later call throws `SCH_ERR_CLOSED`. */
  release(): void {
    forgotten.unregister(this);
    this.#kind.release(this[HANDLE]);
  }

  [dispose](): void {
    this.release();
  }
}

/** An answer that is an integer, or a status below 0. */
export function int(of: Handle, answer: number): number {
  return answer < 0 ? Handle.fail(of, answer) : answer;
}

/** An answer that is a status where it is a number. */
export function or<T>(of: Handle, answer: T | number): T {
  return typeof answer === 'number' ? Handle.fail(of, answer) : answer;
}

/** Text or bytes, as the addon takes them. */
export function bytes(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

/** Counters by their names, which are in the order of the header. */
export function named<K extends string>(names: readonly K[], numbers: readonly number[]): Record<K, number> {
  return Object.fromEntries(names.map((name, i) => [name, numbers[i]])) as Record<K, number>;
}
