// Every file in tests/scenarios gives the same actions as in Rust, byte for byte, also with each received byte on its own.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { replay } from './support/scenario.mjs';

const folder = fileURLToPath(new URL('../../../tests/scenarios', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.txt')).sort();

test('there are scenarios', () => assert.ok(files.length > 0));

for (const name of files) {
  test(name, () => {
    const expected = readFileSync(join(folder, name), 'utf8');
    assert.equal(replay(expected, false), expected, 'whole');
    assert.equal(replay(expected, true), expected, 'byte by byte');
  });
}
