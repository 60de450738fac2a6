/** Log lines, which are taken: what an application does with them cannot reach into a call of libsch. */

import * as words from './words.js';

export interface LogLine {
  level: words.LogLevel;
  text: string;
}

/** `[level, text, ...]` of the addon. */
export function linesOf(flat: (number | string)[]): LogLine[] {
  const out: LogLine[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    out.push({ level: words.LOG_LEVELS[flat[i] as number], text: flat[i + 1] as string });
  }
  return out;
}
