/** What a pool tells, as one object a kind. The manual of the C header (POOLS) says what to do about each. */

import type { RawEvent } from './native.js';
import * as words from './words.js';

/** A number of a member is that of `Connection.member`; `user` is what you called it. Ignore kinds you do not know. */
export type PoolEvent =
  /** A notification was read: once for each, however many connections read it. `member` read it first. */
  | { kind: 'maintenance'; notification: words.Notification; seq?: number; member: number; user: number }
  /** Nobody owns `member`, and its node moves: close it. If it has been taken since, forget this. */
  | { kind: 'retire'; member: number; user: number }
  /** Nobody owns `member`, and its node moves: take it, drive it until `handoff-finished`, give it back. */
  | { kind: 'handoff'; member: number; user: number }
  /** It refused several times: one connection at a time tries it from now on. */
  | { kind: 'breaker-opened'; host: string; port: number }
  /** It answered again. */
  | { kind: 'breaker-closed'; host: string; port: number }
  /** A MOVING names what the endpoint policy does not allow: it is not followed. */
  | { kind: 'endpoint-refused'; host: string; port: number }
  /** The deadline of a MOVING has come, and so many members are not handed off. No host: to the configured address. */
  | { kind: 'late'; seq?: number; members: number; host?: string; port?: number }
  /** Nobody polled, and so many events were dropped. `retire` and `handoff` are not among them, they wait. */
  | { kind: 'dropped'; events: number };

/** The event that the addon gave as a list. */
export function decodeEvent([number, member, user, count, seq, notification, host, port]: RawEvent): PoolEvent {
  const kind = words.EVENTS[number - 1];
  const numbered = seq === undefined ? {} : { seq };
  switch (kind) {
    case 'maintenance': {
      return { kind, notification: words.NOTIFICATIONS[notification - 1], ...numbered, member, user };
    }
    case 'retire':
    case 'handoff': return { kind, member, user };
    case 'breaker-opened':
    case 'breaker-closed':
    case 'endpoint-refused': return { kind, host, port };
    case 'late': return { kind, ...numbered, members: count, ...(host === '' ? {} : { host, port }) };
    case 'dropped': return { kind, events: count };
    // Every number of this addon is above: another one would need a newer addon than this file.
    default: throw new RangeError(`libsch gave the event ${number}, which this version does not know`);
  }
}
