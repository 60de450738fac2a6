/** The addon: finds it and types it. Nothing of it leaves this package; a handle is a number that only it understands. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A list of what `lib/action.ts` names. */
export type RawAction = readonly unknown[];
export type RawDial = [transport: number, host: string, port: number, tlsServerName: string | undefined];
export type RawEvent = [
  kind: number, member: number, user: number, count: number, seq: number | undefined, notification: number, host: string,
  port: number,
];
/** Slots: first, last, first, last, ... */
export type RawRanges = number[];
export type RawClusterAction = [
  kind: number, node: number, oldNode: number, seq: number | undefined, reasons: number, attempt: number, host: string,
  port: number, gone: boolean, moves: [source: number, destination: number, ranges: RawRanges][], ranges: RawRanges,
];
/** A handle, or a status and why. */
type Opened = number | [status: number, text: string];

/** Calls on the way of bytes answer an integer: 0 nothing to do, above 0 bits of what is, below 0 a status. */
export interface Native {
  readonly shared: Float64Array;
  open(settings: unknown[], logLevel: number): Opened;
  release(handle: number): boolean;
  receive(handle: number, now: number, transport: number, data: Uint8Array): number;
  receiveIn(handle: number, now: number, transport: number, data: Uint8Array, spans: number): number;
  submit(handle: number, now: number, data: Uint8Array): number;
  wrote(handle: number, now: number, transport: number, bytes: number): number;
  tick(handle: number, now: number): number;
  dial(handle: number, now: number, nth: number): RawDial | number | undefined;
  dialTo(handle: number, now: number, host: string, port: number): RawDial | number;
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
  join(handle: number, now: number, pool: number, unowned: number, user: number, node: string | undefined): number;
  leave(handle: number, now: number): number;
  take(handle: number, now: number, waiter: number): number;
  give(handle: number, now: number): number;
  hasMail(handle: number): number;
  member(handle: number): number;
  poolOpen(settings: unknown[], logLevel: number): Opened;
  poolRelease(handle: number): boolean;
  poolAddWaiter(handle: number, key: number): number;
  poolRemoveWaiter(handle: number, waiter: number): number;
  poolWatch(handle: number, waiter: number): number;
  poolPollEvent(handle: number): RawEvent | number | undefined;
  poolTick(handle: number, now: number): number;
  poolDeadline(handle: number): number | undefined;
  poolDelayMs(handle: number, now: number): number | undefined;
  poolWhereToDial(handle: number, now: number, most: number): (string | number | boolean | undefined)[] | number;
  poolDialResult(handle: number, now: number, host: string, port: number, ok: boolean): number;
  poolOptinRefused(handle: number, now: number, host: string, port: number): number;
  poolTakeLog(handle: number): (number | string)[];
  poolCounters(handle: number): number[] | number;
  poolEndpoints(handle: number): (string | number)[] | number;
  poolEndpointCounters(handle: number, host: string, port: number): number[] | number | undefined;
  onWake(wake: () => void): void;
  takeWoken(): number[];
  clusterOpen(settings: unknown[], logLevel: number): Opened;
  clusterRelease(handle: number): boolean;
  clusterLastError(handle: number): string | undefined;
  clusterMapAddress(handle: number, from: string, to: string): number;
  clusterLoadSlots(handle: number, now: number, reply: Uint8Array, host: string, port: number, seq: number | undefined): number;
  clusterLoadShards(handle: number, now: number, reply: Uint8Array, host: string, port: number, seq: number | undefined): number;
  clusterReloadStarted(handle: number, now: number): number | undefined;
  clusterReloadFailed(handle: number, now: number): number;
  clusterAskReload(handle: number, now: number): number;
  clusterSlotsMoved(handle: number, now: number, connection: number): number;
  clusterReloadAsked(handle: number, now: number, seq: number | undefined): number;
  clusterPush(handle: number, now: number, frame: Uint8Array): boolean | number;
  clusterRedirected(
    handle: number, now: number, error: Uint8Array, host: string, port: number,
  ): [slot: number, host: string, port: number, node: number, isAsk: boolean] | number | undefined;
  clusterMoved(handle: number, now: number, slot: number, host: string, port: number): number;
  clusterSubscribe(handle: number, channel: Uint8Array): [slot: number, node: number] | number;
  clusterUnsubscribe(handle: number, channel: Uint8Array): boolean | number;
  clusterTick(handle: number, now: number): number;
  clusterTakeLog(handle: number): (number | string)[];
  clusterPollAction(handle: number): RawClusterAction | number | undefined;
  clusterDeadline(handle: number): number | undefined;
  clusterDelayMs(handle: number, now: number): number | undefined;
  keySlot(key: Uint8Array): number;
  clusterOwner(handle: number, slot: number): number;
  clusterOwnerOfKey(handle: number, key: Uint8Array): number;
  clusterReplica(handle: number, slot: number, nth: number): number;
  clusterNode(
    handle: number, node: number,
  ): [health: number, slots: number, replicas: number, host: string, port: number, isListed: boolean] | number | undefined;
  clusterFindNode(handle: number, host: string, port: number): number;
  clusterCounters(handle: number): number[] | number;
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
