// Builds the addon and puts it where the package looks for it. `--release` for a package, else as tests want it.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const top = join(here, '..', '..');
const release = process.argv.includes('--release');
const flags = release ? ['--release'] : [];
const packages = ['-p', 'sch-node'];
execFileSync('cargo', ['build', '--locked', '-q', ...packages, ...flags], { cwd: top, stdio: 'inherit' });

const target = process.env.CARGO_TARGET_DIR ?? join(top, 'target');
const name = process.platform === 'darwin' ? 'libsch_node.dylib' : 'libsch_node.so';
const folder = join(here, 'prebuilds', `${process.platform}-${process.arch}`);
mkdirSync(folder, { recursive: true });
// A new file, not the old one overwritten: a process may have that one mapped.
const fresh = join(folder, `sch.node.${process.pid}`);
copyFileSync(join(target, release ? 'release' : 'debug', name), fresh);
if (release) {
  // A package needs no line numbers of Rust; without `strip` it is only larger.
  spawnSync('strip', ['--strip-debug', fresh], { stdio: 'ignore' });
}
renameSync(fresh, join(folder, 'sch.node'));
