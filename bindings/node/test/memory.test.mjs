// What libsch calls back lives for as long as it may: shown by valgrind, whatever goes first.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('support/lifetimes.cjs', import.meta.url));

test('pools, waiters and members go in every order', { timeout: 300_000 }, () => {
  // Without a compiler of its own Node makes no code that valgrind does not know, and is clean.
  const checked = ['--quiet', '--error-exitcode=9', '--undef-value-errors=no', process.execPath, '--jitless', '--expose-gc', script];
  const { status, stdout, stderr, error } = spawnSync('valgrind', checked, { encoding: 'utf8' });
  assert.equal(error, undefined);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, '10\n');
});
