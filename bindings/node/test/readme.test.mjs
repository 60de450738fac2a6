// The code of the README runs as it stands there, but for the address.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import * as sch from 'sch';
import { Client } from './support/client.mjs';
import { Sim } from './support/sim.mjs';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const blocks = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, text]) => text);

/** Runs a block with what it takes from its surroundings; answers what it names. */
function play(text, port, given, names) {
  const body = text.replace(/^import (\{.*\}) from 'sch';$/m, 'const $1 = sch;')
    .replaceAll("'redis.example'", "'127.0.0.1'").replaceAll('12000', port).replaceAll('tls: true', 'tls: false');
  assert.ok(!body.includes('import '));
  const all = { sch, ...given };
  return new (async () => {}).constructor(...Object.keys(all), `${body}\nreturn { ${names} };`)(...Object.values(all));
}

test('every block', { timeout: 60_000 }, async () => {
  assert.equal(blocks.length, 4);
  const [stream, parts, pool, cluster] = blocks;
  const sim = await Sim.start({ cluster: 1, names: ['a'] });
  const { port } = sim.endpoints.a;
  const open = [];
  try {
    const replies = [];
    const { socket } = await play(stream, port, { parser: { feed: (chunk) => replies.push(chunk) } }, 'socket');
    open.push(socket);
    while (replies.length === 0) await wait(5);

    const fed = [];
    const acts = { parser: { feed: (span) => fed.push(Buffer.from(span)) }, act: () => {}, close: assert.fail };
    const { connection, onRead } = await play(parts, port, acts, 'connection, onRead');
    const { transport } = connection.dial();
    connection.connected(transport, `127.0.0.1:${port}`);
    connection.submit(Buffer.from('*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n'));
    onRead(transport, Buffer.from('%1\r\n$5\r\nproto\r\n:3\r\n'));
    assert.equal(Buffer.concat(fed).toString(), '%1\r\n$5\r\nproto\r\n:3\r\n');

    const console = { log: () => {} };
    const { pool: made, sockets } = await play(pool, port, { console }, 'pool, sockets');
    open.push(...sockets);
    await Promise.all(sockets.map((one) => once(one, 'connect')));
    assert.equal(made.counters.members, 3);

    const asker = new Client(sch.connect({ host: '127.0.0.1', port }));
    open.push(asker.stream);
    const rawReplyTo = (...words) => asker.sendRaw(...words);
    const stubs = { rawReplyTo, host: '127.0.0.1', port, ask: () => {}, closeWhenIdle: () => {}, ssubscribe: () => {} };
    const played = await play(cluster, port, stubs, 'cluster, node, socket, pump, to');
    open.push(played.socket);
    played.pump();
    await once(played.socket, 'connect');
    assert.equal(played.node.port, port);
    assert.deepEqual([played.to.slot, played.to.host, played.to.isAsk], [3999, '10.0.0.7', false]);
  } finally {
    open.forEach((one) => one.destroy());
    await sim.stop();
  }
});
