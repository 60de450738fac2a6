// The same types come by `import`. Compiled, never run.
import { connect, type ConnectOptions, type SchEvents } from 'sch';

export function watch(options: ConnectOptions, tell: (event: SchEvents['swapped']) => void): void {
  connect(options).on('swapped', tell);
}
