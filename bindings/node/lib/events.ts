/** What happens to a socket of `connect`, as events, and for everybody on `node:diagnostics_channel`. */

import { channel, type Channel } from 'node:diagnostics_channel';
import type { ActionOf, SlotMove } from './action.js';
import type { LogLine } from './log.js';
import type { CloseReason, OffReason, RestoreReason, WaitingFor, WindowReason } from './words.js';

type Fields<T> = Omit<T, 'kind'>;

export interface SchEvents {
  /** The server said that this endpoint goes away, and a handoff has begun. */
  moving: { handoffs: number };
  /** Timeouts are at least `timeoutMs` from now on, also of commands in flight. */
  relaxed: { timeoutMs: number; reason: WindowReason };
  restored: { reason: RestoreReason };
  /** A candidate is opened. */
  opening: { transport: number; host: string; port: number; attempt: number };
  /** Commands go to another node now. `flushTracking`: client-side caches are void. */
  swapped: { transport: number; oldTransport?: number; host: string; port: number; flushTracking: boolean };
  /** A socket was closed on purpose. */
  closed: { transport: number; reason: CloseReason };
  'handoff-finished': Fields<ActionOf<'handoff-finished'>>;
  'handoff-failed': Fields<ActionOf<'handoff-finished'>>;
  /** The swap still waits when the endpoint's time is over. */
  overdue: { waitingFor: WaitingFor[] };
  /** Commands whose replies never come. Error replies were put in their places. */
  lost: Omit<Fields<ActionOf<'lost'>>, 'data'>;
  /** Commands that were never written come back; the stream ends. */
  'handed-back': Fields<ActionOf<'hand-back'>>;
  /** The server does not take the credentials any more: `setCredentials`. */
  'need-credentials': { transport: number };
  /** Without maintenance notifications, or without handoff, from now on. */
  'sch-off': { reason: OffReason; fatal: boolean };
  'slots-moved': { seq?: number; moves: SlotMove[] };
  'reload-slots': { seq?: number };
  log: LogLine;
}

export type SchEventName = keyof SchEvents;

/** One channel an event: `sch:moving`, `sch:swapped`, ... Messages have the fields of the event and `socket`. */
const NAMES: readonly SchEventName[] = [
  'moving', 'relaxed', 'restored', 'opening', 'swapped', 'closed', 'handoff-finished', 'handoff-failed', 'overdue',
  'lost', 'handed-back', 'need-credentials', 'sch-off', 'slots-moved', 'reload-slots', 'log',
];
const CHANNELS = new Map<SchEventName, Channel>(NAMES.map((name) => [name, channel(`sch:${name}`)]));

/** Tells subscribers of the channel; costs nothing without any. */
export function publish<K extends SchEventName>(name: K, socket: object, fields: SchEvents[K]): void {
  const to = CHANNELS.get(name);
  if (to?.hasSubscribers) to.publish({ socket, ...fields });
}
