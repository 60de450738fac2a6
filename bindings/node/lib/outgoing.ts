/** What goes out of a stream: writes that libsch takes, holds or leaves, its regions, and the end of our side. */

import type { Loop } from './loop.js';
import type { Transport } from './transport.js';

export type Done = (error?: Error | null) => void;

/** Of the region, copied and handed to a socket at once. */
const REGION = 65536;

export class Outgoing {
  readonly #loop: Loop;
  /** A write that waits: for the first connect, for RESUME, or for a socket that is behind. */
  #write: { rest: Buffer; done: Done } | undefined;
  #behind: { transport: Transport; done: Done } | undefined;
  #final: Done | undefined;
  /** Our side is closed: what is swapped to is closed too. */
  #ending = false;
  /** `goOn` is due when the loop is through. */
  #resume = false;
  /** A region waits for its socket. */
  #regions = false;

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  get isEnding(): boolean {
    return this.#ending;
  }

  write(chunk: Buffer, done: Done): void {
    if (this.#loop.over) return this.#refuse(done);
    this.#write = { rest: chunk, done };
    if (this.#loop.isUp) this.goOn();
  }

  /** Gives libsch what waits to be submitted. */
  goOn(): void {
    const loop = this.#loop;
    const write = this.#write;
    if (write === undefined || loop.stream.destroyed) return;
    if (loop.isSettling) {
      this.#resume = true;
      return;
    }
    loop.idle.touch();
    let bits: number;
    try {
      bits = loop.conn.submit(write.rest);
    } catch (error) {
      this.#write = undefined;
      return write.done(error as Error);
    }
    const { transport: id, writeNow, held } = loop.conn.submitted;
    const transport = loop.links.get(id);
    if (writeNow > 0) transport?.write(write.rest.subarray(0, writeNow));
    write.rest = write.rest.subarray(writeNow + held);
    if (write.rest.length === 0) {
      this.#write = undefined;
      // Until the system has taken it, it is the writer's own memory: who is told may use it again.
      if (transport && !transport.isIdle) this.#behind = { transport, done: write.done };
      else write.done();
    }
    // With a rest: again after RESUME.
    loop.settle(bits);
  }

  /** RESUME. */
  resume(): void {
    this.#resume = true;
  }

  /** The loop is through. */
  settled(): void {
    if (!this.#resume) return;
    this.#resume = false;
    this.goOn();
  }

  /** Writes the regions of libsch, each behind what `submit` gave for its transport. */
  pump(): void {
    const { conn, links } = this.#loop;
    this.#regions = false;
    for (const wait of conn.waitOn()) {
      const transport = wait.write ? links.get(wait.transport) : undefined;
      while (transport?.isUp && transport.isIdle && links.has(transport)) {
        const bytes = conn.region(wait.transport, REGION);
        if (bytes.length === 0) break;
        transport.write(bytes);
        // It may be written from here on, whatever becomes of the socket.
        conn.wrote(wait.transport, bytes.length);
      }
      this.#regions ||= wait.write;
    }
  }

  /** The system took bytes. */
  written(transport: Transport): void {
    if (this.#behind?.transport === transport && transport.isIdle) this.#caughtUp();
    if (!transport.isIdle || this.#loop.stream.destroyed) return;
    if (this.#regions) this.#loop.input(() => 0);
    else this.tryFinal();
  }

  /** A transport is gone: nothing waits for it. */
  forget(transport: Transport): void {
    if (this.#behind?.transport === transport) this.#caughtUp();
  }

  #caughtUp(): void {
    const behind = this.#behind;
    this.#behind = undefined;
    behind?.done();
  }

  // The end ----------------------------------------------------------------------------------------------------

  final(done: Done): void {
    if (this.#loop.over) return done();
    this.#final = done;
    if (this.#loop.isUp) this.tryFinal();
  }

  /** Half-closes once all is written, and no command is held. */
  tryFinal(): void {
    if (!this.#ending && this.#final === undefined) return;
    const { conn, links } = this.#loop;
    const { phase } = conn;
    const current = links.get(conn.current ?? 0);
    if (phase === 'draining' || phase === 'swapping' || !current?.isIdle) return;
    if (conn.region(current.id, 1).length > 0) return;
    this.#ending = true;
    current.socket.end();
    this.#final?.();
    this.#final = undefined;
  }

  /** The other side has ended. */
  ended(): void {
    const write = this.#write;
    this.#write = undefined;
    this.#loop.stream.push(null);
    if (write) this.#refuse(write.done);
    this.#caughtUp();
    this.#final?.();
    this.#final = undefined;
  }

  /** Fails a write, which ends all, once the reader has what there is. */
  #refuse(done: Done): void {
    const { stream } = this.#loop;
    if (stream.readableEnded || stream.destroyed) done(gone());
    else stream.once('end', () => done(gone()));
  }

  /** All that waits fails. */
  fail(error: Error | null): void {
    const failed = error ?? gone();
    this.#write?.done(failed);
    this.#behind?.done(failed);
    this.#final?.(failed);
    this.#write = this.#behind = this.#final = undefined;
  }
}

function gone(): Error {
  return Object.assign(new Error('the connection is closed'), { code: 'EPIPE' });
}
