/** What `connect` is given, and which of it are settings of libsch. */

import { Cluster } from './cluster.js';
import { mistake } from './errors.js';
import { MOST_DELAY_MS } from './idle.js';
import { Pool } from './pool.js';
import { type Settings, isSetting } from './settings.js';
import type { SchSocket } from './socket.js';
import type { SocketOptions } from './transport.js';

/** What is settled by being a stream: replies that never come are errors in their place, a cut reply ends the stream. */
type Settled = 'level' | 'levelIn' | 'onLoss' | 'canResetParser' | 'tls';

export interface ConnectOptions extends Omit<Settings, Settled>, SocketOptions {
  host: string;
  port: number;
  /** For the first connect, each address. Default 10,000. Later ones have the time that the server gives. */
  connectTimeoutMs?: number;
  noDelay?: boolean;
  /** Idle milliseconds before TCP asks; `false` is never. */
  keepAliveMs?: number | false;
  signal?: AbortSignal;
  highWaterMark?: number;
  /**
   * A stream that has ended, which this one follows: what libsch learnt there is used, above all where a service that was
   * moved is to be found. Settings of libsch are those of the first.
   */
  after?: SchSocket;
  /** Where it dials, and of which it is a member, owned as long as it lives: you look after the pool. */
  pool?: Pool;
  /** Told first of what concerns the slot map: then `slots-moved` and `reload-slots` come, and you `poll` it. */
  cluster?: Cluster;
  /** Asked when the server does not take those it knows, in a handoff. */
  credentials?: () => Credentials | Promise<Credentials>;
}

export interface Credentials {
  username?: string;
  password: string | Uint8Array;
}

/** Not settings of libsch. */
const OWN = new Set([
  'after', 'pool', 'cluster', 'tls', 'net', 'connectTimeoutMs', 'noDelay', 'keepAliveMs', 'signal', 'highWaterMark', 'credentials',
]);
const SETTLED = new Set(['level', 'levelIn', 'onLoss', 'canResetParser']);

/** Throws at what can be seen to be wrong before anything is made. */
export function check(options: ConnectOptions): void {
  if (typeof options !== 'object' || options === null) throw mistake('connect: an object was expected');
  if (typeof options.host !== 'string') throw mistake('connect: host: a string was expected');
  const { tls, connectTimeoutMs: limit, signal, credentials } = options;
  if (tls !== undefined && typeof tls !== 'boolean' && (typeof tls !== 'object' || tls === null)) {
    throw mistake('connect: tls: true, false or options of tls.connect were expected');
  }
  if (limit !== undefined && !(typeof limit === 'number' && limit > 0 && limit <= MOST_DELAY_MS)) {
    throw mistake(`connect: connectTimeoutMs: a number of milliseconds from 1 to ${MOST_DELAY_MS} was expected`);
  }
  // Here, and not where it is used: by then the connection is a member of its pool.
  if (signal !== undefined && (typeof signal !== 'object' || signal === null || !('aborted' in signal))) {
    throw mistake('connect: signal: an AbortSignal was expected');
  }
  if (credentials !== undefined && typeof credentials !== 'function') throw mistake('connect: credentials: a function was expected');
  if (options.cluster !== undefined && !(options.cluster instanceof Cluster)) {
    throw mistake('connect: cluster: a Cluster was expected');
  }
  if (options.pool !== undefined && !(options.pool instanceof Pool)) throw mistake('connect: pool: a Pool was expected');
}

export function isSecure(options: ConnectOptions): boolean {
  return options.tls !== undefined && options.tls !== false;
}

/** The settings of libsch in the options. */
export function settingsOf(options: ConnectOptions): Settings {
  const settings: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (OWN.has(name)) continue;
    if (SETTLED.has(name) || !isSetting(name)) throw mistake(`connect: there is no option ${name}`);
    settings[name] = value;
  }
  const user = typeof options.tls === 'object' ? options.tls.servername : undefined;
  const named = user === undefined || 'tlsServerName' in settings ? {} : { tlsServerName: user };
  return { ...settings, ...named, tls: isSecure(options), level: 'managed', onLoss: 'reply', canResetParser: false };
}
