/**
 * The slot map of a Redis cluster, kept true by what connections tell and what servers answer, for all connections of the
 * thread that made it. See CLUSTERS in the C header. `poll` after every input.
 */

import { type ClusterAction, decodeClusterAction } from './cluster-action.js';
import type { Connection } from './connection.js';
import { failure, mistake } from './errors.js';
import { CLUSTER, HANDLE, Handle, OWN, bytes, int, named, or } from './handle.js';
import { type LogLine, linesOf } from './log.js';
import { native } from './native.js';
import type { Endpoint } from './pool.js';
import { type Settings, open } from './settings.js';
import * as words from './words.js';

/** Where a redirection leads. */
export interface Redirection extends Endpoint {
  slot: number;
  /** The node there; nothing if it has no number (ASK), or there is no room for it. */
  node?: number;
  /** ASK: for this command only, after ASKING. */
  isAsk: boolean;
}

export interface ClusterNode extends Endpoint {
  /** As at the last load. */
  health: words.Health;
  /** How many slots it owns. */
  slots: number;
  replicas: number;
  /** Whether the last load named it. */
  isListed: boolean;
}

/** The slot of a key, or of a shard channel: of `{tag}` only what is inside counts. */
export function keySlot(key: string | Uint8Array): number {
  const slot = native.keySlot(bytes(key));
  if (slot < 0) throw failure(slot);
  return slot;
}

export class Cluster extends Handle {
  /** Without a map, for connections that are made with the same settings. */
  constructor(settings: Settings = {}) {
    super(CLUSTER, open(settings, (list, log) => native.clusterOpen(list, log)));
  }

  /** What servers write as `from` is dialled as `to`: `host:port`, or `host` for any port. For what is loaded after it. */
  mapAddress(from: string, to: string): void {
    int(this, native.clusterMapAddress(this[HANDLE], from, to));
  }

  // The map ----------------------------------------------------------------------------------------------------

  /**
   * You are about to ask a node for the map on your own account, as at your start. Give what this answers to the load: what is
   * told meanwhile is repeated on it.
   */
  reloadStarted(now: number = OWN): number | undefined {
    const seq = native.clusterReloadStarted(this[HANDLE], now);
    return seq === undefined ? seq : int(this, seq);
  }

  /**
   * The whole reply to CLUSTER SLOTS of the node that you dialled as `asked`. `seq` is that of `reload-slots`, or of
   * `reloadStarted`. Throws `SCH_ERR_NOT_A_SLOT_MAP` where it is none: the map goes on as it was, and you say `reloadFailed`.
   */
  loadSlots(reply: Uint8Array, asked: Endpoint, seq?: number, now: number = OWN): void {
    const { host, port } = endpoint(asked);
    int(this, native.clusterLoadSlots(this[HANDLE], now, reply, host, port, seq));
  }

  /** The whole reply to CLUSTER SHARDS, likewise: with health, and with nodes without slots. */
  loadShards(reply: Uint8Array, asked: Endpoint, seq?: number, now: number = OWN): void {
    const { host, port } = endpoint(asked);
    int(this, native.clusterLoadShards(this[HANDLE], now, reply, host, port, seq));
  }

  /** The map that was asked for did not come. It will be asked for again, after a pause that grows. */
  reloadFailed(now: number = OWN): void {
    int(this, native.clusterReloadFailed(this[HANDLE], now));
  }

  /** The map is not to be trusted, or there is none yet: one `reload-slots` follows, however many ask. */
  askReload(now: number = OWN): void {
    int(this, native.clusterAskReload(this[HANDLE], now));
  }

  // What connections tell and servers answer -------------------------------------------------------------------

  /** `connection` told `slots-moved`, and that is the action polled from it last. */
  slotsMoved(connection: Connection, now: number = OWN): void {
    if (!(connection instanceof Handle)) throw mistake('slotsMoved: a connection was expected');
    int(this, native.clusterSlotsMoved(this[HANDLE], now, connection[HANDLE]));
  }

  /** A connection told `reload-slots`, with this `seq`. */
  reloadAsked(seq?: number, now: number = OWN): void {
    int(this, native.clusterReloadAsked(this[HANDLE], now, seq));
  }

