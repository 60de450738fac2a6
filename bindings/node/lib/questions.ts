/** What can be asked of a connection. Nothing here changes it, but that lines are taken. */

import { CONNECTION, HANDLE, Handle, OWN, int, named, or } from './handle.js';
import { type LogLine, linesOf } from './log.js';
import { native } from './native.js';
import { type Settings, open } from './settings.js';
import * as words from './words.js';

export interface Wait {
  transport: number;
  connecting: boolean;
  read: boolean;
  write: boolean;
}

export abstract class Questions extends Handle {
  constructor(settings: Settings) {
    super(CONNECTION, open(settings, (list, log) => native.open(list, log)));
  }

  /** When `tick` is due, in nanoseconds of your clock. */
  get deadline(): number | undefined {
    return native.deadline(this[HANDLE]);
  }

  /** Milliseconds until `tick` is due, rounded up. */
  delayMs(now: number = OWN): number | undefined {
    return native.delayMs(this[HANDLE], now);
  }

  /** The timeout of a command now, given the one that is configured; `undefined` is none. */
  effectiveTimeoutMs(configured: number | undefined): number | undefined {
    const answer = native.effectiveTimeoutMs(this[HANDLE], configured);
    return Array.isArray(answer) ? Handle.fail(this, answer[0]) : answer;
  }

  waitOn(): Wait[] {
    const flat = or(this, native.waitOn(this[HANDLE]));
    const out: Wait[] = [];
    for (let i = 0; i < flat.length; i += 4) {
      const [transport, connecting, read, write] = flat.slice(i, i + 4) as [number, boolean, boolean, boolean];
      out.push({ transport, connecting, read, write });
    }
    return out;
  }

  get counters(): words.Counters {
    return named(words.COUNTERS, or(this, native.counters(this[HANDLE])));
  }

  get phase(): words.Phase {
    return words.PHASES[int(this, native.phase(this[HANDLE])) - 1];
  }

  /** The transport in use. */
  get current(): number | undefined {
    return int(this, native.current(this[HANDLE])) || undefined;
  }

  /** Whether the server has accepted the opt-in on the transport in use. */
  get isActive(): boolean {
    return int(this, native.isActive(this[HANDLE])) === 1;
  }

  /** Log lines up to `logLevel`, since they were taken last. */
  takeLog(): LogLine[] {
    return linesOf(native.takeLog(this[HANDLE]));
  }

  pollTrace(): string | undefined {
    return native.pollTrace(this[HANDLE]);
  }

  /** Of a connection in which a defect showed: bytes that were accepted and not written. */
  salvage(): Buffer {
    return or(this, native.salvage(this[HANDLE]));
  }
}
