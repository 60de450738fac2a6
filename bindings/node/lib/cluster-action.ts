/** What a cluster asks for or tells, as one object a kind. The manual of the C header (CLUSTERS) says what to do about each. */

import type { SlotRange } from './action.js';
import type { RawClusterAction, RawRanges } from './native.js';
import * as words from './words.js';

/** Slots that went from one node to another. */
export interface ClusterMove {
  /** Where they were, if that was said and is known to the map. */
  source?: number;
  /** Where they are, if that is known to the map. */
  destination?: number;
  ranges: SlotRange[];
}

/** A node is a number: `Cluster.node` has its address. Ignore kinds you do not know. */
export type ClusterAction =
  /** Once for each `seq`, whichever connection read it: the map has it already. */
  | { kind: 'slots-moved'; seq?: number; moves: ClusterMove[] }
  /** It owns slots and did not before: it will be needed. */
  | { kind: 'dial-node'; node: number; host: string; port: number }
  /** Subscribe to your shard channels of these slots on `node`; they were on `oldNode`. */
  | { kind: 'move-subscriptions'; node: number; oldNode?: number; ranges: SlotRange[] }
  /** It owns no slot any more: close its connections when nothing is owed there. `gone`: its number is forgotten. */
  | { kind: 'drain-node'; node: number; host: string; port: number; gone: boolean }
  /**
   * Ask this node for the map; without one, a configured address. Then `loadSlots` or `loadShards` with `seq`, or
   * `reloadFailed`.
   */
  | {
      kind: 'reload-slots'; node?: number; host?: string; port?: number; seq?: number; reasons: words.ReloadReason[];
      attempt: number;
    };

function rangesOf(flat: RawRanges): SlotRange[] {
  const out: SlotRange[] = [];
  for (let i = 0; i < flat.length; i += 2) out.push({ first: flat[i], last: flat[i + 1] });
  return out;
}

/** The action that the addon gave as a list. */
export function decodeClusterAction(raw: RawClusterAction): ClusterAction {
  const [number, node, oldNode, seq, bits, attempt, host, port, gone, moves, ranges] = raw;
  const kind = words.CLUSTER_ACTIONS[number - 1];
  const numbered = seq === undefined ? {} : { seq };
  switch (kind) {
    case 'slots-moved': {
      const all = moves.map(([source, destination, slots]) => ({
        ...(source === 0 ? {} : { source }), ...(destination === 0 ? {} : { destination }), ranges: rangesOf(slots),
      }));
      return { kind, ...numbered, moves: all };
    }
    case 'dial-node': return { kind, node, host, port };
    case 'move-subscriptions': return { kind, node, ...(oldNode === 0 ? {} : { oldNode }), ranges: rangesOf(ranges) };
    case 'drain-node': return { kind, node, host, port, gone };
    case 'reload-slots': {
      const reasons = words.RELOADS.filter((_, bit) => bits & (1 << bit));
      return { kind, ...(node === 0 ? {} : { node, host, port }), ...numbered, reasons, attempt };
    }
    // Every number of this addon is above: another one would need a newer addon than this file.
    default: throw new RangeError(`libsch gave the cluster action ${number}, which this version does not know`);
  }
}