  /** A push of a connection that libsch does not drive, the whole frame. True: it was SMIGRATED, and was taken. */
  push(frame: Uint8Array, now: number = OWN): boolean {
    return or(this, native.clusterPush(this[HANDLE], now, frame));
  }

  /** The text of an error of the node that you dialled as `asked`: where to send the command, if it is a redirection. */
  redirected(error: string | Uint8Array, asked: Endpoint, now: number = OWN): Redirection | undefined {
    const at = endpoint(asked);
    const answer = native.clusterRedirected(this[HANDLE], now, bytes(error), at.host, at.port);
    if (answer === undefined) return undefined;
    const [slot, host, port, node, isAsk] = or(this, answer);
    return { slot, host, port, ...(node === 0 ? {} : { node }), isAsk };
  }

  /** A command was answered with MOVED, and your parser has read it. The node there, if there is room for it. */
  moved(slot: number, host: string, port: number, now: number = OWN): number | undefined {
    return int(this, native.clusterMoved(this[HANDLE], now, slot, host, port)) || undefined;
  }

  /** You subscribe to a shard channel, on this node; without one its slot has no owner yet. Once for each channel. */
  subscribe(channel: string | Uint8Array): { slot: number; node?: number } {
    const [slot, node] = or(this, native.clusterSubscribe(this[HANDLE], bytes(channel)));
    return { slot, ...(node === 0 ? {} : { node }) };
  }

  /** You do not want that shard channel any more. False: none of its slot was said. */
  unsubscribe(channel: string | Uint8Array): boolean {
    return or(this, native.clusterUnsubscribe(this[HANDLE], bytes(channel)));
  }

  /** The deadline has come. */
  tick(now: number = OWN): void {
    int(this, native.clusterTick(this[HANDLE], now));
  }

  // What is to be done -----------------------------------------------------------------------------------------

  /** The next thing to do. */
  poll(): ClusterAction | undefined {
    const raw = native.clusterPollAction(this[HANDLE]);
    return raw === undefined ? undefined : decodeClusterAction(or(this, raw));
  }

  /** When `tick` is due, in nanoseconds of your clock. */
  get deadline(): number | undefined {
    return native.clusterDeadline(this[HANDLE]);
  }

  /** Milliseconds until `tick` is due, rounded up. */
  delayMs(now: number = OWN): number | undefined {
    return native.clusterDelayMs(this[HANDLE], now);
  }

  /** Log lines up to `logLevel`, since they were taken last. */
  takeLog(): LogLine[] {
    return linesOf(native.clusterTakeLog(this[HANDLE]));
  }

  // Who owns what ----------------------------------------------------------------------------------------------

  /** A number above 0 that stays while the node's address does, and is never used again: keep your connections by it. */
  owner(slot: number): number | undefined {
    return int(this, native.clusterOwner(this[HANDLE], slot)) || undefined;
  }

  ownerOfKey(key: string | Uint8Array): number | undefined {
    return int(this, native.clusterOwnerOfKey(this[HANDLE], bytes(key))) || undefined;
  }

  /** The replica number `nth`, from 0, of the owner of a slot. */
  replica(slot: number, nth: number = 0): number | undefined {
    return int(this, native.clusterReplica(this[HANDLE], slot, nth)) || undefined;
  }

  /** Nothing: its number is forgotten, look up the owner again. */
  node(node: number): ClusterNode | undefined {
    const answer = native.clusterNode(this[HANDLE], node);
    if (answer === undefined) return undefined;
    const [health, slots, replicas, host, port, isListed] = or(this, answer);
    return { host, port, health: words.HEALTHS[health - 1], slots, replicas, isListed };
  }

  /** The node at an address, as servers write it or as it is dialled. */
  findNode(host: string, port: number): number | undefined {
    return int(this, native.clusterFindNode(this[HANDLE], host, port)) || undefined;
  }

  get counters(): words.ClusterCounters {
    return named(words.CLUSTER_COUNTERS, or(this, native.clusterCounters(this[HANDLE])));
  }
}

function endpoint(asked: Endpoint): Endpoint {
  if (typeof asked !== 'object' || asked === null) throw mistake('asked: the host and port that were dialled were expected');
  return asked;
}
