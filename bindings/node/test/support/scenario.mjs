// Replays a scenario file on a `Connection`: the same words as `tests/support/scenario.rs`, out of the fields of actions.
import assert from 'node:assert/strict';
import { Connection, Todo } from 'sch';

export function nanos(text) {
  const [, value, unit] = /^([0-9.]+)([a-z]*)$/.exec(text) ?? [];
  const factor = { s: 1e9, ms: 1e6, us: 1e3, ns: 1, '': 1 }[unit];
  if (factor === undefined) throw new Error(`no duration: ${text}`);
  return Math.round(Number(value) * factor);
}

export function unescape(text) {
  const out = [];
  const from = Buffer.from(text);
  for (let i = 0; i < from.length; i++) {
    if (from[i] !== 0x5c) {
      out.push(from[i]);
      continue;
    }
    const next = String.fromCharCode(from[++i]);
    if (next === 'f') {
      const end = from.indexOf(';', i);
      out.push(...Buffer.alloc(Number(from.toString('latin1', i + 1, end)), 'x'));
      i = end;
      continue;
    }
    if (next === 'r') out.push(13);
    else if (next === 'n') out.push(10);
    else if (next === 's') out.push(32);
    else if (next === 'x') out.push(parseInt(from.toString('latin1', i + 1, (i += 2) + 1), 16));
    else out.push(from[i]);
  }
  return Buffer.from(out);
}

const bulk = (text) => Buffer.concat([Buffer.from(`$${text.length}\r\n`), text, Buffer.from('\r\n')]);

function elements(kind, text) {
  const parts = text === '' ? [] : text.split(',');
  return Buffer.concat([
    Buffer.from(`${kind}${parts.length}\r\n`),
    ...parts.map((part) => {
      if (part === '_') return Buffer.from('_\r\n');
      if (/^[+-]?\d+$/.test(part)) return Buffer.from(`:${part}\r\n`);
      return bulk(unescape(part.replaceAll(';', ',')));
    }),
  ]);
}

export function token(text) {
  if (text === 'hello3') return Buffer.from('%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n');
  if (text === 'hello2') return Buffer.from('*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:2\r\n');
  if (text.startsWith('raw:')) return unescape(text.slice(4));
  if ('>*|'.includes(text[0])) return elements(text[0], text.slice(1));
  if (text.startsWith('$')) return bulk(unescape(text.slice(1)));
  return Buffer.concat([unescape(text), Buffer.from('\r\n')]);
}

const split = (text) => text.split(/\s+/).filter((word) => word !== '');

export function commands(text) {
  return Buffer.concat(
    text.split(' | ').flatMap((command) => {
      const args = split(command);
      return [Buffer.from(`*${args.length}\r\n`), ...args.map((arg) => bulk(unescape(arg)))];
    }),
  );
}

/** Bytes as Rust's `escape_ascii` has them. */
export function escaped(bytes) {
  const named = { 9: '\\t', 10: '\\n', 13: '\\r', 34: '\\"', 39: "\\'", 92: '\\\\' };
  return [...bytes]
    .map((b) => named[b] ?? (b >= 32 && b < 127 ? String.fromCharCode(b) : `\\x${b.toString(16).padStart(2, '0')}`))
    .join('');
}

/** A duration as actions have it: `10s`, `7500ms` or nanoseconds. */
const short = (ns) => (ns % 1e9 === 0 ? `${ns / 1e9}s` : ns % 1e6 === 0 ? `${ns / 1e6}ms` : `${ns}ns`);

/** A duration as Rust's `{:?}` has it. */
function debug(ns) {
  const [unit, size] = ns >= 1e9 ? ['s', 1e9] : ns >= 1e6 ? ['ms', 1e6] : ns >= 1e3 ? ['µs', 1e3] : ['ns', 1];
  const rest = String(ns % size).padStart(String(size).length - 1, '0').replace(/0+$/, '');
  return `${Math.floor(ns / size)}${rest === '' || size === 1 ? '' : `.${rest}`}${unit}`;
}

const address = (host, port) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
const seq = (a) => (a.seq === undefined ? '' : ` seq=${a.seq}`);

function moved(m) {
  const from = m.source ? address(m.source.host, m.source.port) : '?';
  const slots = m.ranges.map((r) => (r.first === r.last ? `${r.first}` : `${r.first}-${r.last}`)).join(',');
  return ` ${from}>${address(m.destination.host, m.destination.port)}=${slots}`;
}

