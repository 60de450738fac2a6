/** Settings of a connection, a pool or a cluster: names of the C setters in the style of JavaScript, words in place of numbers. */

import { failure, mistake } from './errors.js';
import { native } from './native.js';
import * as words from './words.js';

/** Defaults and reasons are at the `sch_config_set_...` of the C header. */
export interface Settings {
  /** How replies come in and commands go out, both at once. Default `managed`. */
  level?: words.Level;
  /** How replies come in, where `level` is to be that of what goes out alone. */
  levelIn?: Exclude<words.Level, 'managed'>;
  mode?: words.Mode;
  endpointType?: words.EndpointType;
  host?: string;
  port?: number;
  tls?: boolean;
  tlsServerName?: string;
  relaxedTimeoutMs?: number;
  migrationWindowMs?: number;
  failoverWindowMs?: number;
  movingExtraMs?: number;
  postHandoffRelaxedMs?: number;
  handoffTimeoutMs?: number;
  drainGraceMs?: number;
  holdTimeoutMs?: number;
  backoffMinMs?: number;
  backoffMaxMs?: number;
  attemptMinMs?: number;
  keepTryingMs?: number;
  overlapMs?: number;
  connectBudgetMs?: number;
  markAgeMs?: number;
  refusalMemoryMs?: number;
  optinRetryMs?: number;
  onLoss?: words.OnLoss;
  canResetParser?: boolean;
  blocking?: words.Blocking;
  /** Default: a random one, so that connections do not come back together. */
  seed?: number;
  handshake?: words.Handshake;
  keepCredentials?: boolean;
  username?: string;
  password?: string | Uint8Array;
  clientName?: string | Uint8Array;
  libInfo?: readonly [name: string, version: string];
  database?: number;
  endpointPolicy?: words.EndpointPolicy;
  /** Targets that MOVING may name: makes the policy a list. */
  allowEndpoints?: readonly string[];
  logLevel?: words.LogLevel;
  trace?: boolean;
  limits?: words.Limits;
  /** Times of a cluster, in milliseconds. */
  clusterTimesMs?: words.ClusterTimes;
}

/** The names in the order of the addon. */
const NUMBERS: ReadonlyMap<string, number> = new Map(native.settings().map((name, i) => [name, i]));

/** Settings that are words: the words, and the number of the first. */
const WORDS: Readonly<Record<string, readonly [readonly string[], number]>> = {
  mode: [words.MODES, 0],
  levelIn: [words.LEVELS, 1],
  endpointType: [words.ENDPOINT_TYPES, 0],
  onLoss: [words.ON_LOSS, 1],
  blocking: [words.BLOCKING, 1],
  handshake: [words.HANDSHAKES, 1],
  endpointPolicy: [words.POLICIES, 1],
  logLevel: [words.LOG_LEVELS, 0],
};

/** The number of a word; throws if it is none. */
export function numberOf(name: string, value: unknown, list: readonly string[], first: number): number {
  const at = list.indexOf(value as string);
  if (at < 0) {
    throw mistake(`${name}: one of ${list.map((word) => `'${word}'`).join(', ')} was expected, not ${show(value)}`);
  }
  return at + first;
}

/** A value for a message: never its content if it may be a secret. */
function show(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 40)}'` : value === null ? 'null' : typeof value;
}

function entries(name: string, value: unknown): [key: string, value: unknown][] {
  if (typeof value !== 'object' || value === null) throw mistake(`${name}: an object was expected`);
  return Object.entries(value).filter(([, n]) => n !== undefined);
}

/** The number of a limit: those of pools and clusters have their own. */
function limitOf(limit: string): number {
  const ofPool = words.POOL_LIMITS.indexOf(limit as words.PoolLimitName);
  if (ofPool >= 0) return ofPool + words.POOL_LIMITS_FROM;
  const ofCluster = words.CLUSTER_LIMITS.indexOf(limit as words.ClusterLimitName);
  return ofCluster < 0 ? numberOf('limits', limit, words.LIMITS, 1) : ofCluster + words.CLUSTER_LIMITS_FROM;
}

/** One name that stands for several entries, or is no setter of the same name. */
function expand(name: string, value: unknown): [name: string, first: unknown, second?: unknown][] {
  switch (name) {
    case 'level':
      return [['levelOut', numberOf(name, value, words.LEVELS, 1)]];
    case 'allowEndpoints':
      if (!Array.isArray(value)) throw mistake('allowEndpoints: a list of strings was expected');
      return value.map((text) => ['allowEndpoint', text]);
    case 'libInfo':
      if (!Array.isArray(value) || value.length !== 2) throw mistake('libInfo: [name, version] was expected');
      return [['libInfo', value[0], value[1]]];
    case 'limits':
      return entries(name, value).map(([limit, n]) => ['limit', limitOf(limit), n]);
    case 'clusterTimesMs':
      return entries(name, value).map(([time, ms]) => ['clusterTimeMs', numberOf(name, time, words.CLUSTER_TIMES, 1), ms]);
    default: {
      const [list, first] = WORDS[name] ?? [];
      return [[name, list ? numberOf(name, value, list, first as number) : value]];
    }
  }
}

/** Those of the addon that have another form here. */
const INNER = new Set(['levelOut', 'allowEndpoint', 'limit', 'clusterTimeMs']);
const OUTER = new Set(['level', 'allowEndpoints', 'limits', 'clusterTimesMs']);

/** Whether there is a setting of this name. */
export function isSetting(name: string): boolean {
  return OUTER.has(name) || (NUMBERS.has(name) && !INNER.has(name));
}

/** Makes something of the addon: answers its handle. `make` gives one, or a status and why. */
export function open(
  settings: Settings,
  make: (list: unknown[], logLevel: number) => number | [status: number, text: string],
): number {
  if (typeof settings !== 'object' || settings === null) throw mistake('settings: an object was expected');
  const list: unknown[] = [NUMBERS.get('seed'), Math.floor(Math.random() * 2 ** 48), 0];
  const levelIn = settings.levelIn ?? (settings.level === 'managed' ? undefined : settings.level);
  for (const [name, value] of Object.entries({ ...settings, levelIn })) {
    if (!isSetting(name)) throw mistake(`settings: there is none with the name ${show(name)}`);
    if (value === undefined) continue;
    for (const [inner, first, second] of expand(name, value)) list.push(NUMBERS.get(inner), plain(inner, first), plain(inner, second ?? 0));
  }
  const log = numberOf('logLevel', settings.logLevel ?? 'none', words.LOG_LEVELS, 0);
  const opened = make(list, log);
  if (typeof opened === 'number') return opened;
  const [status, text] = opened;
  if (status === -2) throw mistake(`${text}: the value is not one that it can have`);
  throw failure(status, text);
}

/** What the addon takes in a list. */
function plain(name: string, value: unknown): unknown {
  const kind = typeof value;
  if (kind === 'string' || kind === 'number' || kind === 'boolean' || value instanceof Uint8Array) return value;
  throw mistake(`${name}: the value is not one that it can have`);
}
