// The same types come by `import`. Compiled, never run.
import { Cluster, connect, Pool, type ConnectOptions, type SchEvents } from 'sch';

export function watch(options: ConnectOptions, tell: (event: SchEvents['swapped']) => void): void {
  connect(options).on('swapped', tell);
}

export const nouns: [Pool, Cluster] = [new Pool(), new Cluster()];
