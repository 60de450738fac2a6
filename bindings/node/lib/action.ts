/** Actions: what libsch asks for, as one object a kind. */

import type { RawAction } from './native.js';
import * as words from './words.js';

/** Slots from `first` to `last`, both included. */
export interface SlotRange {
  first: number;
  last: number;
}

export interface SlotMove {
  /** Where they were, if the server said it. */
  source?: { host: string; port: number };
  destination: { host: string; port: number };
  ranges: SlotRange[];
}

/** What a field means, and what answers an action, is at SCH_ACTION_* of the C header. Ignore kinds you do not know. */
export type Action =
  | { kind: 'relax'; timeoutMs: number; reason: words.WindowReason }
  | { kind: 'restore'; reason: words.RestoreReason }
  | { kind: 'write'; transport: number }
  | {
      kind: 'open'; transport: number; host: string; port: number; tlsServerName?: string; attempt: number;
      deadlineNs: number;
    }
  | { kind: 'hold'; transport: number }
  | { kind: 'swap'; transport: number; oldTransport?: number; flushTracking: boolean }
  | { kind: 'flush'; transport: number; first: number; count: number }
  | { kind: 'release'; transport: number }
  | { kind: 'close'; transport: number; reason: words.CloseReason }
  | {
      kind: 'lost'; first: number; count: number; outcome: words.LostOutcome; commandClass: words.CommandClass;
      data: Buffer;
    }
  | { kind: 'hand-back'; first: number; count: number; data: Buffer }
  | { kind: 'resume' }
  | { kind: 'reset-parser' }
  | { kind: 'transaction-broken' }
  | { kind: 'send-optin'; transport: number; data: Buffer; replies: number }
  | { kind: 'need-credentials'; transport: number }
  | { kind: 'overdue'; waitingFor: words.WaitingFor[] }
  | {
      kind: 'handoff-finished'; outcome: words.HandoffOutcome; seq?: number; durationNs: number; pauseNs: number;
      attempts: number; held: number; lost: number;
    }
  | { kind: 'sch-off'; reason: words.OffReason; fatal: boolean }
  | { kind: 'slots-moved'; seq?: number; moves: SlotMove[] }
  | { kind: 'reload-slots'; seq?: number };

export type ActionKind = Action['kind'];
/** The action of one kind. */
export type ActionOf<K extends ActionKind> = Extract<Action, { kind: K }>;

type RawMove = [string | undefined, number, string, number, [number, number][]];

function move([source, sourcePort, host, port, ranges]: RawMove): SlotMove {
  return {
    ...(source === undefined ? {} : { source: { host: source, port: sourcePort } }),
    destination: { host, port },
    ranges: ranges.map(([first, last]) => ({ first, last })),
  };
}

/** The action that the addon gave as a list. */
export function decode(raw: RawAction): Action {
  const [
    number, transport, oldTransport, data, host, port, tlsServerName, timeoutMs, deadlineNs, first, count, seq,
    durationNs, pauseNs, held, lost, reason, outcome, commandClass, attempt, replies, waiting, flushTracking, fatal,
    moves,
  ] = raw as [
    number, number, number, Buffer, string, number, string | undefined, number, number, number, number,
    number | undefined, number, number, number, number, number, number, number, number, number, number, boolean,
    boolean, RawMove[],
  ];
  const numbered = seq === undefined ? {} : { seq };
  switch (number) {
    case 1: return { kind: 'relax', timeoutMs, reason: words.WINDOWS[reason - 1] };
    case 2: return { kind: 'restore', reason: words.RESTORES[reason - 1] };
    case 3: return { kind: 'write', transport };
    case 4: {
      const named = tlsServerName === undefined ? {} : { tlsServerName };
      return { kind: 'open', transport, host, port, ...named, attempt, deadlineNs };
    }
    case 5: return { kind: 'hold', transport };
    case 6: {
      const old = oldTransport === 0 ? {} : { oldTransport };
      return { kind: 'swap', transport, ...old, flushTracking };
    }
    case 7: return { kind: 'flush', transport, first, count };
    case 8: return { kind: 'release', transport };
    case 9: return { kind: 'close', transport, reason: words.CLOSES[reason - 1] };
    case 10: {
      const how = { outcome: words.LOST[outcome - 1], commandClass: words.CLASSES[commandClass - 1] };
      return { kind: 'lost', first, count, ...how, data };
    }
    case 11: return { kind: 'hand-back', first, count, data };
    case 12: return { kind: 'resume' };
    case 13: return { kind: 'reset-parser' };
    case 14: return { kind: 'transaction-broken' };
    case 15: return { kind: 'send-optin', transport, data, replies };
    case 16: return { kind: 'need-credentials', transport };
    case 17: return { kind: 'overdue', waitingFor: words.WAITING.filter((_, bit) => waiting & (1 << bit)) };
    case 18: {
      const times = { durationNs, pauseNs, attempts: attempt, held, lost };
      return { kind: 'handoff-finished', outcome: words.OUTCOMES[outcome - 1], ...numbered, ...times };
    }
    case 19: return { kind: 'sch-off', reason: words.OFFS[reason - 1], fatal };
    case 20: return { kind: 'slots-moved', ...numbered, moves: moves.map(move) };
    case 21: return { kind: 'reload-slots', ...numbered };
    // Every number of this addon is above: another one would need a newer addon than this file.
    default: throw new RangeError(`libsch gave the action ${number}, which this version does not know`);
  }
}
