'use strict';
// Options of the ABI. Plain objects serve everywhere: { maxTokens: 64 } sets max_tokens. An Options object is for those
// that are used many times.
const args = require('./arguments.js');
const { SkeinError, Status, invalidArgument } = require('./error.js');
const { Handle, declare } = require('./handle.js');
const native = require('./native.js');

const OPTION_KINDS = [
  undefined, 'runtime', 'model', 'convert', 'describe', 'tokenizer', 'stream', 'queue', 'request', 'chat', 'tenant',
];
const TYPES = [undefined, 'i64', 'f64', 'str'];

function kindNumber(kind) {
  return args.choice(kind, OPTION_KINDS, 'kind of options');
}

function toSnakeCase(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

class Options extends Handle {
  #kind;
  #values = new Map();

  constructor(kind, values = {}) {
    super(native.optionsCreate(kindNumber(kind)));
    this.#kind = kind;
    try {
      this.set(values);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get kind() {
    return this.#kind;
  }

  // Sets what is not undefined. Integers, BigInts and booleans are integers of the ABI, which takes them for real
  // numbers too.
  set(values) {
    for (const [name, value] of Object.entries(values)) {
      const key = args.text(toSnakeCase(name), 'option');
      if (value === undefined) continue;
      if (typeof value === 'string') this.setStr(key, value);
      else if (typeof value === 'boolean') this.setI64(key, Number(value));
      else if (typeof value === 'bigint' || Number.isSafeInteger(value)) this.setI64(key, value);
      else if (typeof value === 'number') this.setF64(key, value);
      else throw invalidArgument(`option ${key}: expected a number, a boolean or a string`);
    }
    return this;
  }

  // The value of a key, by its name in the ABI; undefined: it was not set.
  get(key) {
    return this.#values.get(key);
  }

  setI64(key, value) {
    const large = typeof value === 'bigint' ? value : BigInt(args.number(value, key));
    if (BigInt.asIntN(64, large) !== large) throw invalidArgument(`option ${key}: ${large}; expected 64 bits`);
    native.optionsSetI64(this.handle, key, large);
    this.#values.set(key, value);
  }

  setF64(key, value) {
    native.optionsSetF64(this.handle, key, args.number(value, key));
    this.#values.set(key, value);
  }

  setStr(key, value) {
    native.optionsSetStr(this.handle, key, args.text(value, key));
    this.#values.set(key, value);
  }
}
declare(Options, 'optionsRelease');

// Calls `use` with the handle of options, which may be undefined, a plain object or Options. What is made for a plain
// object is released when the call has ended.
function withOptions(kind, options, use) {
  if (options === undefined || options === null) return use(0);
  if (options instanceof Options) {
    if (options.closed) throw new SkeinError(Status.INVALID_HANDLE, 'options: closed');
    return use(options.handle);
  }
  if (typeof options !== 'object') throw invalidArgument('options: expected an object');
  const made = new Options(kind, options);
  let result;
  try {
    result = use(made.handle);
  } catch (error) {
    made.close();
    throw error;
  }
  if (typeof result?.finally === 'function') return result.finally(() => made.close());
  made.close();
  return result;
}

// The keys of a kind, with types, defaults and ranges.
function optionKeys(kind) {
  const number = kindNumber(kind);
  const keys = [];
  for (let i = 0; i < native.optionsKeyCount(number); ++i) {
    const key = native.optionsKeyInfo(number, i);
    keys.push({ ...key, type: TYPES[key.type] });
  }
  return keys;
}

module.exports = { Options, optionKeys, withOptions };
