'use strict';
// The examples of README.md, as they stand there, in a process that finds no compiler and no other libskein.
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { temporaryFolder } = require('./support.js');

const package_ = path.dirname(require.resolve('skein/package.json'));
const readme = fs.readFileSync(path.join(package_, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, program]) => program);

test('the README has an example of at most ten lines', () => {
  assert.ok(examples.length > 0);
  assert.ok(examples[0].split('\n').length - 1 <= 10);
});

for (const [i, example] of examples.entries()) {
  test(`example ${i + 1} runs`, (t) => {
    const folder = temporaryFolder();
    t.after(() => fs.rmSync(folder, { recursive: true }));
    fs.mkdirSync(path.join(folder, 'node_modules'));
    fs.cpSync(package_, path.join(folder, 'node_modules', 'skein'), { recursive: true });
    fs.copyFileSync(process.env.SKEIN_MODEL, path.join(folder, 'model.skein'));
    const libraries =
      "import fs from 'node:fs';\n" +
      "process.on('exit', () => console.error(fs.readFileSync('/proc/self/maps', 'utf8').match(/\\S*libskein\\S*/)[0]));\n";
    fs.writeFileSync(path.join(folder, 'example.mjs'), libraries + example);
    const ended = spawnSync(process.execPath, ['example.mjs'], { cwd: folder, env: { PATH: '/nowhere' }, encoding: 'utf8' });
    assert.equal(ended.status, 0, ended.stderr);
    assert.notEqual(ended.stdout, '');
    assert.ok(ended.stderr.trim().startsWith(fs.realpathSync(folder)), ended.stderr);
  });
}

test('a package without its addon says where it looked, and why that failed', (t) => {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.cpSync(path.join(package_, 'lib'), path.join(folder, 'lib'), { recursive: true });
  const ended = spawnSync(process.execPath, ['lib/index.js'], { cwd: folder, encoding: 'utf8' });
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /native\/skein\.node: Cannot find module/);
  assert.match(ended.stderr, /libskein\.so\.1 is looked for beside the addon/);
});
