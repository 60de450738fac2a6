/**
 * The run loop of the C header, level 3, on sockets of Node: what a stream and its sockets tell goes to libsch, and what libsch
 * asks for after it is done.
 */

import type { Duplex } from 'node:stream';
import { act, fieldsOf } from './act.js';
import type { Connection } from './connection.js';
import { SchError } from './errors.js';
import { type SchEventName, type SchEvents, publish } from './events.js';
import { FirstConnect } from './first.js';
import { Idle, MOST_DELAY_MS } from './idle.js';
import { Links } from './links.js';
import { type ConnectOptions, isSecure } from './options.js';
import { Outgoing } from './outgoing.js';
import { Pooled } from './pooled.js';
import { Todo } from './todo.js';
import type { Owner, Transport } from './transport.js';

export class Loop implements Owner {
  readonly stream: Duplex;
  readonly conn: Connection;
  readonly options: ConnectOptions;
  readonly links: Links;
  readonly out: Outgoing;
  readonly idle: Idle;
  readonly pooled: Pooled | undefined;
  /** A transport was in use. */
  isUp = false;
  /** The stream has ended. */
  over = false;
  /** Actions are being done. */
  isSettling = false;
  connectError: Error | undefined;
  readonly #first: FirstConnect;
  #timer: NodeJS.Timeout | undefined;
  #handoffs: number;

  constructor(stream: Duplex, conn: Connection, options: ConnectOptions) {
    this.stream = stream;
    this.conn = conn;
    this.options = options;
    this.links = new Links(options, this);
    this.out = new Outgoing(this);
    this.idle = new Idle((ms) => this.conn.effectiveTimeoutMs(ms), () => this.stream.emit('timeout'));
    this.#first = new FirstConnect(this, options.connectTimeoutMs);
    this.#handoffs = conn.counters.handoffsStarted;
    this.pooled = options.pool && new Pooled(this, options.pool);
  }

  begin(): void {
    try {
      this.#first.dial(0);
    } catch (error) {
      // The pool was released.
      this.stream.destroy(error as Error);
    }
  }

  // What sockets tell ------------------------------------------------------------------------------------------

  up(transport: Transport): void {
    let bits: number;
    try {
      bits = this.conn.connected(transport.id, transport.peer);
    } catch (error) {
      // Not wanted any more, which libsch says with a status of its own.
      this.forget(transport);
      return this.#refused(error);
    }
    if (!this.isUp) {
      this.#first.done();
      this.isUp = true;
      process.nextTick(() => this.#announce());
      this.settle(bits | Todo.DEADLINE);
      this.out.goOn();
      this.out.tryFinal();
    } else {
      this.settle(bits);
    }
  }

  #announce(): void {
    if (this.stream.destroyed) return;
    this.stream.emit('connect');
    if (isSecure(this.options)) this.stream.emit('secureConnect');
    this.stream.emit('ready');
  }

  data(transport: Transport, chunk: Buffer): void {
    this.idle.touch();
    let rest: Buffer = chunk;
    let more = true;
    try {
      while (rest.length > 0 && this.links.has(transport)) {
        const bits = this.conn.receive(transport.id, rest);
        if (bits === 0) {
          more = this.give(rest) && more;
          break;
        }
        const spans = bits & Todo.SPANS ? this.conn.takeSpans() : [rest];
        const { consumed } = this.conn;
        for (const span of spans) more = this.give(span) && more;
        this.settle(bits);
        if (consumed === 0 && spans.length === 0) {
          // Only SWAP unanswered leaves bytes behind, and it was answered: never go on with a gap.
          transport.drop();
          this.down(transport, undefined);
          break;
        }
        rest = rest.subarray(consumed);
      }
    } catch (error) {
      this.#refused(error);
    }
    if (!more && !this.stream.destroyed) transport.pause();
  }

  /** To the reader. Its exceptions are its own: they come up in the next tick, and the rest of the bytes goes on. */
  give(bytes: Uint8Array): boolean {
    try {
      return this.stream.push(bytes);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
      return true;
    }
  }

  written(transport: Transport): void {
    this.out.written(transport);
  }

  down(transport: Transport, error: Error | undefined): void {
    const unwritten = transport.takeUnwritten();
    this.forget(transport);
    let bits = Todo.ACTIONS;
    // One that is left behind, or that was only tried, takes no reply with it that is still to come.
    let wasCurrent = true;
    try {
      wasCurrent = this.conn.current === transport.id;
      bits |= this.conn.closed(transport.id, unwritten);
    } catch (failure) {
      this.#refused(failure);
    }
    this.connectError = error;
    this.settle(bits);
    if (wasCurrent && this.out.isEnding && !this.stream.destroyed) this.#ended();
  }

