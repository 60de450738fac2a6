// Runs code in a process of its own, to see how it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('../..', import.meta.url));

/** `{ code, signal, out, err }` of a module whose text is `source`. */
export async function run(source, ...args) {
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', source, ...args.map(String)], { cwd: here });
  const text = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (text.out += chunk));
  child.stderr.on('data', (chunk) => (text.err += chunk));
  const killer = setTimeout(() => child.kill('SIGKILL'), 60_000).unref();
  const [code, signal] = await once(child, 'close');
  clearTimeout(killer);
  return { code, signal, ...text };
}
