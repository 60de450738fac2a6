// RESP3, as much as this client uses: a command out, a reply in. None of it is sch.

/** The server refused the command. */
export class ReplyError extends Error {}

/** The command will have no reply. Where it has not run, it can be sent again. */
export class Lost extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.mayHaveRun = text.includes('may have run');
  }
}

/** There is no connection, so the command was not written. */
export class NotConnected extends Error {}

/** No reply in time: it may run yet. */
export class TimedOut extends Error {}

/** @param {string[]} words */
export const encode = (words) =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

/** @typedef {string | number | null | ReplyError | Lost | any[]} Reply */

export class Parser {
  /** @type {Buffer} */
  #data = Buffer.alloc(0);

  /**
   * The replies that are whole now. Pushes are left out.
   * @param {Buffer} chunk
   * @returns {Reply[]}
   */
  feed(chunk) {
    this.#data = this.#data.length > 0 ? Buffer.concat([this.#data, chunk]) : chunk;
    const replies = [];
    let at = 0;
    for (let found; at < this.#data.length && (found = this.#value(at)); at = found.end) {
      if (this.#data[at] !== 62 /* > */) replies.push(found.value);
    }
    this.#data = this.#data.subarray(at);
    return replies;
  }

  /**
   * @param {number} from
   * @returns {{ value: Reply, end: number } | undefined}
   */
  #value(from) {
    let end = this.#data.indexOf('\r\n', from);
    if (end < 0) return undefined;
    const kind = String.fromCharCode(this.#data[from]);
    const text = this.#data.toString('utf8', from + 1, end);
    end += 2;
    switch (kind) {
      case '+': return { value: text, end };
      case '-': return { value: text.startsWith('SCHLOST ') ? new Lost(text) : new ReplyError(text), end };
      case ':': return { value: Number(text), end };
      case '_': return { value: null, end };
      case '$': {
        const start = end;
        end += Number(text);
        return this.#data.length < end + 2 ? undefined : { value: this.#data.toString('utf8', start, end), end: end + 2 };
      }
      case '*': case '%': case '>': {
        const value = [];
        for (let left = Number(text) * (kind === '%' ? 2 : 1); left > 0; left--) {
          const found = this.#value(end);
          if (!found) return undefined;
          value.push(found.value);
          end = found.end;
        }
        return { value, end };
      }
      default: throw new Error(`not a reply that is used here: ${kind}`);
    }
  }
}