  forget(transport: Transport): void {
    if (this.links.has(transport)) this.links.delete(transport.id);
    transport.drop();
    this.out.forget(transport);
  }

  // What libsch asks for ---------------------------------------------------------------------------------------

  /** Does all that is to be done; `bits` is what an input answered. */
  settle(bits: number): void {
    const { stream, conn, out } = this;
    // What an action calls answers here too: the loop that is under way sees it.
    if (bits === 0 || this.isSettling || stream.destroyed) return;
    this.isSettling = true;
    if (bits & Todo.LOG) this.#tellLog();
    let acted = (bits & Todo.SPANS) !== 0;
    try {
      do {
        for (let action; !stream.destroyed && (action = conn.poll()); acted = true) act(this, action);
        if (!stream.destroyed) out.pump();
        // What was written may have brought more.
      } while (!stream.destroyed && conn.todo() & Todo.ACTIONS);
    } catch (error) {
      this.#refused(error);
    } finally {
      this.isSettling = false;
    }
    if (stream.destroyed) return;
    const left = conn.todo();
    if (left & Todo.LOG) this.#tellLog();
    if (left & Todo.DEADLINE) this.arm();
    if (acted) this.#tellMoving();
    if (this.isUp && conn.phase === 'detached') return this.#ended();
    out.tryFinal();
    out.settled();
  }

  /** An input from outside of the loop: a socket that failed, a timer, the application. */
  input(work: () => number): void {
    if (this.stream.destroyed) return;
    let bits = Todo.ACTIONS;
    try {
      bits |= work();
    } catch (error) {
      this.#refused(error);
    }
    this.settle(bits);
  }

  /** A transport that is gone is no news; all else that libsch refuses here is a defect, and ends the stream. */
  #refused(error: unknown): void {
    if (error instanceof SchError && error.code === 'SCH_ERR_UNKNOWN_TRANSPORT') return;
    this.stream.destroy(error as Error);
  }

  /** Sets the timer to libsch's deadline. It keeps the process only while nothing else of an open stream does. */
  arm(): void {
    clearTimeout(this.#timer);
    const ms = this.conn.delayMs();
    if (ms === undefined) return;
    this.#timer = setTimeout(() => {
      this.input(() => this.conn.tick());
      // A timer of Node may be early: then the deadline is the same, and comes again.
      if (!this.stream.destroyed) this.arm();
    }, Math.min(Math.max(ms, 1), MOST_DELAY_MS));
    if (!this.links.keeps || this.links.size > 0) this.#timer.unref();
  }

  #tellLog(): void {
    for (const line of this.conn.takeLog()) this.tell('log', line);
  }

  #tellMoving(): void {
    const { handoffsStarted } = this.conn.counters;
    if (handoffsStarted === this.#handoffs) return;
    this.#handoffs = handoffsStarted;
    this.tell('moving', { handoffs: handoffsStarted });
  }

  /** Later, one by one: an exception of a listener is the listener's, and finds the stream in order. */
  tell<K extends SchEventName>(name: K, fields: SchEvents[K]): void {
    process.nextTick(() => {
      publish(name, this.stream, fields);
      this.stream.emit(name, fields);
    });
  }

  // The end ----------------------------------------------------------------------------------------------------

  /** There is no transport, and none comes: as a socket that the peer has closed. What was read can still be had. */
  #ended(): void {
    if (this.over) return;
    this.over = true;
    this.out.ended();
  }

  /** Closes all. True if another stream may take the connection over; else it has been told that it is over. */
  end(): boolean {
    clearTimeout(this.#timer);
    this.#first.stop();
    this.idle.stop();
    this.over = true;
    let detached = false;
    try {
      detached = this.#detach();
      if (!detached) {
        this.conn.close();
        this.#drain();
      }
      if (detached) this.pooled?.leave();
    } catch {
      // Poisoned: there is nothing to be had, and it is released.
    }
    this.pooled?.end();
    this.links.dropAll();
    return detached;
  }

  /** Tells libsch that all transports are closed. False if it goes on with a handoff. */
  #detach(): boolean {
    for (const transport of this.links) {
      if (transport.isUp) this.conn.closed(transport.id, transport.takeUnwritten());
      else this.conn.connectFailed(transport.id);
      this.#drain();
    }
    return this.conn.phase === 'detached';
  }

  /** Actions after the end: there is nothing to open or to write any more. */
  #drain(): void {
    for (let action; (action = this.conn.poll()); ) {
      if (action.kind === 'hand-back') this.tell('handed-back', fieldsOf(action));
      else if (action.kind === 'open') this.conn.connectFailed(action.transport);
      else if (action.kind === 'lost') this.conn.lossesSettled();
    }
  }
}
