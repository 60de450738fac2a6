// The end of a stream while two transports are open: replies that are owed still come.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import test from 'node:test';
import { connect } from 'sch';
import { encode } from './support/client.mjs';

const SUBSCRIBED = '>3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n';

/** Answers every command but INCR, each as if it came whole. It closes nothing by itself. */
async function node() {
  const sockets = [];
  const answer = (name) => ({ HELLO: '%1\r\n$5\r\nproto\r\n:3\r\n', SUBSCRIBE: SUBSCRIBED, INCR: '' })[name] ?? '+OK\r\n';
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.seen = '';
    socket.on('data', (chunk) => {
      socket.seen += chunk;
      for (const [, name] of String(chunk).matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) socket.write(answer(name));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = () => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  };
  return { place: `127.0.0.1:${server.address().port}`, port: server.address().port, sockets, stop };
}

test('a transport that was left goes while the other owes a reply: the reply comes, then the end', async () => {
  const [a, b] = [await node(), await node()];
  const stream = connect({ host: '127.0.0.1', port: a.port, overlapMs: 60_000 });
  let read = '';
  stream.on('data', (chunk) => (read += chunk));
  const until = async (is) => {
    while (!is()) await new Promise((done) => setTimeout(done, 2));
  };
  stream.write(encode(['HELLO', 3]));
  await until(() => stream.isActive);
  stream.write(encode(['SUBSCRIBE', 'ch']));
  await until(() => read.endsWith(SUBSCRIBED));
  const finished = once(stream, 'handoff-finished');
  a.sockets[0].write(`>4\r\n$6\r\nMOVING\r\n:1\r\n:30\r\n$${b.place.length}\r\n${b.place}\r\n`);
  assert.equal((await finished)[0].outcome, 'swapped');
  const closed = once(stream, 'close');
  stream.end(encode(['INCR', 'k']));
  await once(b.sockets[0], 'end');
  assert.match(b.sockets[0].seen, /INCR/);
  const lost = once(a.sockets[0], 'close');
  a.sockets[0].destroy();
  await lost;
  // The stream has seen it: what it writes there would be refused by now, and its handle is one less.
  await until(() => stream.destroyed || process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length <= 2);
  b.sockets[0].end(':7\r\n');
  await closed;
  assert.ok(read.endsWith(':7\r\n'), JSON.stringify(read));
  a.stop();
  b.stop();
});
