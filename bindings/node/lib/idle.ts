/** Tells after so long without a byte; where timeouts are relaxed, after the relaxed one. */

export class Idle {
  readonly #effective: (ms: number) => number | undefined;
  readonly #tell: () => void;
  #ms = 0;
  #timer: NodeJS.Timeout | undefined;
  #active = 0;

  /** `effective`: the timeout now, given the one that is configured. */
  constructor(effective: (ms: number) => number | undefined, tell: () => void) {
    this.#effective = effective;
    this.#tell = tell;
  }

  /** A byte came or went. */
  touch(): void {
    if (this.#ms > 0) this.#active = performance.now();
  }

  /** 0 is never. */
  set(ms: number, watch: boolean): void {
    this.#ms = ms;
    this.#active = performance.now();
    clearTimeout(this.#timer);
    if (watch) this.#watch();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #watch(): void {
    if (this.#ms <= 0) return;
    const limit = this.#effective(this.#ms) ?? this.#ms;
    const left = Math.ceil(this.#active + limit - performance.now());
    if (left > 0) {
      this.#timer = setTimeout(() => this.#watch(), left).unref();
    } else {
      this.#timer = undefined;
      this.#tell();
    }
  }
}
