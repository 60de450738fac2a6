/** The same for `import`: one copy of everything, so that both ways give the same classes. */

export { Connection, SchError, Todo, abiVersion, now, version } from './index.js';
export type * from './index.js';
