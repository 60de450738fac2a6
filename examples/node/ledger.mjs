// What the workload of every language writes down: each worker numbers its INCRs, checks every reply and the final counter,
// and measures how long it waited. As examples/c/workload.c, option for option and field for field. None of it is sch.
import { setTimeout as wait } from 'node:timers/promises';

/** Of a command that did not run, or only reads. */
const TRIES = 3;
/** Of the first and the last command, which may meet maintenance too. */
const PATIENCE = 100;

/** Set by SIGTERM: the load ends before its time, and is judged. */
let isStopped = false;
process.on('SIGTERM', () => (isStopped = true));

/**
 * ok: the reply is the value; timeout: no reply in time; unknown: may have run.
 * @typedef {'ok' | 'error' | 'timeout' | 'unknown' | 'not-run' | 'no-connection'} Outcome
 * @typedef {(...words: string[]) => Promise<{ outcome: Outcome, value: number }>} Ask
 * @typedef {{ host: string, port: number, ca?: string, name: string, workers: number, rate: number, timeoutMs: number,
 *   seconds: number, prefix: string, migrationWindowMs?: number }} Options
 */

export class Worker {
  counts = { commands: 0, failed: 0, unknown: 0, resent: 0, doubled: 0, misordered: 0, lost: 0 };
  /** What libsch says of itself, told as events. */
  stats = { handoffs: 0, handoffs_failed: 0, relaxed: 0, restored: 0, connections: 0 };
  most = { duration_ms: 0, pause_ms: 0 };
  /** @type {number[]} */
  samples = [];
  /** The last reply to an INCR, and INCRs since then whose outcome is unknown. */
  #acknowledged = 0;
  #pending = 0;

  /**
   * @param {number} number
   * @param {Options} options
   */
  constructor(number, options) {
    this.number = number;
    this.options = options;
  }

  /** @param {import('../../bindings/node/dist/index.mjs').SchSocket} stream */
  hear(stream) {
    stream.on('relaxed', () => this.stats.relaxed++);
    stream.on('restored', () => this.stats.restored++);
    stream.on('swapped', () => this.stats.connections++);
    stream.on('handoff-finished', ({ outcome, durationNs, pauseNs }) => {
      if (outcome === 'swapped') this.stats.handoffs++;
      if (outcome === 'failed') this.stats.handoffs_failed++;
      this.most.duration_ms = Math.max(this.most.duration_ms, durationNs / 1e6);
      this.most.pause_ms = Math.max(this.most.pause_ms, pauseNs / 1e6);
    });
  }

  /**
   * The whole of its life; half of the workers write while the other half reads.
   * @param {Ask} ask
   */
  async run(ask) {
    const key = `count:${this.options.prefix}:${this.number}`;
    let turn = this.number;
    for (let tries = 0; tries < PATIENCE && (await ask('DEL', key)).outcome !== 'ok'; tries++);
    const period = 1000 / this.options.rate;
    const began = performance.now();
    const end = began + this.options.seconds * 1000;
    let due = began + (period * this.number) / this.options.workers; // not all at once: they share a thread
    for (let now = began; now < end && !isStopped; now = performance.now()) {
      if (now < due) {
        await wait(Math.ceil(due - now));
        continue;
      }
      due = now > due + 10 * period ? now : due + period;
      await this.#one(turn++ % 2 !== 0, key, ask);
    }
    for (let tries = 0; tries < PATIENCE; tries++) {
      const { outcome, value } = await ask('GET', key);
      if (outcome === 'ok') return this.#check(value, 0);
    }
    this.counts.lost++;
  }

  /**
   * @param {boolean} reads
   * @param {string} key
   * @param {Ask} ask
   */
  async #one(reads, key, ask) {
    const began = performance.now();
    this.counts.commands++;
    let { outcome, value } = await ask(reads ? 'GET' : 'INCR', key);
    // What did not run, and what only reads, is sent again: that is the part of who uses a stream.
    for (let tries = 0; tries < TRIES && (outcome === 'not-run' || (reads && outcome === 'unknown')); tries++) {
      this.counts.resent++;
      ({ outcome, value } = await ask(reads ? 'GET' : 'INCR', key));
    }
    this.samples.push(performance.now() - began);
    if (outcome === 'ok') return this.#check(value, reads ? 0 : 1);
    this.counts.failed++;
    if (!reads && (outcome === 'unknown' || outcome === 'timeout')) {
      this.#pending++;
      this.counts.unknown++;
    }
  }

  /**
   * A counter's value, seen by INCR (`by` 1) or GET (`by` 0), against what is known.
   * @param {number} value
   * @param {number} by
   */
  #check(value, by) {
    const least = this.#acknowledged + by;
    const most = least + this.#pending;
    this.counts.doubled += Math.max(0, value - most);
    if (value < least && by) this.counts.misordered++;
    else if (value < least) this.counts.lost += least - value;
    this.#acknowledged = Math.max(this.#acknowledged, value);
    if (by || value === most) this.#pending = 0;
  }
}

/**
 * @param {string} driver
 * @param {Worker[]} workers
 * @returns {number} 1 if anything was doubled, misordered, or lost without being reported
 */
export function report(driver, workers) {
  /** @param {Record<string, number>[]} list @param {(a: number, b: number) => number} join */
  const over = (list, join) =>
    Object.fromEntries(Object.keys(list[0]).map((name) => [name, round(list.map((each) => each[name]).reduce(join))]));
  /** @param {number} value */
  const round = (value) => Math.round(value * 100) / 100;
  const samples = workers.flatMap((worker) => worker.samples).sort((a, b) => a - b);
  /** @param {number} share */
  const at = (share) => round(samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? 0);
  const counts = over(workers.map((worker) => worker.counts), (a, b) => a + b);
  const line = {
    driver,
    ...counts,
    ...{ moved: 0, moved_late: 0, reloads: 0 }, // of a cluster
    ...over(workers.map((worker) => worker.stats), (a, b) => a + b),
    ...over(workers.map((worker) => worker.most), (a, b) => Math.max(a, b)),
    p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1),
  };
  console.log(JSON.stringify(line));
  return counts.doubled || counts.misordered || counts.lost ? 1 : 0;
}
