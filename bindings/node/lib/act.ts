/** What each action of libsch is on a stream. */

import type { Action } from './action.js';
import { SchError, unlessReleased } from './errors.js';
import type { Loop } from './loop.js';
import type { CloseReason } from './words.js';

/** A transport that is closed for these takes the stream with it. */
const FATAL: Partial<Record<CloseReason, string>> = {
  loss: 'replies were lost and cannot be made good',
  'optin-refused': 'the server refused the opt-in, which mode `enabled` demands',
  'handshake-failed': 'the server refused the handshake',
};

export function act(loop: Loop, action: Action): void {
  const { conn, links, stream } = loop;
  switch (action.kind) {
    case 'open': {
      const { kind: _, deadlineNs: __, ...target } = action;
      loop.tell('opening', { transport: action.transport, host: action.host, port: action.port, attempt: action.attempt });
      const { transport: id } = action;
      links.open(id, target, () => {
        links.delete(id);
        loop.input(() => conn.connectFailed(id));
      });
      break;
    }
    case 'swap': {
      const { kind: _, ...fields } = action;
      const { host, port } = links.get(action.transport)?.target ?? { host: '', port: 0 };
      conn.swapped();
      loop.tell('swapped', { ...fields, host, port });
      break;
    }
    case 'close': {
      const transport = links.get(action.transport);
      if (transport) loop.forget(transport);
      loop.tell('closed', { transport: action.transport, reason: action.reason });
      const why = FATAL[action.reason];
      if (why !== undefined) stream.destroy(new SchError('SCH_ERR_NOT_CONNECTED', why, { cause: loop.connectError }));
      break;
    }
    case 'lost': {
      const { kind: _, data, ...fields } = action;
      if (data.length > 0) loop.give(data);
      loop.tell('lost', fields);
      conn.lossesSettled();
      break;
    }
    case 'hand-back': return loop.tell('handed-back', fieldsOf(action));
    case 'resume': return loop.out.resume();
    case 'relax': return loop.tell('relaxed', fieldsOf(action));
    case 'restore': return loop.tell('restored', fieldsOf(action));
    case 'need-credentials': {
      loop.tell('need-credentials', fieldsOf(action));
      void askCredentials(loop);
      break;
    }
    case 'overdue': return loop.tell('overdue', fieldsOf(action));
    case 'handoff-finished': {
      loop.tell('handoff-finished', fieldsOf(action));
      if (action.outcome === 'failed') loop.tell('handoff-failed', fieldsOf(action));
      break;
    }
    case 'sch-off': {
      loop.tell('sch-off', fieldsOf(action));
      if (action.fatal) stream.destroy(new SchError('SCH_ERR_NOT_CONNECTED', `the connection is not to be used: ${action.reason}`));
      break;
    }
    case 'slots-moved': {
      unlessReleased(() => loop.options.cluster?.slotsMoved(conn));
      return loop.tell('slots-moved', fieldsOf(action));
    }
    case 'reload-slots': {
      unlessReleased(() => loop.options.cluster?.reloadAsked(action.seq));
      return loop.tell('reload-slots', fieldsOf(action));
    }
    default: break; // WRITE and FLUSH: the pump does it; the others are for other levels
  }
}

async function askCredentials(loop: Loop): Promise<void> {
  const ask = loop.options.credentials;
  if (ask === undefined) return;
  try {
    const { username, password } = await ask();
    loop.input(() => loop.conn.credentials(username, password));
  } catch (error) {
    loop.stream.destroy(error as Error);
  }
}

export function fieldsOf<A extends Action>(action: A): Omit<A, 'kind'> {
  const { kind: _, ...fields } = action;
  return fields;
}
