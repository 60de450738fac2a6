/** The addon: finds it and types it. Nothing of it leaves this package; a handle is a number that only it understands. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A list of what `lib/action.ts` names. */
export type RawAction = readonly unknown[];

/** Calls on the way of bytes answer an integer: 0 nothing to do, above 0 bits of what is, below 0 a status. */
export interface Native {
  readonly shared: Float64Array;
  open(settings: unknown[], logLevel: number): number | [status: number, text: string];
  release(handle: number): boolean;
  receive(handle: number, now: number, transport: number, data: Uint8Array): number;
  receiveIn(handle: number, now: number, transport: number, data: Uint8Array, spans: number): number;
  submit(handle: number, now: number, data: Uint8Array): number;
  wrote(handle: number, now: number, transport: number, bytes: number): number;
  tick(handle: number, now: number): number;
  dial(handle: number, now: number, nth: number): [number, string, number, string | undefined] | number | undefined;
  connected(handle: number, now: number, transport: number, peer: string | undefined): number;
  connectFailed(handle: number, now: number, transport: number): number;
  closed(handle: number, now: number, transport: number, unwritten: Uint8Array | undefined): number;
  owe(handle: number, now: number, replies: number): number;
  oweOn(handle: number, now: number, transport: number, replies: number): number;
  inFlight(handle: number, now: number, commands: number): number;
  fence(handle: number, now: number, fence: number, open: boolean): number;
  cancel(handle: number, now: number, number: number): boolean | number;
  held(handle: number, now: number): number;
  swapped(handle: number, now: number): number;
  swapRefused(handle: number, now: number): number;
  ready(handle: number, now: number, transport: number): number;
  resp2(handle: number, now: number, transport: number): number;
  optinReply(handle: number, now: number, transport: number, line: Uint8Array): number;
  lossesSettled(handle: number, now: number): number;
  credentials(handle: number, now: number, username: string | undefined, password: Uint8Array): number;
  close(handle: number, now: number): number;
  push(handle: number, now: number, transport: number, frame: Uint8Array): boolean | number;
  pushBegin(handle: number, elements: number): number;
  pushText(handle: number, text: Uint8Array): number;
  pushInteger(handle: number, value: number): number;
  pushNull(handle: number): number;
  pushArray(handle: number, elements: number): number;
  pushEnd(handle: number, now: number, transport: number): boolean | number;
  todo(handle: number): number;
  poll(handle: number): RawAction | undefined;
  actionText(handle: number): string | undefined;
  spans(handle: number): ([start: number, len: number] | Buffer)[];
  region(handle: number, transport: number, most: number): Buffer | number;
  deadline(handle: number): number | undefined;
  delayMs(handle: number, now: number): number | undefined;
  takeLog(handle: number): (number | string)[];
  lastError(handle: number): string | undefined;
  salvage(handle: number): Buffer | number;
  effectiveTimeoutMs(handle: number, configured: number | undefined): number | undefined | [status: number];
  waitOn(handle: number): (number | boolean)[] | number;
  counters(handle: number): number[] | number;
  phase(handle: number): number;
  current(handle: number): number;
  isActive(handle: number): number;
  pollTrace(handle: number): string | undefined;
  now(): number;
  statusText(status: number): string;
  version(): [version: string, abi: number, spans: number, actions: number, deadline: number, log: number];
  settings(): string[];
  live(): number;
  nothing(a?: unknown, b?: unknown, c?: unknown, d?: unknown): number;
}

function load(): Native {
  const name = `${process.platform}-${process.arch}`;
  const file = join(__dirname, '..', 'prebuilds', name, 'sch.node');
  if (!existsSync(file)) {
    throw new Error(`sch has no binary for ${name}: this package was built for other machines`);
  }
  return require(file) as Native;
}

export const native: Native = load();
