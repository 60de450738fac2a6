// Compiled, never run: what the types promise, and what they refuse.
import {
  Cluster, connect, Connection, keySlot, Pool, SchError, SchSocket, Todo, type Action, type ClusterAction, type Mode, type PoolEvent,
  type Unowned, type Waiter,
} from 'sch';

const mode: Mode = 'enabled';
// @ts-expect-error a word that is none
const wrong: Mode = 'on';

const socket: SchSocket = connect({ host: 'db.example', port: 6379, mode, tls: { ca: 'pem' }, limits: { maxHeldBytes: 1 } }, () => {});
// @ts-expect-error settled by being a stream
connect({ host: 'a', port: 1, level: 'tapped' });
// @ts-expect-error so is this
connect({ host: 'a', port: 1, levelIn: 'tapped' });
// @ts-expect-error no such limit
connect({ host: 'a', port: 1, limits: { maxHeld: 1 } });

socket.on('relaxed', ({ timeoutMs, reason }) => {
  const ms: number = timeoutMs;
  const why: 'migration' | 'failover' | 'slot-migration' | 'moving' | 'post-handoff' = reason;
  return [ms, why];
});
socket.once('handoff-failed', ({ outcome, attempts }) => `${outcome} ${attempts}`);
socket.on('data', (chunk: Buffer) => chunk.length);
socket.on('slots-moved', ({ moves }) => moves[0].ranges[0].first);

export function act(action: Action): string | number {
  switch (action.kind) {
    case 'open':
      return `${action.host}:${action.port} ${action.tlsServerName ?? ''}`;
    case 'lost':
      return action.outcome === 'unknown' ? action.data.length : action.count;
    // @ts-expect-error no such action
    case 'opened':
      return 0;
    default:
      return action.kind;
  }
}

export function read(connection: Connection, transport: number, chunk: Uint8Array): Uint8Array[] {
  try {
    const todo = connection.receive(transport, chunk);
    return todo === 0 ? [chunk] : todo & Todo.SPANS ? connection.takeSpans() : [];
  } catch (error) {
    if (error instanceof SchError && error.code === 'SCH_ERR_UNKNOWN_TRANSPORT') return [];
    throw error;
  }
}

// A pool.
const pool = new Pool({ host: 'db.example', port: 6379, mode });
const waiter: Waiter = pool.addWaiter(() => {});
pool.watch(waiter);
pool.watch(undefined);
// @ts-expect-error a waiter is woken by a function
pool.addWaiter(5);
// @ts-expect-error a word that is none
const kept: Unowned = 'keep';

export function look(event: PoolEvent): string | number {
  switch (event.kind) {
    case 'maintenance': {
      const which: 'moving' | 'migrating' | 'migrated' | 'failing-over' | 'failed-over' | 'smigrating' | 'smigrated' = event.notification;
      return which;
    }
    case 'retire':
    case 'handoff': return event.user;
    case 'late': return event.host ?? event.members;
    // @ts-expect-error no such event
    case 'retired': return 0;
    default: return event.kind;
  }
}

export function enter(connection: Connection): boolean {
  connection.join(pool, { user: 1, unowned: 'handoff', node: 'a:1' });
  // @ts-expect-error no such option
  connection.join(pool, { owner: 1 });
  connection.take(waiter);
  for (const { host, port, isProbe, optinRefusedMs } of pool.whereToDial().places) {
    const dial = connection.dialTo(host, port);
    pool.dialResult(dial.host, dial.port, isProbe || optinRefusedMs === undefined);
  }
  const left: number = pool.counters.members + (pool.endpointCounters('a', 1)?.dials ?? 0);
  return connection.hasMail && left > 0;
}

// A cluster.
const cluster = new Cluster({ clusterTimesMs: { reloadJitter: 100 }, limits: { maxClusterNodes: 10 } });
// @ts-expect-error no such time
new Cluster({ clusterTimesMs: { jitter: 1 } });
connect({ host: 'a', port: 1, cluster }).on('slots-moved', () => cluster.poll());

export function follow(action: ClusterAction): number | undefined {
  switch (action.kind) {
    case 'slots-moved': return action.moves[0].source ?? action.moves[0].ranges[0].first;
    case 'move-subscriptions': return action.oldNode;
    case 'drain-node': return action.gone ? undefined : action.node;
    case 'reload-slots': return action.reasons.includes('redirected') ? action.seq : action.port;
    case 'dial-node': return cluster.node(action.node)?.slots;
    // @ts-expect-error no such action
    case 'dial': return 0;
  }
}

export function where(key: string): number | undefined {
  return cluster.ownerOfKey(key) ?? cluster.redirected('MOVED 1 a:1', { host: 'a', port: 1 })?.node ?? cluster.replica(keySlot(key));
}

{
  using shared = new Pool();
  shared.tick();
  using held = new Connection({ level: 'tapped', levelIn: 'notified' });
  held.fence('blocking', true);
}
export { kept, wrong };
