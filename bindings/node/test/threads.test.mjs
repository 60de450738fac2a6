// Worker threads: each has its own addon state; a handle is of one thread; a thread may be ended at any time.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { run } from './support/run.mjs';

const WORK = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Connection } = require(workerData + '/dist/index.js');
  const { native } = require(workerData + '/dist/native.js');
  const hello = Buffer.from('*2\\r\\n$5\\r\\nHELLO\\r\\n$1\\r\\n3\\r\\n');
  const keep = [];
  for (let i = 0; i < 200; i++) {
    const conn = new Connection({ host: 'a' });
    const { transport } = conn.dial();
    conn.connected(transport, '10.0.0.1:6379');
    conn.submit(hello);
    conn.receive(transport, Buffer.from('%1\\r\\n$5\\r\\nproto\\r\\n:3\\r\\n'));
    if (conn.poll().kind !== 'write') throw new Error('no opt-in');
    if (i % 2) conn.release(); else keep.push(conn);
  }
`;

test('threads work side by side, and a handle of one is nothing in another', async () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const source = `${WORK} parentPort.postMessage([native.live(), native.open([], 0)]); setInterval(() => {}, 1000);`;
  const workers = Array.from({ length: 4 }, () => new Worker(source, { eval: true, workerData: root }));
  const answers = await Promise.all(workers.map((worker) => once(worker, 'message')));
  const { createRequire } = await import('node:module');
  const { native } = createRequire(import.meta.url)('../dist/native.js');
  const handles = answers.map(([[live, handle]]) => {
    assert.equal(live, 100);
    assert.throws(() => native.tick(handle, -1), (error) => error.code === 'SCH_ERR_CLOSED');
    return handle;
  });
  assert.equal(new Set(handles).size, 4, 'no handle is given twice in a process');
  // They hold connections: they end all the same.
  await Promise.all(workers.map((worker) => worker.terminate()));
});

test('threads that are ended in the middle of calls, and a process that ends with threads, end in order', async () => {
  const { code, signal, err } = await run(`
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    const source = ${JSON.stringify(`${WORK} parentPort.postMessage(0); for (;;) { const c = new Connection(); c.dial(); if (keep.push(c) > 5000) keep.length = 0; }`)};
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
