/** What a call on a connection leaves to be done; and the addon's version and clock. */

import { native } from './native.js';

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
