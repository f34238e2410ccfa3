'use strict';
// The runner of tests/bindings/scenario for Node.js: scenario.js MODEL SCENARIO_FILE TEMP_DIR.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const skein = require('skein');

const [model, file, temp] = process.argv.slice(2);
const objects = new Map();

// --- words ---

const SPACES = / +/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const BARE = /[^ "]+/y;
const OPTION = /([a-z0-9_]+)=/y;

// The bytes of a text in quotes, as a string of one character a byte.
function unescape(text) {
  return text.replace(/\\(x[0-9a-fA-F]{2}|.)/g, (_, escaped) => {
    if (escaped === 'n') return '\n';
    return escaped.length === 3 ? String.fromCharCode(parseInt(escaped.slice(1), 16)) : escaped;
  });
}

function expand(word) {
  if (word.startsWith('$MODEL')) return model + word.slice(6);
  return word.startsWith('$TEMP') ? temp + word.slice(5) : word;
}

const utf8 = (latin1) => Buffer.from(latin1, 'latin1').toString('utf8');

// A step as { verb, words, options }. A word is { bare } or { text }, the latter with one character a byte.
function parse(line) {
  let at = 0;
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(line);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  const words = [];
  const options = [];
  while (at < line.length) {
    if (take(SPACES) !== null) continue;
    const option = take(OPTION);
    const quoted = take(QUOTED);
    const word = quoted !== null ? { text: expand(unescape(quoted[1])) } : { bare: expand(take(BARE)[0]) };
    if (option !== null) options.push([option[1], word]);
    else words.push(word);
  }
  return { verb: words[0].bare, words: words.slice(1), options };
}

// Options of the kind, or undefined where a step has none.
function optionsOf(kind, options) {
  if (options.length === 0) return undefined;
  const made = new skein.Options(kind);
  for (const [key, { bare, text }] of options) {
    if (text !== undefined) made.setStr(key, utf8(text));
    else if (/^-?[0-9]+$/.test(bare)) made.setI64(key, BigInt(bare));
    else if (/^-?[0-9]*\.[0-9]*$/.test(bare)) made.setF64(key, Number(bare));
    else made.setStr(key, bare);
  }
  return made;
}

// --- the transcript ---

const quote = (buffer) => {
  const shown = (byte) => {
    const letter = String.fromCharCode(byte);
    if (letter === '"' || letter === '\\') return `\\${letter}`;
    return byte >= 0x20 && byte <= 0x7e ? letter : `\\x${byte.toString(16).padStart(2, '0')}`;
  };
  return `"${Array.from(buffer, shown).join('')}"`;
};
const quoteText = (text) => quote(Buffer.from(text, 'utf8'));

function float(number) {
  if (Number.isNaN(number)) return 'nan';
  return new Uint32Array(Float32Array.of(number).buffer)[0].toString(16).padStart(8, '0');
}

function double(number) {
  if (Number.isNaN(number)) return 'nan';
  return new BigUint64Array(Float64Array.of(number).buffer)[0].toString(16).padStart(16, '0');
}

function fnv(bytes) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, '0');
}

// An array of tokens or floats. NaN is hashed in one form.
function array(values) {
  const isFloat = values instanceof Float32Array;
  const words = new Uint32Array(isFloat ? Float32Array.from(values).buffer : values.buffer.slice(
    values.byteOffset, values.byteOffset + values.byteLength));
  if (isFloat) values.forEach((value, i) => Number.isNaN(value) && (words[i] = 0x7fc00000));
  const first = Array.from(values.slice(0, 4), (value) => (isFloat ? float(value) : String(value)));
  return [values.length, ...first, fnv(new Uint8Array(words.buffer))].join(' ');
}

// --- events ---

const CODES = { stopToken: 'stop_token', stopText: 'stop_text' };
const submitted = new Map(); // by queue: what came of each request, by handle

function note(queue, requests) {
  const list = submitted.get(queue) ?? new Map();
  submitted.set(queue, list);
  for (const [name, request] of requests) list.set(request.handle, { name, samples: new Map(), end: undefined });
}