/** An action as one line. */
export function line(a) {
  switch (a.kind) {
    case 'relax': return `relax ${short(a.timeoutMs * 1e6)} ${a.reason}`;
    case 'restore': return `restore ${a.reason}`;
    case 'open': {
      const tls = a.tlsServerName === undefined ? '' : ` tls=${a.tlsServerName}`;
      return `open ${a.transport} ${address(a.host, a.port)} attempt=${a.attempt} by=${short(a.deadlineNs)}${tls}`;
    }
    case 'swap': return `swap ${a.oldTransport ?? 'none'} -> ${a.transport}${a.flushTracking ? ' flush-tracking' : ''}`;
    case 'flush': return `flush ${a.transport} first=${a.first} count=${a.count}`;
    case 'close': return `close ${a.transport} ${a.reason}`;
    case 'lost': {
      const replies = a.data.length ? ` replies=${a.data.length}` : '';
      return `lost first=${a.first} count=${a.count} ${a.outcome} ${a.commandClass}${replies}`;
    }
    case 'hand-back': return `hand-back first=${a.first} count=${a.count} bytes=${a.data.length}`;
    case 'send-optin': return `send-optin ${a.transport} replies=${a.replies}`;
    case 'write': case 'hold': case 'release': case 'need-credentials': return `${a.kind} ${a.transport}`;
    case 'overdue': return ['overdue', ...a.waitingFor].join(' ');
    case 'handoff-finished': {
      const times = `duration=${short(a.durationNs)} pause=${short(a.pauseNs)}`;
      return `handoff-finished ${a.outcome}${seq(a)} ${times} attempts=${a.attempts} held=${a.held} lost=${a.lost}`;
    }
    case 'sch-off': return `sch-off ${a.reason}${a.fatal ? ' fatal' : ''}`;
    case 'slots-moved': return `slots-moved${seq(a)}${a.moves.map(moved).join('')}`;
    case 'reload-slots': return `reload-slots${seq(a)}`;
    default: return a.kind;
  }
}

/** Keys of `config`: the setting, and how its value is read. */
const text = (value) => value;
const words = (value) => unescape(value).toString();
const yes = (value) => value === 'yes';
const ms = (value) => nanos(value) / 1e6;
const KEYS = {
  level: ['level', (v) => ({ 1: 'notified', 2: 'tapped' })[v] ?? 'managed'],
  'level-in': ['levelIn', text],
  mode: ['mode', text],
  handshake: ['handshake', text],
  host: ['host', text],
  port: ['port', Number],
  tls: ['tls', yes],
  type: ['endpointType', text],
  relaxed: ['relaxedTimeoutMs', ms],
  'post-handoff': ['postHandoffRelaxedMs', ms],
  'migration-window': ['migrationWindowMs', ms],
  'failover-window': ['failoverWindowMs', ms],
  'handoff-timeout': ['handoffTimeoutMs', ms],
  'drain-grace': ['drainGraceMs', ms],
  'hold-timeout': ['holdTimeoutMs', ms],
  'keep-trying': ['keepTryingMs', ms],
  overlap: ['overlapMs', ms],
  'connect-budget': ['connectBudgetMs', ms],
  'on-loss': ['onLoss', text],
  blocking: ['blocking', (v) => (v === 'swap' ? 'swap' : 'wait-for-close')],
  'reset-parser': ['canResetParser', yes],
  'keep-credentials': ['keepCredentials', yes],
  username: ['username', words],
  password: ['password', unescape],
  name: ['clientName', unescape],
  lib: ['libInfo', (v) => /^([^/]*)\/(.*)$/s.exec(words(v)).slice(1)],
  db: ['database', Number],
  log: ['logLevel', text],
  seed: ['seed', Number],
  'tls-name': ['tlsServerName', text],
  'mark-age': ['markAgeMs', ms],
  'moving-extra': ['movingExtraMs', ms],
  'backoff-min': ['backoffMinMs', ms],
  'backoff-max': ['backoffMaxMs', ms],
  'attempt-min': ['attemptMinMs', ms],
  'refusal-memory': ['refusalMemoryMs', ms],
  'optin-retry': ['optinRetryMs', ms],
};
/** Limits whose names in the core are others than in the ABI. */
const LIMITS = {
  'max-depth': 'maxReplyDepth', 'max-bulk-len': 'maxReplyBulk', 'max-line-len': 'maxReplyLine', 'max-elements': 'maxReplyElements',
  'max-args': 'maxCommandArgs', 'max-command-bulk-len': 'maxCommandBulk', 'max-inline-len': 'maxCommandInline', 'max-kept-len': 'maxCommandKept',
};
const camel = (name) => name.replaceAll(/[-_](.)/g, (_, c) => c.toUpperCase());

