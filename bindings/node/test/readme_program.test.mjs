// The program in the README at the top is run as it stands, but for the port, and its server moves meanwhile.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import test from 'node:test';
import { run } from './support/run.mjs';
import { Sim } from './support/sim.mjs';

test('the program of the README counts while its server moves', { timeout: 60_000 }, async () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const programs = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, text]) => text);
  assert.equal(programs.length, 1);
  assert.equal(programs[0].split('6379').length, 2);
  const sim = await Sim.start({});
  try {
    const running = run(programs[0].replace('6379', sim.endpoints.a.port));
    while (!(await sim.request('GET', '/v1/status')).connections.some((c) => c.opted_in)) await wait(20);
    await sim.post('move', { from: 'a', to: 'b', time_s: 20 });
    const { code, out, err } = await running;
    assert.equal(err, '');
    assert.equal(code, 0);
    assert.equal(out, Array.from({ length: 100 }, (_, i) => `:${i + 1}\r\n`).join(''));
    const { events } = await sim.request('GET', '/v1/events');
    assert.deepEqual(events.filter((e) => e.event === 'opted_in').map((e) => e.endpoint), ['a', 'b']);
  } finally {
    await sim.stop();
  }
});