function keep(list, event) {
  const noted = list.get(event.request);
  if (event.isTerminal) noted.end = event;
  if (event.isTerminal && event.bytes.length === 0) return;
  if (event.kind === 'error') return;
  const sample = noted.samples.get(event.sample) ?? { tokens: [], logprobs: [], text: [], sum: NaN };
  noted.samples.set(event.sample, sample);
  if (event.status === 0) sample.text.push(event.bytes);
  if (event.kind !== 'token') return;
  sample.tokens.push(event.token);
  sample.logprobs.push(event.logprob);
  sample.sum = event.logprobSum;
}

async function read(queue, isDone) {
  const list = submitted.get(queue) ?? new Map();
  while (!isDone(list)) {
    await queue.wait();
    for (const event of queue.poll()) keep(list, event);
  }
  return list;
}

function* shown({ name, samples, end }) {
  const reason = end.kind === 'error' ? skein.statusName(end.status) : CODES[end.reason] ?? end.reason;
  yield `${name} ${end.kind} ${reason} prompt ${end.numPromptTokens} cached ${end.numCachedTokens} tokens ` +
    `${end.numTokens} position ${end.position} user ${end.userData}`;
  if (end.kind === 'error') yield `  message ${quote(end.bytes)}`;
  for (const [index, sample] of [...samples].sort(([a], [b]) => a - b)) {
    yield `  sample ${index} tokens ${array(Uint32Array.from(sample.tokens))}`;
    yield `  text ${quote(Buffer.concat(sample.text))}`;
    yield `  logprobs ${array(Float32Array.from(sample.logprobs))}`;
    yield `  sum ${double(sample.sum)}`;
  }
}

async function drain(queue) {
  const list = await read(queue, (all) => [...all.values()].every(({ end }) => end !== undefined));
  submitted.delete(queue);
  return [...list.values()].flatMap((noted) => [...shown(noted)]);
}

// --- verbs ---

const named = (name) => objects.get(name);
const presence = (text, part) => [text.includes(utf8(part.text)) ? 'present' : 'absent'];

function tokensOf({ bare }) {
  return /^[0-9,]+$/.test(bare) ? Uint32Array.from(bare.split(','), Number) : named(bare);
}

// Pairs of words: STREAM TOKENS...
function pairs(words) {
  return Array.from({ length: words.length / 2 }, (_, i) => [words[2 * i], words[2 * i + 1]]);
}

const outputOf = (kind) => kind.replace(/_(.)/, (_, letter) => letter.toUpperCase());
const messagesOf = (words) =>
  pairs(words).map(([role, { text }]) => ({ role: role.bare, text: Buffer.from(text, 'latin1') }));
const flagsOf = (words) => Object.fromEntries(words.map(({ bare }) => [bare, true]));
const plainWord = (word) => word.bare ?? utf8(word.text);
const loadLine = (load) =>
  [`${load.numStreams} ${load.maxStreams} ${load.numWaiting} ${load.numRunning} ${load.queuedTokens} ` +
    double(load.weight)];

const KIND_NAMES = [
  '', 'runtime', 'model', 'convert', 'describe', 'tokenizer', 'stream', 'queue', 'request', 'chat', 'tenant'];
const PLUGIN_KINDS = [undefined, 'backend', 'format', 'tokenizer'];