class Runner {
  out = [];
  now = 0;
  autoWrote = true;
  settings = { host: 'a', port: 1, seed: 0, limits: {} };

  constructor(bytewise) {
    this.bytewise = bytewise;
  }

  get conn() {
    return (this._conn ??= new Connection(this.settings));
  }

  configure(rest) {
    for (const pair of split(rest)) {
      const at = pair.indexOf('=');
      const [key, value] = [pair.slice(0, at), pair.slice(at + 1)];
      if (key === 'wrote') this.autoWrote = value === 'auto';
      else if (key === 'say') this.onlyActions = value === 'actions';
      else if (key.startsWith('max-')) this.settings.limits[LIMITS[key] ?? camel(key)] = Number(value);
      else if (key === 'policy' && value === 'any') this.settings.endpointPolicy = 'any';
      else if (key === 'policy' && value === 'domain') this.settings.endpointPolicy = 'configured-domain';
      else if (key === 'policy') this.settings.allowEndpoints = value.split(',');
      else if (key in KEYS) this.settings[KEYS[key][0]] = KEYS[key][1](value);
      else throw new Error(`unknown setting ${key}`);
    }
  }

  say(text) {
    if (!this.onlyActions) this.out.push(text);
  }

  /** Calls; an error is said. */
  call(work) {
    try {
      return work();
    } catch (error) {
      if (!String(error.code).startsWith('SCH_ERR_')) throw error;
      this.say(`error ${error.message}`);
      return undefined;
    }
  }

  actions() {
    for (let a; (a = this.conn.poll()); ) {
      assert.equal(this.conn.actionText, line(a), 'as libsch itself has it');
      if (this.onlyActions) this.out.push(line(a));
      else if (a.kind === 'write' || a.kind === 'flush') {
        const bytes = this.conn.region(a.transport, 2 ** 30);
        this.say(`${line(a)} "${escaped(bytes)}"`);
        if (this.autoWrote && bytes.length) this.call(() => this.conn.wrote(a.transport, bytes.length, this.now));
      } else if (a.kind === 'send-optin' || a.kind === 'hand-back' || (a.kind === 'lost' && a.data.length)) {
        this.say(`${line(a)} "${escaped(a.data)}"`);
      } else {
        this.say(line(a));
      }
    }
  }

  receive(id, data) {
    let passed = [];
    const pass = () => {
      const all = Buffer.concat(passed);
      if (all.length) this.say(`pass "${escaped(all)}"`);
      passed = [];
    };
    const start = this.out.length;
    const step = this.bytewise ? 1 : Math.max(data.length, 1);
    for (let at = 0; at < data.length || data.length === 0; ) {
      const end = Math.min(at + step, data.length);
      const part = data.subarray(at, end);
      const bits = this.call(() => this.conn.receive(id, part, this.now));
      if (bits === undefined) break;
      const spans = bits & Todo.SPANS ? this.conn.takeSpans() : part.length ? [part] : [];
      const consumed = bits & Todo.SPANS ? this.conn.consumed : part.length;
      passed.push(...spans);
      if (consumed < end - at || end === data.length) pass();
      const before = this.out.length;
      this.actions();
      // A host that has closed it reads no more.
      if (this.out.slice(start).some((said) => said.startsWith(`close ${id} `))) break;
      if (consumed === 0 && spans.length === 0 && this.out.length === before) {
        if (end > at) this.say(`left ${data.length - at}`);
        break;
      }
      at += consumed;
      if (data.length === 0) break;
    }
    pass();
  }

  /** One call, with an array of `n` spans. What it does not take is the `rest`. */
  take(id, n, data) {
    this.call(() => {
      this.conn.receive(id, data, this.now, n);
      for (const span of this.conn.takeSpans()) {
        this.say(`span ${span.buffer === data.buffer ? 'input' : 'owned'} "${escaped(span)}"`);
      }
      this.say(`took ${this.conn.consumed} of ${data.length}`);
      this.rest = data.subarray(this.conn.consumed);
    });
  }

  submit(data) {
    this.call(() => {
      this.conn.submit(data, this.now);
      const s = this.conn.submitted;
      const left = data.length - s.writeNow - s.held;
      const now = s.writeNow ? ` write-now=${s.writeNow} to=${s.transport}` : '';
      this.say(`first=${s.first} count=${s.count}${now}${s.held ? ` held=${s.held}` : ''}${left ? ` not-taken=${left}` : ''}`);
    });
  }

