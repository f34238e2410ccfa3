'use strict';
// The sample live-typing, with keys from a script.
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { load, model } = require('./support.js');

// Beside the folder of this test, so that it finds the package.
const program = path.join(__dirname, 'live-typing.mjs');
fs.copyFileSync(path.join(process.env.SKEIN_SOURCE, 'samples/live-typing/live-typing.mjs'), program);

function type(keys) {
  const ended = spawnSync(process.execPath, [program, model], { input: keys, encoding: 'utf8', timeout: 60000 });
  assert.equal(ended.status, 0, ended.stderr);
  const [, text, cut] = /^(.*)\n(\d+) suggestions were cut short\n$/s.exec(ended.stdout);
  return { text, numCut: Number(cut) };
}

test('Tab takes what the model suggests, and each key cancels the suggestion before it', async (t) => {
  const { text, numCut } = type('And it came to pa\t');
  const { model: loaded } = await load(t);
  const expected = await loaded.createStream().complete('And it came to pa', { maxTokens: 24, temperature: 0, stop: '\n' });
  assert.equal(text, `And it came to pa${expected.text}`);
  assert.ok(numCut >= 16, `${numCut}`);
});

test('deleted words leave nothing behind', () => {
  const typed = type('In the beginning was\t');
  const back = type('In the beginning God made\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7fwas\t');
  assert.equal(back.text, typed.text);
});

test('a model that is missing is said so', () => {
  const ended = spawnSync(process.execPath, [program, 'none.skein'], { input: '', encoding: 'utf8' });
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /none\.skein/);
});
