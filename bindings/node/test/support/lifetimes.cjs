// Pools, waiters and members that go in every order, for a checker of memory to look at. Says how many waiters were woken at the end.
const { Cluster, Connection, Pool } = require('../../dist/index.js');
const { native } = require('../../dist/native.js');

const MOVING = Buffer.from('>4\r\n+MOVING\r\n:7\r\n:15\r\n$6\r\nb:6379\r\n');
const SETTINGS = { level: 'notified', host: 'a' };
let woken = 0;

function member(pool) {
  const conn = new Connection(SETTINGS);
  conn.join(pool);
  const { transport } = conn.dial();
  conn.connected(transport, '10.0.0.1:6379');
  conn.ready(transport);
  if (conn.poll()?.kind === 'send-optin') conn.optinReply(transport, '+OK\r\n');
  return conn;
}

/** One order: what goes before the others. */
function round(order) {
  const pool = new Pool(SETTINGS);
  const members = [1, 2, 3].map(() => member(pool));
  const waiters = members.map(() => pool.addWaiter(() => woken++));
  pool.watch(waiters[0]);
  members.forEach((conn, i) => conn.take(waiters[i]));
  if (order === 'pool') pool.release();
  if (order === 'waiter') waiters[1].remove();
  members[0].push(1, MOVING);
  if (order === 'member') {
    members[1].release();
    waiters[1].remove();
  }
  if (order === 'membership') members.forEach((conn) => conn.leave());
  members[2].tick();
  while (members[2].poll());
  if (order !== 'nothing') members.forEach((conn) => conn.release());
  pool.release();
  const cluster = new Cluster();
  cluster.askReload();
  while (cluster.poll());
  if (order !== 'nothing') cluster.release();
}

for (const order of ['pool', 'waiter', 'member', 'membership', 'nothing', 'members']) round(order);

// Pools that the garbage collector releases, before their members.
const left = [];
for (let i = 0; i < 10; i++) {
  const pool = new Pool(SETTINGS);
  const [reader, other] = [member(pool), member(pool)];
  other.take(pool.addWaiter(() => woken++));
  left.push([reader, other]);
}
const wait = () => {
  global.gc();
  if (native.live() > 2 * left.length) return setTimeout(wait, 10);
  woken = 0;
  left.forEach(([reader]) => reader.push(1, MOVING));
  setImmediate(() => {
    left.forEach((both) => both.forEach((conn) => conn.release()));
    console.log(woken);
  });
};
setTimeout(wait, 10);
