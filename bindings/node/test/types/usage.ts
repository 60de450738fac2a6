// Compiled, never run: what the types promise, and what they refuse.
import { connect, Connection, SchError, SchSocket, Todo, type Action, type Mode } from 'sch';

const mode: Mode = 'enabled';
// @ts-expect-error a word that is none
const wrong: Mode = 'on';

const socket: SchSocket = connect({ host: 'db.example', port: 6379, mode, tls: { ca: 'pem' }, limits: { maxHeldBytes: 1 } }, () => {});
// @ts-expect-error settled by being a stream
connect({ host: 'a', port: 1, level: 'tapped' });
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

{
  using held = new Connection({ level: 'tapped' });
  held.fence('blocking', true);
}
export { wrong };
