/** Tells after so long without a byte; where timeouts are relaxed, after the relaxed one. */

/** Timers of Node do not wait longer: they would fire at once. Who finds it is too early waits again. */
export const MOST_DELAY_MS = 2 ** 31 - 1;

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
    if (this.#ms <= 0) return;
    this.#active = performance.now();
    // It was told: from here on it may be told again.
    if (this.#timer === undefined) this.#watch();
  }

  /** 0 is never. */
  set(ms: number, watch: boolean): void {
    this.#ms = ms;
    this.#active = performance.now();
    this.#clear();
    if (watch) this.#watch();
  }

  stop(): void {
    this.#ms = 0;
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #watch(): void {
    if (this.#ms <= 0) return;
    const limit = this.#effective(this.#ms) ?? this.#ms;
    const left = Math.ceil(this.#active + limit - performance.now());
    if (left > 0) {
      this.#timer = setTimeout(() => this.#watch(), Math.min(left, MOST_DELAY_MS)).unref();
    } else {
      this.#timer = undefined;
      this.#tell();
    }
  }
}
