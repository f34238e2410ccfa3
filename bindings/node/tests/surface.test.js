'use strict';
// The package against the ABI as data: each function is bound and used, each member of a struct comes through, each
// constant and option has its place.
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const skein = require('skein');

const source = process.env.SKEIN_SOURCE;
if (source === undefined) throw new Error('SKEIN_SOURCE: not set; expected the folder of the checkout');
const api = JSON.parse(fs.readFileSync(path.join(source, 'bindings/api/api.json'), 'utf8'));
const lib = path.dirname(require.resolve('skein'));
const native = require(path.join(lib, 'native.js'));
const addon = path.join(source, 'bindings/node/src');
const read = (folder) =>
  fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name), 'utf8')).join('\n');

const camelCase = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const names = (list) => list.map((one) => one.name);

// The functions of the addon that are not in the ABI.
const OWN = ['setup', 'hold', 'numOwned', 'eventOffsets', 'wakeups'];

test('the addon has each function of the ABI, and the package uses it', () => {
  const expected = names(api.functions).map((name) => camelCase(name.replace('skein_', '')));
  assert.deepEqual(Object.keys(native).filter((name) => !OWN.includes(name)).sort(), expected.sort());
  const text = read(lib);
  const isUsed = (name) => text.includes(`native.${name}(`) || text.includes(`'${name}'`);
  assert.deepEqual(expected.filter((name) => !isUsed(name)), []);
});

test('the addon reads or writes each member of each struct', () => {
  const text = read(addon);
  const missing = [];
  for (const struct of api.structs) {
    for (const { name } of struct.fields) {
      if (name === 'struct_size' || name === 'reserved') continue;
      const places = [`${struct.name}, ${name})`, `.${name} =`, `.${name},`, `].${name}`, `->${name}`];
      if (!places.some((place) => text.includes(place))) missing.push(`${struct.name}.${name}`);
    }
  }
  // A message is given as one initialiser, and log-probabilities are split in JavaScript.
  const inOrder = /^skein_(chat_message|logprob)\./;
  assert.deepEqual(missing.filter((name) => !inOrder.test(name)), []);
});

test('each status has its number', () => {
  for (const [name, code] of Object.entries(skein.Status)) assert.equal(skein.statusName(code), name);
  const constants = new Map(api.constants.map(({ name, value }) => [name, value]));
  for (const [name, code] of Object.entries(skein.Status)) assert.equal(constants.get(`SKEIN_${name}`), code);
});

// The names of the package stand at the places of the constants' values.
test('each constant has its name', () => {
  const text = read(lib);
  const lists = {
    KINDS: 'SKEIN_EVENT_', REASONS: 'SKEIN_REASON_', CACHES: 'SKEIN_CACHE_', OUTPUTS: 'SKEIN_OUTPUT_',
    POOLINGS: 'SKEIN_POOLING_', SEVERITIES: 'SKEIN_LOG_', PLUGIN_KINDS: 'SKEIN_PLUGIN_KIND_', TYPES: 'SKEIN_OPTION_',
    OPTION_KINDS: 'SKEIN_OPTIONS_',
  };
  for (const [list, group] of Object.entries(lists)) {
    const body = new RegExp(`const ${list} = \\[([^\\]]*)\\]`).exec(text)[1];
    const found = [...body.matchAll(/undefined|'(\w*)'/g)].map(([, name]) => name || undefined);
    const expected = [];
    for (const constant of api.constants.filter((one) => one.group === group)) {
      expected[constant.value] = camelCase(constant.name.slice(group.length).toLowerCase());
    }
    assert.deepEqual(found, Array.from(expected), group);
  }
});

test('each option of the ABI is in the types', () => {
  const types = fs.readFileSync(path.join(lib, '..', 'index.d.ts'), 'utf8');
  for (const kind of ['runtime', 'model', 'convert', 'describe', 'tokenizer', 'stream', 'queue', 'request', 'chat', 'tenant']) {
    const name = `${kind[0].toUpperCase()}${kind.slice(1)}Options`;
    const body = new RegExp(`export interface ${name}[^{]*{([^}]*)}`).exec(types)?.[1];
    assert.ok(body !== undefined, name);
    const keys = [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, key]) => key);
    assert.deepEqual(keys.sort(), skein.optionKeys(kind).map(({ key }) => camelCase(key)).sort(), name);
  }
});
