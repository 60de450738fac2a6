/** One real socket: opens it, and keeps what it does not take at once. Knows no connection. */

import * as net from 'node:net';
import * as tls from 'node:tls';

export interface Target {
  host: string;
  port: number;
  /** With TLS: the name for SNI and certificate checks. */
  tlsServerName?: string;
}

/** What is passed on to Node when a socket is opened. */
export interface SocketOptions {
  tls?: boolean | tls.ConnectionOptions;
  net?: Omit<net.TcpNetConnectOpts, 'host' | 'port'>;
}

/** What a transport tells its owner. Each of `up` and `down` is told at most once, `down` last. */
export interface Owner {
  up(transport: Transport): void;
  data(transport: Transport, chunk: Buffer): void;
  /** Bytes were taken by the system. */
  written(transport: Transport): void;
  down(transport: Transport, error: Error | undefined): void;
}

/** Handed to the socket at once; what is there when it dies counts as written, as it may have been. */
const BATCH = 65536;

export class Transport {
  readonly id: number;
  readonly target: Target;
  readonly socket: net.Socket;
  /** Connected, TLS included. */
  isUp = false;
  #owner: Owner;
  /** Not handed to the socket, so surely not written. */
  #queue: Buffer[] = [];
  #queued = 0;
  #error: Error | undefined;
  #isDown = false;
  #paused = false;

  constructor(id: number, target: Target, options: SocketOptions, owner: Owner) {
    this.id = id;
    this.target = target;
    this.#owner = owner;
    const secure = options.tls !== undefined && options.tls !== false;
    this.socket = secure ? dialTls(target, options) : net.connect({ ...options.net, ...place(target) });
    this.socket.on(secure ? 'secureConnect' : 'connect', () => {
      this.isUp = true;
      this.#owner.up(this);
    });
    this.socket.on('data', (chunk: Buffer) => this.#owner.data(this, chunk));
    this.socket.on('end', () => this.#end());
    this.socket.on('error', (error) => (this.#error = error));
    this.socket.on('close', () => this.#end());
  }

  /** The peer's address as libsch reads it. */
  get peer(): string | undefined {
    const { remoteAddress, remotePort } = this.socket;
    if (remoteAddress === undefined || remotePort === undefined) return undefined;
    const address = remoteAddress.split('%')[0];
    return net.isIPv6(address) ? `[${address}]:${remotePort}` : `${address}:${remotePort}`;
  }

  /** Nothing waits: what is written now follows directly. */
  get isIdle(): boolean {
    return this.#queued === 0 && this.socket.writableLength === 0;
  }

  write(bytes: Buffer): void {
    if (this.isIdle && !this.socket.destroyed) {
      this.#hand(bytes);
    } else {
      this.#queue.push(bytes);
      this.#queued += bytes.length;
    }
  }

  /** What was surely not written, in order. */
  takeUnwritten(): Buffer {
    const bytes = Buffer.concat(this.#queue);
    this.#queue = [];
    this.#queued = 0;
    return bytes;
  }

  pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  /** Closes it; the owner hears no more of it. */
  drop(error?: Error): void {
    this.#isDown = true;
    this.#queue = [];
    this.#queued = 0;
    this.socket.destroy(error);
  }

  #hand(bytes: Buffer): void {
    this.socket.write(bytes, (error) => this.#written(error));
  }

  #written(error: Error | null | undefined): void {
    if (error || this.#isDown || this.socket.destroyed) return;
    this.#drain();
    this.#owner.written(this);
  }

  #drain(): void {
    if (this.#queued === 0 || this.socket.writableLength > 0) return;
    const batch: Buffer[] = [];
    let size = 0;
    while (this.#queue.length > 0 && (size === 0 || size + this.#queue[0].length <= BATCH)) {
      const next = this.#queue.shift() as Buffer;
      batch.push(next);
      size += next.length;
    }
    this.#queued -= size;
    this.#hand(batch.length === 1 ? batch[0] : Buffer.concat(batch, size));
  }

  #end(): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.socket.destroy();
    this.#owner.down(this, this.#error);
  }
}

function place({ host, port }: Target): { host: string; port: number } {
  return { host, port };
}

function dialTls(target: Target, options: SocketOptions): tls.TLSSocket {
  const user: tls.ConnectionOptions = typeof options.tls === 'object' ? options.tls : {};
  const name = target.tlsServerName ?? target.host;
  const check = user.checkServerIdentity ?? tls.checkServerIdentity;
  return tls.connect({
    ...options.net,
    ...user,
    ...place(target),
    // An address cannot be asked for by SNI, but its certificate can be checked against it.
    servername: net.isIP(name) ? '' : name,
    checkServerIdentity: (_host, certificate) => check(name, certificate),
  });
}
