// Worker threads: each has its own addon state; a handle is of one thread; a thread may be ended at any time.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { run } from './support/run.mjs';

const WORK = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Cluster, Connection, Pool } = require(workerData + '/dist/index.js');
  const { native } = require(workerData + '/dist/native.js');
  const hello = Buffer.from('*2\\r\\n$5\\r\\nHELLO\\r\\n$1\\r\\n3\\r\\n');
  const keep = [];
  const pool = new Pool({ host: 'a' });
  const cluster = new Cluster();
  const waiter = pool.addWaiter(() => pool.tick());
  pool.watch(waiter);
  for (let i = 0; i < 200; i++) {
    const conn = new Connection({ host: 'a' });
    conn.join(pool);
    conn.take(waiter);
    const { transport } = conn.dial();
    conn.connected(transport, '10.0.0.1:6379');
    conn.submit(hello);
    conn.receive(transport, Buffer.from('%1\\r\\n$5\\r\\nproto\\r\\n:3\\r\\n'));
    while (conn.poll().kind !== 'write') {} // the opt-in; others have told what they read
    conn.receive(transport, Buffer.from('>3\\r\\n+MIGRATING\\r\\n:' + i + '\\r\\n:10\\r\\n'));
    cluster.push(Buffer.from('>3\\r\\n+SMIGRATED\\r\\n:' + i + '\\r\\n*0\\r\\n'));
    if (i % 2) conn.release(); else keep.push(conn);
  }
`;

test('threads work side by side, and a handle of one is nothing in another', async () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const source = `${WORK} parentPort.postMessage([native.live(), native.open([], 0), native.poolOpen([], 0), native.clusterOpen([], 0)]); setInterval(() => {}, 1000);`;
  const workers = Array.from({ length: 4 }, () => new Worker(source, { eval: true, workerData: root }));
  const answers = await Promise.all(workers.map((worker) => once(worker, 'message')));
  const { createRequire } = await import('node:module');
  const { native } = createRequire(import.meta.url)('../dist/native.js');
  const elsewhere = (error) => error.code === 'SCH_ERR_CLOSED' && /another thread/.test(error.message);
  const handles = answers.flatMap(([[live, conn, pool, cluster]]) => {
    assert.equal(live, 102, 'connections, a pool and a cluster');
    assert.throws(() => native.tick(conn, -1), elsewhere);
    assert.throws(() => native.poolTick(pool, -1), elsewhere);
    assert.throws(() => native.clusterTick(cluster, -1), elsewhere);
    // Nor can what is of here join there.
    const here = native.open([], 0);
    assert.throws(() => native.join(here, -1, pool, 1, 0), elsewhere);
    assert.throws(() => native.clusterSlotsMoved(native.clusterOpen([], 0), -1, conn), elsewhere);
    return [conn, pool, cluster];
  });
  assert.equal(new Set(handles).size, 12, 'no handle is given twice in a process');
  // They hold connections: they end all the same.
  await Promise.all(workers.map((worker) => worker.terminate()));
});

test('threads that are ended in the middle of calls, and a process that ends with threads, end in order', async () => {
  const { code, signal, err } = await run(`
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    const source = ${JSON.stringify(`${WORK} parentPort.postMessage(0); for (;;) { const c = new Connection(); c.join(pool); c.take(waiter); c.dial(); cluster.askReload(); pool.tick(); if (keep.push(c) > 5000) keep.length = 0; }`)};
    const start = () => new Worker(source, { eval: true, execArgv: [], workerData: process.cwd() });
    for (let round = 0; round < 5; round++) {
      const workers = [start(), start()];
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    await once(start(), 'message');
    process.exit(0);
  `);
  assert.equal(signal, null, err);
  assert.equal(code, 0, err);
});

test('a process ends with pools and clusters that are alive, also inside a waiter', async () => {
  for (const last of ['', 'process.exit(0);', 'process.reallyExit(0);']) {
    const { code, signal, out, err } = await run(`
      import { Cluster, Connection, Pool } from 'sch';
      const pool = new Pool({ host: 'a', level: 'notified' });
      const conns = [0, 1, 2].map(() => new Connection({ host: 'a', level: 'notified' }));
      new Cluster().askReload();
      const waiter = pool.addWaiter(() => { console.log('woken'); ${last} });
      pool.watch(waiter);
      for (const conn of conns) {
        conn.join(pool);
        conn.take(waiter);
        conn.connected(conn.dial().transport, '10.0.0.1:6379');
      }
      conns[0].ready(1);
      conns[0].poll();
      conns[0].optinReply(1, '+OK\\r\\n');
      conns[0].push(1, Buffer.from('>4\\r\\n+MOVING\\r\\n:7\\r\\n:15\\r\\n$6\\r\\nb:6379\\r\\n'));
    `);
    assert.equal(signal, null, err);
    assert.equal(code, 0, err);
    assert.equal(out.startsWith('woken\n'), true, 'a waiter keeps no process, and is woken all the same');
  }
});
