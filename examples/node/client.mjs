// A client on the stream of sch: it connects, sends commands, reads their replies. All that it does for maintenance is to
// open the stream with sch, to ask it how long to wait, and to tell who calls what became of a command.

// Outside of this repository: import { connect } from 'sch'
import { connect } from '../../bindings/node/dist/index.mjs';
import { Lost, NotConnected, Parser, TimedOut, encode } from './resp.mjs';

/**
 * What `command` rejects with says what became of it:
 *   ReplyError    the server refused it
 *   Lost          there will be no reply; `mayHaveRun` says whether it may have run
 *   NotConnected  it was not written: connect again
 *   TimedOut      it may run yet. The stream is closed; commands behind it are Lost
 */
export class Client {
  #parser = new Parser();
  /** @type {{ resolve(reply: any): void, reject(error: Error): void, began: number }[]} */
  #waiting = [];
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #timeoutMs;

  /**
   * @param {import('../../bindings/node/dist/index.mjs').ConnectOptions} options
   * @param {number} timeoutMs
   */
  static async connect(options, timeoutMs) {
    const client = new Client(connect({ connectTimeoutMs: timeoutMs, ...options }), timeoutMs);
    try {
      await client.command('HELLO', '3'); // maintenance is announced in RESP3 only
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /**
   * @param {import('../../bindings/node/dist/index.mjs').SchSocket} stream
   * @param {number} timeoutMs
   */
  constructor(stream, timeoutMs) {
    this.stream = stream;
    this.#timeoutMs = timeoutMs;
    stream.on('data', (chunk) => this.#read(chunk));
    stream.on('error', () => {}); // 'close' follows
    stream.on('close', () => this.#fail(this.#waiting.splice(0), new Lost('the stream ended: the command may have run')));
    // The last ones, which were never written.
    stream.on('handed-back', ({ count }) => this.#fail(this.#waiting.splice(-count), new Lost('it did not run')));
    // Both are for commands that wait already, too; what waits when timeouts are restored has its time from then on.
    stream.on('relaxed', () => this.#arm());
    stream.on('restored', () => {
      for (const command of this.#waiting) command.began = performance.now();
      this.#arm();
    });
  }

  /**
   * @param {string[]} words
   * @returns {Promise<any>}
   */
  command(...words) {
    const { stream } = this;
    if (stream.destroyed || stream.readableEnded || stream.writableEnded) return Promise.reject(new NotConnected());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject, began: performance.now() });
      stream.write(encode(words));
      if (this.#waiting.length === 1) this.#arm();
    });
  }

  close() {
    this.stream.destroy();
  }

  /** @param {Buffer} chunk */
  #read(chunk) {
    for (const reply of this.#parser.feed(chunk)) {
      const command = this.#waiting.shift();
      if (reply instanceof Error) command?.reject(reply);
      else command?.resolve(reply);
    }
    this.#arm();
  }

  /** One timer, for the oldest: replies come in order. */
  #arm() {
    clearTimeout(this.#timer);
    const [oldest] = this.#waiting;
    const limit = this.stream.effectiveTimeoutMs(this.#timeoutMs);
    if (oldest === undefined || limit === undefined) return;
    const left = oldest.began + limit - performance.now();
    if (left > 0) {
      this.#timer = setTimeout(() => this.#arm(), Math.ceil(left));
      return;
    }
    // What comes from here on would be taken for another's reply.
    this.#fail(this.#waiting.splice(0, 1), new TimedOut(`no answer within ${limit} ms`));
    this.close();
  }

  /**
   * @param {{ reject(error: Error): void }[]} commands
   * @param {Error} error
   */
  #fail(commands, error) {
    for (const { reject } of commands) reject(error);
    if (this.#waiting.length === 0) clearTimeout(this.#timer);
  }
}
