// Counts on a Redis connection while its service is maintained, and prints what happens to the connection.
//
//   node examples/node/watch.mjs HOST PORT [SECONDS]
//
// Outside of this repository: import { connect } from 'sch'
import { connect } from '../../bindings/node/dist/index.mjs';

const [host = '127.0.0.1', port = '6379', seconds = '10'] = process.argv.slice(2);
/** @param {string[]} args */
const encode = (...args) => `*${args.length}\r\n${args.map((a) => `$${Buffer.byteLength(a)}\r\n${a}\r\n`).join('')}`;

const socket = connect({ host, port: Number(port) });
for (const event of ['moving', 'relaxed', 'restored', 'swapped', 'handoff-failed', 'lost']) {
  socket.on(event, (fields) => console.log(event, JSON.stringify(fields)));
}
socket.on('error', (error) => console.error('error', error.code, error.message));
socket.on('close', () => clearInterval(counting));

// A driver has its parser here. This one takes each line of an INCR for a reply.
let sent = 0;
let last = 0;
let text = '';
socket.on('data', (chunk) => {
  const lines = (text + chunk.toString('latin1')).split('\r\n');
  text = lines.pop() ?? '';
  const numbers = lines.filter((line) => /^:\d+$/.test(line)).map((line) => Number(line.slice(1)));
  last = numbers.at(-1) ?? last;
});

socket.write(encode('HELLO', '3') + encode('DEL', 'watch'));
const counting = setInterval(() => {
  socket.write(encode('INCR', 'watch'));
  sent++;
}, 10);

setTimeout(() => {
  clearInterval(counting);
  const looking = setInterval(() => {
    if (last < sent) return;
    clearInterval(looking);
    console.log(`${sent} sent, the counter is ${last}, ${socket.counters.commandsLost} lost, on port ${socket.remotePort}`);
    socket.end();
  }, 10);
}, Number(seconds) * 1000);
