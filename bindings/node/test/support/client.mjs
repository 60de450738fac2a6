// A small client of Redis over any Duplex: commands in, replies out, in order.

/** Takes one value off `text` at `at`: `[value, next]`, or nothing if it is not whole. */
function parse(buffer, at) {
  const end = buffer.indexOf('\r\n', at);
  if (end < 0) return undefined;
  const kind = String.fromCharCode(buffer[at]);
  const line = buffer.toString('latin1', at + 1, end);
  const next = end + 2;
  switch (kind) {
    case '+': return [line, next];
    case '-': return [new ReplyError(line), next];
    case ':': return [Number(line), next];
    case '_': return [null, next];
    case '$': {
      const len = Number(line);
      if (len < 0) return [null, next];
      if (buffer.length < next + len + 2) return undefined;
      return [buffer.toString('utf8', next, next + len), next + len + 2];
    }
    case '*': case '>': case '%': {
      let count = Number(line) * (kind === '%' ? 2 : 1);
      const values = [];
      for (let from = next; ; count--) {
        if (count <= 0) return [kind === '>' ? new Push(values) : values, from];
        const one = parse(buffer, from);
        if (one === undefined) return undefined;
        values.push(one[0]);
        from = one[1];
      }
    }
    default: throw new Error(`no RESP3: ${JSON.stringify(line)} after ${kind}`);
  }
}

export class ReplyError extends Error {}

class Push {
  constructor(values) {
    this.values = values;
  }
}

export const encode = (args) =>
  Buffer.from(`*${args.length}\r\n${args.map((a) => `$${Buffer.byteLength(String(a))}\r\n${a}\r\n`).join('')}`);

export class Client {
  pushes = [];
  #waiting = [];
  #buffer = Buffer.alloc(0);

  constructor(stream) {
    this.stream = stream;
    stream.on('data', (chunk) => this.#data(chunk));
    stream.on('error', (error) => (this.error = error));
    stream.on('close', () => {
      const error = this.error ?? new Error('the stream has ended');
      this.#waiting.splice(0).forEach(({ fail }) => fail(error));
    });
  }

  #data(chunk) {
    this.#buffer = this.#buffer.length ? Buffer.concat([this.#buffer, chunk]) : chunk;
    let at = 0;
    for (let one; at < this.#buffer.length && (one = parse(this.#buffer, at)); at = one[1]) {
      const [value] = one;
      if (value instanceof Push) this.pushes.push(value.values);
      else {
        const { done, fail, raw } = this.#waiting.shift() ?? {};
        if (!done) throw new Error('a reply that nobody has asked for');
        if (raw) done(this.#buffer.subarray(at, one[1]));
        else if (value instanceof ReplyError) fail(value);
        else done(value);
      }
    }
    this.#buffer = this.#buffer.subarray(at);
  }

  send(...args) {
    return this.#send(args, false);
  }

  /** The bytes of the reply, whatever it is. */
  sendRaw(...args) {
    return this.#send(args, true);
  }

  /** Replies that are owed. */
  get owed() {
    return this.#waiting.length;
  }

  #send(args, raw) {
    if (this.stream.destroyed || this.stream.writableEnded) return Promise.reject(new Error('the stream has ended'));
    const reply = new Promise((done, fail) => this.#waiting.push({ done, fail, raw }));
    this.stream.write(encode(args));
    return reply;
  }
}
