'use strict';
// Checks what JavaScript gives where the ABI has a narrower type, so that nothing is rounded, wrapped or cut in silence.
const { invalidArgument } = require('./error.js');

function shown(value) {
  try {
    return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value).slice(0, 40);
  } catch {
    return typeof value;
  }
}

// A NUL-terminated text of the ABI: a path, a name, a key.
function text(value, what) {
  if (typeof value !== 'string') throw invalidArgument(`${what}: ${shown(value)}; expected a string`);
  if (value.includes('\0')) throw invalidArgument(`${what}: expected a string without NUL`);
  return value;
}

// A text with a size: a string, or bytes as they are.
function bytes(value, what) {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  throw invalidArgument(`${what}: ${shown(value)}; expected a string or a Uint8Array`);
}

// An integer of 0 to `limit`, or a BigInt of 64 bits where the limit is not given.
function count(value, what, limit = Number.MAX_SAFE_INTEGER) {
  const isCount = Number.isSafeInteger(value) && value >= 0 && value <= limit;
  const isLarge = typeof value === 'bigint' && value >= 0n && value < 1n << 64n;
  if (isCount || (isLarge && limit === Number.MAX_SAFE_INTEGER)) return value;
  throw invalidArgument(`${what}: ${shown(value)}; expected an integer of 0 to ${limit}`);
}

function number(value, what) {
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  throw invalidArgument(`${what}: ${shown(value)}; expected a number`);
}

const MAX_TOKEN = 0xffffffff;

function token(value, what = 'token') {
  return count(value, what, MAX_TOKEN);
}

// Token ids as an Uint32Array.
function tokens(value, what = 'tokens') {
  if (value instanceof Uint32Array) return value;
  if (value === null || typeof value !== 'object' || typeof value[Symbol.iterator] !== 'function') {
    throw invalidArgument(`${what}: ${shown(value)}; expected an array of token ids`);
  }
  return Uint32Array.from(value, (id) => token(id, what));
}

// One of the names of a list, as its index.
function choice(value, names, what) {
  const index = names.indexOf(value);
  if (index >= 0) return index;
  throw invalidArgument(`${what}: ${shown(value)}; expected one of ${names.join(', ')}`);
}

// Several arrays of token ids as one.
function joined(parts) {
  const all = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

module.exports = { bytes, choice, count, joined, number, text, token, tokens };
