'use strict';
// The package alone: it has in it whatever a system with Node.js may lack.
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { temporaryFolder } = require('./support.js');

const package_ = path.dirname(require.resolve('skein/package.json'));
const native = path.join(package_, 'native');

// glibc and the runtime of the compiler, which Node.js itself is linked with.
const OF_THE_SYSTEM = /^(ld-linux.*|libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s)\.so(\..*)?$/;

// The libraries that a file loads: [name, path] of each; the path is "not" for one that is not found.
function librariesOf(file) {
  const { stdout } = spawnSync('ldd', [file], { encoding: 'utf8', env: { PATH: process.env.PATH } });
  const loader = [...stdout.matchAll(/^\s*(\/\S+)/gm)].map(([, where]) => [path.basename(where), where]);
  return [...stdout.matchAll(/(\S+) => (\S+)/g)].map(([, name, where]) => [name, where]).concat(loader);
}

const binaries = fs
  .readdirSync(native, { recursive: true })
  .map((name) => path.join(native, name))
  .filter((file) => /\.so(\.\d+)*$|\.node$/.test(file));

test('all libraries but those of the system come from the package', () => {
  assert.ok(binaries.length > 10, binaries.join(' '));
  for (const file of binaries) {
    for (const [name, where] of librariesOf(file)) {
      if (!OF_THE_SYSTEM.test(name)) assert.equal(path.dirname(path.resolve(where)), native, `${file}: ${name}`);
    }
  }
});

test('what is linked in by others has its licence there', () => {
  const licences = fs.readdirSync(path.join(native, 'licences'));
  for (const name of ['libtbb', 'libabsl', 'zlib']) assert.ok(licences.some((file) => file.startsWith(name)), name);
});

// Copies a file to the same place under a root.
function put(root, file) {
  const copy = path.join(root, file);
  fs.mkdirSync(path.dirname(copy), { recursive: true });
  if (!fs.existsSync(copy)) fs.copyFileSync(fs.realpathSync(file), copy);
}

test('a system with glibc, Node.js and nothing else runs it', (t) => {
  const inRoot = ['--user', '--map-root-user'];
  const allowed = spawnSync('unshare', [...inRoot, 'true']);
  if (allowed.status !== 0) return t.skip('unshare: no root of its own for a test on this machine');
  const root = temporaryFolder();
  t.after(() => fs.rmSync(root, { recursive: true }));
  for (const file of [process.execPath, ...binaries]) {
    for (const [name, where] of librariesOf(file)) if (OF_THE_SYSTEM.test(name)) put(root, where);
  }
  put(root, process.execPath);
  fs.cpSync(package_, path.join(root, 'app/node_modules/skein'), { recursive: true });
  fs.copyFileSync(process.env.SKEIN_MODEL, path.join(root, 'app/model.skein'));
  const readme = fs.readFileSync(path.join(package_, 'README.md'), 'utf8');
  fs.writeFileSync(path.join(root, 'app/example.mjs'), /```js\n(.*?)```/s.exec(readme)[1]);
  const ended = spawnSync('unshare', [...inRoot, `--root=${root}`, '--wd=/app', process.execPath, 'example.mjs'], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  assert.equal(ended.status, 0, ended.stderr);
  assert.notEqual(ended.stdout, '');
});
