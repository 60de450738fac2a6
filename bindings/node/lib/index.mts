/** The same for `import`: one copy of everything, so that both ways give the same classes. */

export {
  Cluster, Connection, Pool, SchError, SchSocket, Todo, abiVersion, connect, keySlot, now, version,
} from './index.js';
export type * from './index.js';