// Each verb takes the words and the options of its step, and gives lines, or nothing.
const verbs = {
  version: () => [quoteText(skein.version)],
  status_name: ([code]) => [quoteText(skein.statusName(Number(code.bare)))],
  options_keys: ([kind]) =>
    skein.optionKeys(KIND_NAMES[Number(kind.bare)]).map((key) =>
      `${key.key} ${['', 'i64', 'f64', 'str'].indexOf(key.type)} ${quoteText(key.defaultValue)} ` +
      `${double(key.minValue)} ${double(key.maxValue)}`),
  runtime_create: async ([name], options) => {
    objects.set(name.bare, await skein.Runtime.create(optionsOf('runtime', options)));
  },
  runtime_load_plugin: ([r, file]) => named(r.bare).loadPlugin(plainWord(file)),
  runtime_plugin: ([r, id]) => {
    const plugin = named(r.bare).plugins().find((one) => one.id === id.bare);
    return [`${PLUGIN_KINDS.indexOf(plugin.kind)} ${Number(plugin.loaded)} ${plugin.abi}`];
  },
  runtime_device: ([r, name]) => {
    const device = named(r.bare).devices().find((one) => one.name === name.bare);
    return [`${quoteText(device.pluginId)} ${device.generations} ${device.weightTypes}`];
  },
  runtime_poll_log: ([r]) => {
    let count = 0;
    while (named(r.bare).pollLog() !== undefined) ++count;
    return [count > 0 ? 'lines' : 'none'];
  },
  runtime_metrics: ([r, part]) => presence(named(r.bare).metrics(), part),
  runtime_progress: ([r]) => {
    const progress = named(r.bare).progress();
    return [`${Number(progress.active)} ${quoteText(progress.what)}`];
  },
  model_load: async ([m, r, file], options) => {
    objects.set(m.bare, await named(r.bare).loadModel(plainWord(file), optionsOf('model', options)));
  },
  model_get_info: ([m]) => {
    const info = named(m.bare).info;
    const numbers = [
      info.generation, info.numLayers, info.dModel, info.dFfn, info.vocabSize, info.numHeads, info.headSize,
      info.numParameters, info.numStateFloats, info.hasTokenizer, info.endToken];
    return [numbers.join(' '), [info.device, info.type, info.name, info.chatTemplate].map(quoteText).join(' ')];
  },
  model_describe: async ([r, file, part], options) =>
    presence(await named(r.bare).describeModel(plainWord(file), optionsOf('describe', options)), part),
  model_convert: ([r, from, to], options) =>
    named(r.bare).convertModel(plainWord(from), plainWord(to), optionsOf('convert', options)),
  model_tokenizer: ([t, m]) => void objects.set(t.bare, named(m.bare).tokenizer()),
  model_chat_prompt: ([m, ...words], options) =>
    [quoteText(named(m.bare).chatPrompt(messagesOf(words), optionsOf('chat', options)))],
  model_set_tenant: ([m, name], options) => named(m.bare).setTenant(plainWord(name), optionsOf('tenant', options)),
  model_get_load: ([m, name]) => loadLine(named(m.bare).load(name && plainWord(name))),
  tokenizer_load: async ([t, r, file], options) => {
    objects.set(t.bare, await named(r.bare).loadTokenizer(plainWord(file), optionsOf('tokenizer', options)));
  },
  tokenizer_get_info: ([t]) => {
    const { vocabSize, kind, origin } = named(t.bare).info;
    return [`${vocabSize} ${quoteText(kind)} ${quoteText(origin)}`];
  },
  tokenizer_encode: ([name, t, { text }]) => {
    const tokens = named(t.bare).encode(Buffer.from(text, 'latin1'));
    objects.set(name.bare, tokens);
    return [array(tokens)];
  },
  tokenizer_decode: ([t, tokens]) => [quote(named(t.bare).decodeBytes(tokensOf(tokens)))],
  stream_create: ([s, m], options) =>
    void objects.set(s.bare, named(m.bare).createStream(optionsOf('stream', options))),
  stream_reset: ([s]) => named(s.bare).reset(),
  stream_fork: ([copy, s]) => void objects.set(copy.bare, named(s.bare).fork()),
  stream_fork_at: async ([copy, s, position]) => {
    const { stream, replayed } = await named(s.bare).forkAt(Number(position.bare));
    objects.set(copy.bare, stream);
    return [replayed];
  },
  stream_position: ([s]) => [named(s.bare).position],
  stream_tokens: ([s, begin]) => [array(named(s.bare).tokens(Number(begin.bare)))],
  stream_truncate: async ([s, position]) => [await named(s.bare).truncate(Number(position.bare))],
  stream_set_checkpoint: ([s, name]) => named(s.bare).setCheckpoint(plainWord(name)),
  stream_find_checkpoint: ([s, name]) => [named(s.bare).findCheckpoint(plainWord(name))],
  stream_checkpoints: ([s]) =>
    named(s.bare).checkpoints().map((place) => `${place.position} ${place.stateBytes} ${quoteText(place.name)}`),
  stream_snapshot: async ([name, s]) => void objects.set(name.bare, await named(s.bare).snapshot()),
  stream_snapshot_with: async ([name, s, ...flags]) =>
    void objects.set(name.bare, await named(s.bare).snapshot(flagsOf(flags))),
  stream_restore: ([s, name]) => named(s.bare).restore(named(name.bare)),
  stream_save: ([s, to, ...flags]) => named(s.bare).save(plainWord(to), flagsOf(flags)),
  stream_load: ([s, from]) => named(s.bare).load(plainWord(from)),
  stream_state: async ([s]) => [array(await named(s.bare).state())],
  eval: async ([m, kind, ...words]) => {
    const items = pairs(words).map(([s, tokens]) => ({
      stream: named(s.bare), tokens: tokensOf(tokens), output: outputOf(kind.bare) }));
    const results = await named(m.bare).eval(items);
    return results.map(({ output }) => array(output ?? new Float32Array(0)));
  },
  score: async ([m, numTop, ...words]) => {
    const items = pairs(words).map(([s, tokens]) => ({
      stream: named(s.bare), tokens: tokensOf(tokens), numTop: Number(numTop.bare) }));
    const results = await named(m.bare).score(items);
    return results.map((item) =>
      `${item.numScored} ${double(item.logprob)} ${array(item.logprobs)} ${array(item.topTokens)} ` +
      array(item.topLogprobs));
  },
  embed: async ([m, pooling, normalise, ...words]) => {
    const items = pairs(words).map(([s, input]) => ({
      stream: s.bare === '-' ? undefined : named(s.bare),
      ...(input.text === undefined ? { tokens: tokensOf(input) } : { text: Buffer.from(input.text, 'latin1') }),
      pooling: pooling.bare,
      normalise: normalise.bare === '1',
    }));
    const results = await named(m.bare).embed(items);
    return results.map(({ numRead, embedding }) => `${numRead} ${array(embedding)}`);
  },
  prefix_create: ([p, s, name, provenance]) =>
    void objects.set(p.bare, skein.Prefix.create(named(s.bare), plainWord(name), plainWord(provenance))),
  prefix_start: ([s, p], options) => void objects.set(s.bare, named(p.bare).start(optionsOf('stream', options))),
  prefix_get_info: async ([p]) => {
    const info = await named(p.bare).info();
    return [`${info.position} ${info.stateBytes} ${quoteText(info.fingerprint)} ${quoteText(info.name)}`];
  },
  prefix_provenance: ([p]) => [quoteText(named(p.bare).provenance)],
  prefix_save: ([p, to, ...flags]) => named(p.bare).save(plainWord(to), flagsOf(flags)),
  prefix_load: async ([p, m, from]) => void objects.set(p.bare, await named(m.bare).loadPrefix(plainWord(from))),
  snapshot_describe: async ([file, part], options) =>
    presence(await skein.describeSnapshot(plainWord(file), optionsOf('describe', options)), part),
  queue_create: ([q, r]) => void objects.set(q.bare, named(r.bare).createQueue()),
  queue_fd: ([q]) => (named(q.bare).fd >= 0 ? ['open'] : []),
  queue_wait: async ([q, ms]) => [Number(await named(q.bare).wait(Number(ms.bare)))],
  queue_set_wakeup: async ([q, state]) => {
    const queue = named(q.bare);
    if (state.bare === 'on') {
      queue.woken = false;
      queue.setWakeup(() => (queue.woken = true));
      return [];
    }
    // A wake-up comes through the event loop, and may be behind the events that it tells of: they may have been taken
    // in the very turn in which it was sent.
    for (let i = 0; i < 2; ++i) await new Promise(setImmediate);
    queue.setWakeup(null);
    return [queue.woken ? 'woken' : 'silent'];
  },
  queue_submit: ([q, ...words]) => {
    const requests = words.map(({ bare }) => [bare, named(bare)]);
    named(q.bare).submit(requests.map(([, request]) => request));
    note(named(q.bare), requests);
  },
  queue_read: async ([q, x, num]) => {
    const { handle } = named(x.bare);
    const isDone = (list) => {
      const noted = list.get(handle);
      const count = [...noted.samples.values()].reduce((sum, sample) => sum + sample.tokens.length, 0);
      return noted.end !== undefined || count >= Number(num.bare);
    };
    await read(named(q.bare), isDone);
  },
  queue_drain: ([q]) => drain(named(q.bare)),
  request_create: ([x, s], options) =>
    void objects.set(x.bare, named(s.bare).createRequest(optionsOf('request', options))),
  request_set_prompt: ([x, { text }]) => void named(x.bare).setPrompt(Buffer.from(text, 'latin1')),
  request_set_prompt_tokens: ([x, tokens]) => void named(x.bare).setPrompt(tokensOf(tokens)),
  request_set_chat: ([x, ...words], options) =>
    void named(x.bare).setChat(messagesOf(words), optionsOf('chat', options)),
  request_add_stop: ([x, { text }]) => named(x.bare).addStop(Buffer.from(text, 'latin1')),
  request_add_stop_token: ([x, token]) => named(x.bare).addStopToken(Number(token.bare)),
  request_set_logit_bias: ([x, token, bias]) => named(x.bare).setLogitBias(Number(token.bare), Number(bias.bare)),
  request_set_user_data: ([x, number]) => named(x.bare).setUserData(BigInt(number.bare)),
  request_cancel: ([x]) => named(x.bare).cancel(),
  request_acknowledge: ([x, num]) => named(x.bare).acknowledge(Number(num.bare)),
  request_logprobs: ([x, sample, first, num]) => {
    const index = sample.bare === 'prompt' ? 'prompt' : Number(sample.bare);
    const { tokens, logprobs } = named(x.bare).logprobs(index, Number(first.bare), Number(num.bare));
    return [array(tokens), array(logprobs)];
  },
  request_take_sample: ([s, x, sample]) =>
    void objects.set(s.bare, named(x.bare).takeSample(Number(sample.bare))),
  complete: async ([q, s, { text }], options) => {
    const queue = named(q.bare);
    const request = named(s.bare).createRequest(optionsOf('request', options));
    request.setPrompt(Buffer.from(text, 'latin1'));
    queue.submit(request);
    note(queue, [['complete', request]]);
    const lines = await drain(queue);
    request.close();
    return lines;
  },
  bytes: ([name, { text }]) => void objects.set(name.bare, Buffer.from(text, 'latin1')),
  release: (words) => words.forEach(({ bare }) => named(bare).close()),
  child: ([name]) => {
    const scenario = path.join(path.dirname(file), name.bare);
    const child = spawnSync(process.execPath, [__filename, model, scenario, temp], { encoding: 'latin1' });
    if (child.status !== 0) throw new Error(`${name.bare} ended with ${child.status}\n${child.stdout}${child.stderr}`);
    return child.stdout.split('\n').slice(0, -1);
  },
};

// --- steps ---

const shownError = (error) =>
  quoteText(error.message.replaceAll(temp, '$TEMP').replaceAll(model, '$MODEL'));

async function play({ verb, words, options }) {
  if (verb !== 'error') return (await verbs[verb](words, options)) ?? [];
  const [status, inner, ...rest] = words;
  try {
    await verbs[inner.bare](rest, options);
  } catch (error) {
    if (error.status !== status.bare) throw error;
    return [status.bare === 'INVALID_HANDLE' ? status.bare : `${status.bare} ${shownError(error)}`];
  }
  throw new Error(`${inner.bare} did not fail with ${status.bare}`);
}

async function main() {
  for (const line of fs.readFileSync(file, 'latin1').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    process.stdout.write(`> ${line}\n`);
    try {
      for (const result of await play(parse(line))) process.stdout.write(`  ${result}\n`);
    } catch (error) {
      process.stdout.write(`  ! ${error.status ?? 'UNKNOWN'} ${shownError(error)}\n`);
      process.exitCode = 1;
      return;
    }
  }
}

main();
