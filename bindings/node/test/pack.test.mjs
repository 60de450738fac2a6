// What `npm pack` makes is installed elsewhere, where no compiler is, and runs there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));

test('the package installs and runs without a compiler', { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sch-pack-'));
  try {
    // Built by who runs the tests: packing again would need the compiler.
    const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: here, stdio: ['ignore', 'pipe', 'ignore'] }));
    const files = packed.files.map(({ path }) => path);
    const binary = `prebuilds/${process.platform}-${process.arch}/sch.node`;
    for (const path of ['package.json', 'README.md', 'dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts', binary]) {
      assert.ok(files.includes(path), `${path} is missing`);
    }
    assert.deepEqual(files.filter((path) => !/^(dist|prebuilds)\/|^package\.json$|^README\.md$/.test(path)), []);

    // Node, npm and a shell are all there is.
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    symlinkSync('/bin/sh', join(bin, 'sh'));
    const npm = join(dirname(process.execPath), 'npm');
    const app = join(folder, 'app');
    mkdirSync(app);
    writeFileSync(join(app, 'package.json'), '{"name":"app","private":true}');
    const env = { PATH: bin, HOME: folder };
    const inside = { cwd: app, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
    assert.throws(() => execFileSync('cc', ['--version'], inside), { code: 'ENOENT' });
    execFileSync(process.execPath, [npm, 'install', '--offline', '--no-audit', '--no-fund', join(folder, packed.filename)], inside);

    const use = `const c = new Connection({ host: 'a' }); c.join(new Pool({ host: 'a' }));
      console.log(version, c.dial().host, typeof connect, new Cluster().counters.loads, keySlot('foo')); c.release();`;
    const names = 'Cluster, Connection, Pool, connect, keySlot, version';
    writeFileSync(join(app, 'one.cjs'), `const { ${names} } = require('sch'); ${use}`);
    writeFileSync(join(app, 'two.mjs'), `import { ${names} } from 'sch'; ${use}`);
    for (const file of ['one.cjs', 'two.mjs']) {
      assert.equal(execFileSync(process.execPath, [file], inside), `${packed.version} a function 0 12182\n`);
    }
    // Its insides are not for use.
    assert.throws(() => execFileSync(process.execPath, ['-e', "require('sch/dist/native.js')"], inside), /ERR_PACKAGE_PATH_NOT_EXPORTED/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
