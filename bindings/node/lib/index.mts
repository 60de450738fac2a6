/** The same for `import`: one copy of everything, so that both ways give the same classes. */

export { Connection, SchError, SchSocket, Todo, abiVersion, connect, now, version } from './index.js';
export type * from './index.js';