  /** One line of input. */
  input(text) {
    const [, word, rest] = /^(\S+) ?(.*)$/.exec(text);
    const args = split(rest);
    const id = Number(args[0]);
    if (word === 'config') return this.configure(rest);
    const { conn, now } = this;
    switch (word) {
      case 'at': this.now = nanos(args[0]); return undefined;
      case 'tick':
        if (args[0]) this.now = nanos(args[0]);
        this.call(() => conn.tick(this.now));
        break;
      case 'dial': {
        const before = this.out.length;
        const d = this.call(() => conn.dial(args[0] ? id : 0, now));
        const tls = d?.tlsServerName === undefined ? '' : ` tls=${d.tlsServerName}`;
        if (d) this.say(`transport ${d.transport} ${address(d.host, d.port)}${tls}`);
        else if (this.out.length === before) this.say('no more');
        break;
      }
      case 'connected': this.call(() => conn.connected(id, args[1], now)); break;
      case 'connect_failed': this.call(() => conn.connectFailed(id, now)); break;
      case 'closed': {
        const unwritten = args[1]?.startsWith('raw:') ? unescape(args[1].slice(4))
          : args[1] ? commands(rest.slice(rest.indexOf(' ') + 1)) : undefined;
        this.call(() => conn.closed(id, unwritten, now));
        break;
      }
      case 'submit': this.submit(commands(rest)); break;
      case 'submit-raw': this.submit(unescape(rest)); break;
      case 'receive': this.receive(id, Buffer.concat(args.slice(1).map(token))); break;
      case 'take': this.take(id, Number(args[1]), Buffer.concat(args.slice(2).map(token))); break;
      case 'rest': this.take(id, Number(args[1]), this.rest); break;
      case 'push': {
        const swallowed = this.call(() => conn.push(id, token(args[1]), now));
        if (swallowed !== undefined) this.say(swallowed ? 'swallowed' : 'yours');
        break;
      }
      case 'optin_reply': this.call(() => conn.optinReply(id, token(args.slice(1).join(' ')), now)); break;
      case 'wrote': this.call(() => conn.wrote(id, Number(args[1]), now)); break;
      case 'owe': this.call(() => conn.owe(Number(args[1]), id, now)); break;
      case 'in_flight': this.call(() => conn.inFlight(id, now)); break;
      case 'fence': this.call(() => conn.fence(args[0], args[1] === 'open', now)); break;
      case 'cancel': {
        const withdrawn = this.call(() => conn.cancel(id, now));
        if (withdrawn !== undefined) this.say(withdrawn ? 'withdrawn' : 'toolate');
        break;
      }
      case 'held': this.call(() => conn.held(now)); break;
      case 'swapped': this.call(() => conn.swapped(now)); break;
      case 'swap_refused': this.call(() => conn.swapRefused(now)); break;
      case 'ready': this.call(() => conn.ready(id, now)); break;
      case 'resp2': this.call(() => conn.resp2(id, now)); break;
      case 'losses_settled': this.call(() => conn.lossesSettled(now)); break;
      case 'credentials': this.call(() => conn.credentials(args[0] === '-' ? undefined : words(args[0]), unescape(args[1] ?? ''), now)); break;
      case 'close': this.call(() => conn.close(now)); break;
      case 'timeout': {
        const effective = conn.effectiveTimeoutMs(args[0] === 'infinite' ? undefined : ms(args[0]));
        return this.say(effective === undefined ? 'infinite' : debug(effective * 1e6));
      }
      case 'deadline': return this.say(conn.deadline === undefined ? 'none' : debug(conn.deadline));
      case 'wait_on':
        for (const w of conn.waitOn()) {
          this.say(`${w.transport} ${['connecting', 'read', 'write'].filter((flag) => w[flag]).join(' ')}`);
        }
        return undefined;
      case 'log': return conn.takeLog().forEach(({ level, text: t }) => this.say(`${level} ${t}`));
      case 'phase': return this.say(conn.phase);
      case 'counter': return args.forEach((name) => this.say(`${name} ${conn.counters[camel(name)]}`));
      default: throw new Error(`unknown input ${text}`);
    }
    return this.actions();
  }
}

/** Replays a whole file. Answers it as it should be. */
export function replay(file, bytewise) {
  const runner = new Runner(bytewise);
  const blocks = file.trimEnd().split('\n\n').map((block) => {
    const inputs = block.split('\n----')[0];
    const lines = inputs.split('\n').map((l) => l.trim()).filter((l) => l !== '' && !l.startsWith('#'));
    runner.out = [];
    lines.forEach((l) => runner.input(l));
    return runner.out.length ? `${inputs}\n----\n${runner.out.join('\n')}\n` : `${inputs}\n`;
  });
  return `${blocks.join('\n').trimEnd()}\n`;
}
