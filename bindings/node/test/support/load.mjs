// Load whose every loss, doubling and disorder shows: one counter a worker, pipelines of INCR and ECHO.
import { setTimeout as wait } from 'node:timers/promises';
import { connect } from 'sch';
import { Client, ReplyError } from './client.mjs';

const DEPTH = 3;

export class Worker {
  commands = 0;
  /** Commands that a caller was told to have failed, or whose fate is unknown. */
  failed = 0;
  wrong = [];
  connects = 0;
  events = {};
  #value = 0;
  #echo = 0;

  constructor(key, options) {
    this.key = key;
    this.options = options;
  }

  async #client(signal) {
    if (this.client && !this.client.stream.destroyed && !this.client.stream.writableEnded) return this.client;
    for (let tries = 0; ; tries++) {
      if (signal.aborted && tries > 100) throw new Error(`no connection: ${this.client?.error}`);
      const stream = connect(this.options);
      for (const name of ['moving', 'relaxed', 'restored', 'swapped', 'handoff-failed', 'lost', 'sch-off']) {
        stream.on(name, (fields) => (this.events[name] ??= []).push(fields));
      }
      const client = new Client(stream);
      try {
        await client.send('HELLO', '3').catch((error) => {
          // A server of RESP2 serves all the same.
          if (!(error instanceof ReplyError) || !/NOPROTO/.test(error.message)) throw error;
        });
        this.connects++;
        this.client = client;
        // Its own counter says what ran of a pipeline whose end is unknown.
        const known = Number((await client.send('GET', this.key)) ?? 0);
        if (known < this.#value || known > this.#value + this.pending) this.wrong.push(`counter ${known} after ${this.#value}`);
        this.#value = known;
        this.pending = 0;
        return client;
      } catch (error) {
        stream.destroy();
        await wait(10);
      }
    }
  }

  pending = 0;

  /** One pipeline. */
  async #turn(signal) {
    const client = await this.#client(signal);
    const echo = ++this.#echo;
    this.pending = DEPTH;
    const before = this.#value;
    const replies = [];
    for (let i = 0; i < DEPTH; i++) replies.push(client.send('INCR', this.key));
    replies.push(client.send('ECHO', `${this.key}:${echo}`));
    const results = await Promise.allSettled(replies);
    this.commands += results.length;
    const failures = results.filter((r) => r.status === 'rejected');
    this.failed += failures.length;
    results.slice(0, DEPTH).forEach((r, i) => {
      if (r.status !== 'fulfilled') return;
      if (r.value !== before + i + 1) this.wrong.push(`INCR gave ${r.value}, not ${before + i + 1}`);
      this.#value = r.value;
      this.pending = DEPTH - i - 1;
    });
    const last = results[DEPTH];
    if (last.status === 'fulfilled' && last.value !== `${this.key}:${echo}`) this.wrong.push(`ECHO gave ${last.value}`);
    if (failures.length > 0) client.stream.destroy();
  }

  async run(signal) {
    while (!signal.aborted) {
      await this.#turn(signal);
      await wait(2);
    }
    const client = await this.#client(signal);
    const value = Number(await client.send('GET', this.key));
    if (value !== this.#value) this.wrong.push(`the counter is ${value}, not ${this.#value}`);
    client.stream.end();
    client.stream.destroy();
  }
}
