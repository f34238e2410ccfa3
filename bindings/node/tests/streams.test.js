'use strict';
// Streams, requests and models, as a program uses them.
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const skein = require('skein');
const { load, model: modelFile, temporaryFolder, until } = require('./support.js');

const GREEDY = { temperature: 0, stopAtEnd: 0 };

async function textOf(generation) {
  let text = '';
  for await (const event of generation) text += event.text;
  return text;
}

test('a generation is a loop over events, the last of which is its end', async (t) => {
  const { model } = await load(t);
  const stream = model.createStream();
  const kinds = [];
  for await (const event of stream.generate('In the beginning', { ...GREEDY, maxTokens: 5 })) kinds.push(event.kind);
  assert.deepEqual(kinds, ['token', 'token', 'token', 'token', 'token', 'done']);
  assert.equal(stream.position, 16 + 4); // the last token is pending
});

test('a seed tells the text, and stop strings end it', async (t) => {
  const { model } = await load(t, { deterministic: true });
  const options = { seed: 7, temperature: 1.0, maxTokens: 40, topP: 0.9 };
  const first = await model.createStream().complete('And the ', options);
  const second = await model.createStream().complete('And the ', options);
  assert.equal(first.text, second.text);
  assert.equal(first.reason, 'length');
  const stop = first.text.slice(10, 13);
  const cut = await model.createStream().complete('And the ', { ...options, stop });
  assert.equal(cut.reason, 'stopText');
  assert.equal(cut.text, first.text.slice(0, first.text.indexOf(stop)));
});

test('tokens are a prompt too, and many streams run at a time', async (t) => {
  const { model } = await load(t, { deterministic: true });
  const prompts = ['In the beginning', 'And God said', 'The king', 'Blessed are', 'We hold', 'Go', 'Let', 'Now'];
  const tokenizer = model.tokenizer();
  const options = { ...GREEDY, maxTokens: 12 };
  const together = await Promise.all(prompts.map((prompt) => model.createStream().complete(prompt, options)));
  for (const [i, prompt] of prompts.entries()) {
    const alone = await model.createStream().complete(tokenizer.encode(prompt), options);
    assert.equal(together[i].text, alone.text);
  }
});

test('leaving a loop ends the request, and the stream is free at once', async (t) => {
  const { model } = await load(t);
  const stream = model.createStream();
  for await (const event of stream.generate('And', { ...GREEDY, maxTokens: 100000 })) {
    assert.equal(event.kind, 'token');
    break;
  }
  assert.equal((await stream.complete('', { ...GREEDY, maxTokens: 2 })).tokens.length, 2);
});

test('an exception in a loop ends the request', async (t) => {
  const { model } = await load(t);
  const stream = model.createStream();
  await assert.rejects(async () => {
    for await (const event of stream.generate('And', { ...GREEDY, maxTokens: 100000 })) throw new Error(event.kind);
  }, /token/);
  stream.reset();
});

test('an exception in a generator that hands events on ends the request', async (t) => {
  const { model } = await load(t);
  const stream = model.createStream();
  async function* handedOn() {
    yield* stream.generate('And', { ...GREEDY, maxTokens: 100000 });
  }
  const outer = handedOn();
  await outer.next();
  await assert.rejects(outer.throw(new Error('boom')), /boom/);
  stream.reset();
});

test('using and await using close', { skip: !Symbol.asyncDispose && 'this Node.js has no Symbol.asyncDispose' }, async (t) => {
  const { model } = await load(t);
  const stream = model.createStream();
  const generation = stream.generate('And', { ...GREEDY, maxTokens: 100000 });
  await generation.next();
  await generation[Symbol.asyncDispose]();
  stream.reset();
  stream[Symbol.dispose]();
  assert.ok(stream.closed);
});

test('a signal cancels, and its reason is what is thrown', async (t) => {
  const { model } = await load(t);
  const stream = model.createStream();
  const controller = new AbortController();
  await assert.rejects(async () => {
    for await (const event of stream.generate('And', { ...GREEDY, maxTokens: 100000, signal: controller.signal })) {
      assert.equal(event.kind, 'token');
      controller.abort();
    }
  }, { name: 'AbortError' });
  assert.throws(() => stream.generate('And', { signal: controller.signal }), { name: 'AbortError' });
  stream.reset();
  await assert.rejects(stream.complete('And', { ...GREEDY, maxTokens: 1000000, signal: AbortSignal.timeout(20) }), {
    name: 'TimeoutError',
  });
});

test('cancel ends a loop without an error', async (t) => {
  const { model } = await load(t);
  const generation = model.createStream().generate('And', { ...GREEDY, maxTokens: 100000 });
  let last;
  for await (const event of generation) {
    last = event;
    generation.cancel();
  }
  assert.equal(last.kind, 'cancelled');
  assert.equal(generation.last, last);
  assert.deepEqual(await generation.next(), { value: undefined, done: true });
});

test('a window keeps the model from running ahead of its reader', async (t) => {
  const { model } = await load(t);
  const stream = model.createStream();
  const generation = stream.generate('And', { ...GREEDY, maxTokens: 64, window: 4 });
  await generation.next();
  const position = () => stream.position;
  await until(() => model.load().numRunning === 1 && position() >= 3 + 4, 'the end of the window');
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(position() <= 3 + 6, `position ${position()}`);
  assert.equal((await textOf(generation)).length, 63);
});

test('a window in an Options object is acknowledged too', async (t) => {
  const { model } = await load(t);
  const options = new skein.Options('request', { ...GREEDY, maxTokens: 20, window: 3 });
  const request = model.createStream().createRequest(options).setPrompt('And');
  assert.equal((await textOf(request.run())).length, 20);
  assert.equal(options.get('window'), 3);
});

test('the event loop runs while a model is loaded and a text is written', async (t) => {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    ++turns;
    if (!isOver) setImmediate(turn);
  };
  t.after(() => (isOver = true));
  setImmediate(turn);
  const { model } = await load(t);
  assert.ok(turns > 0);
  // The window has each token wait for a turn, so that the text is not whole before.
  await model.createStream().complete('And', { ...GREEDY, maxTokens: 200, window: 1 });
  assert.ok(turns > 10, `${turns} turns`);
});

test('several samples of a prompt', async (t) => {
  const { model } = await load(t);
  const stream = model.createStream();
  const { samples, last, text } = await stream.complete('Let there be', { n: 3, maxTokens: 6, seed: 11, stopAtEnd: 0 });
  assert.deepEqual(samples.map((sample) => sample.tokens.length), [6, 6, 6]);
  assert.equal(text, samples[last.sample].text);
  const request = stream.createRequest({ n: 2, maxTokens: 4, seed: 11, stopAtEnd: 0, logprobs: 2 });
  request.setPrompt(' light');
  await textOf(request.run());
  const other = request.takeSample(1);
  assert.equal(other.position, stream.position);
  assert.equal(request.logprobs(0, 0, 4).tokens.length, 4 * 3);
  request.close();
});

test('eval, score and embed', async (t) => {
  const { model } = await load(t, { deterministic: true });
  const [a, b] = [model.createStream(), model.createStream()];
  const results = await model.eval([
    { stream: a, tokens: [65, 66] },
    { stream: b, tokens: [65], output: 'none' },
  ]);
  assert.equal(results[0].output.length, model.info.vocabSize);
  assert.equal(results[1].output, undefined);
  assert.deepEqual(await b.eval([66]), results[0].output);
  const [scored] = await model.score([{ stream: a, tokens: [67, 68], numTop: 2 }]);
  assert.equal(scored.numScored, 1);
  assert.equal(scored.topTokens.length, 4);
  assert.ok(scored.logprob < 0);
  const [embedded, same] = await model.embed([{ text: 'God', normalise: true }, { tokens: [71, 111, 100], normalise: true }]);
  assert.equal(embedded.embedding.length, model.info.dModel);
  assert.deepEqual(embedded.embedding, same.embedding);
});

test('an item that fails says so, and the others stand', async (t) => {
  const { model } = await load(t);
  const [a, b] = [model.createStream(), model.createStream()];
  const generation = b.generate('And', { ...GREEDY, maxTokens: 100000 });
  await generation.next();
  const failed = await model.eval([{ stream: a, tokens: [65] }, { stream: b, tokens: [65] }]).catch((error) => error);
  assert.equal(failed.status, 'FAILED_PRECONDITION');
  assert.deepEqual(failed.items.map((item) => item.status), [0, skein.Status.FAILED_PRECONDITION]);
  assert.equal(a.position, 1);
  await generation.return();
});

test('snapshots, files and prefixes', async (t) => {
  const { model } = await load(t, { deterministic: true });
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const stream = model.createStream();
  await stream.complete('And the people answered', { ...GREEDY, maxTokens: 4 });
  const copy = model.createStream();
  await copy.restore(await stream.snapshot());
  assert.deepEqual(await copy.eval([65]), await stream.fork().eval([65]));
  const file = path.join(folder, 'stream.snapshot');
  await stream.save(file, { past: true });
  await assert.rejects(stream.save(file), { status: 'ALREADY_EXISTS' });
  await stream.save(file, { past: true, replace: true });
  const loaded = model.createStream();
  await loaded.load(file);
  assert.deepEqual(loaded.tokens(), stream.tokens());
  assert.equal(await loaded.truncate(5), 5);
  const { stream: branch } = await stream.forkAt(5);
  assert.deepEqual(await branch.state(), await loaded.state());
  stream.setCheckpoint('here');
  assert.equal(stream.findCheckpoint('here'), stream.tokens().length);
  assert.ok(stream.checkpoints().some((place) => place.name === 'here'));
  const prefix = skein.Prefix.create(stream, 'people', 'a test');
  assert.equal((await prefix.info()).name, 'people');
  assert.equal(prefix.provenance, 'a test');
  assert.equal(prefix.start().position, stream.position);
  await prefix.save(path.join(folder, 'people.prefix'));
  const again = await model.loadPrefix(path.join(folder, 'people.prefix'));
  assert.deepEqual(await again.info(), await prefix.info());
  assert.match(await skein.describeSnapshot(file), /position/);
});

test('conversations', async (t) => {
  const { model } = await load(t);
  const messages = [{ role: 'user', text: 'Why?' }];
  assert.equal(model.chatPrompt(messages, { template: 'world' }), 'User: Why?\n\nAssistant:');
  const text = await textOf(model.createStream().chat(messages, { maxTokens: 8, chat: { template: 'world' } }));
  assert.equal(typeof text, 'string');
  assert.throws(() => model.createStream().chat(messages), { status: 'FAILED_PRECONDITION' });
});

test('queues for hosts that read events themselves', async (t) => {
  const { runtime, model } = await load(t);
  const queue = runtime.createQueue();
  let wakes = 0;
  queue.setWakeup(() => ++wakes);
  const requests = ['a', 'b'].map((prompt, i) =>
    model.createStream().createRequest({ ...GREEDY, maxTokens: 3, userData: i + 2 ** 40 }).setPrompt(prompt));
  queue.submit(requests);
  const ends = [];
  while (ends.length < 2) {
    await queue.wait(1000);
    ends.push(...queue.poll().filter((event) => event.isTerminal));
  }
  await until(() => wakes > 0, 'a wake-up');
  assert.deepEqual(ends.map((event) => event.userData).sort(), [2 ** 40, 2 ** 40 + 1]);
  assert.ok(queue.fd >= 0);
  queue.close();
});

test('user data of 64 bits comes back', async (t) => {
  const { model } = await load(t);
  const request = model.createStream().createRequest({ ...GREEDY, maxTokens: 1, userData: 2n ** 64n - 1n });
  const generation = request.setPrompt('a').run();
  await textOf(generation);
  assert.equal(generation.last.userData, 2n ** 64n - 1n);
});

test('text that is no UTF-8 comes as bytes too', async (t) => {
  const { model } = await load(t);
  const bytes = [];
  for await (const event of model.createStream().generate('a', { ...GREEDY, maxTokens: 3, logitBias: { 255: 1000 } })) {
    bytes.push(...event.bytes);
  }
  assert.deepEqual(bytes, [255, 255, 255]);
});

test('tokenizers, descriptions, conversion, log, metrics', async (t) => {
  const { runtime, model } = await load(t);
  const tokenizer = await runtime.loadTokenizer('world');
  const text = 'The quick brown fox — "jumps" 😀';
  assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  assert.equal(tokenizer.info.kind, 'world');
  assert.match(await runtime.describeModel(modelFile, { format: 'json', verify: true }), /"generation"/);
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true }));
  await runtime.convertModel(modelFile, path.join(folder, 'small.skein'), { type: 'q8' });
  assert.equal(runtime.progress().active, false);
  assert.match(runtime.metrics(), /skein_slots/);
  while (runtime.pollLog() !== undefined);
  model.setTenant('ann', { weight: 2 });
  assert.equal(model.load('ann').weight, 2);
  model.setTenant('ann', null);
  assert.equal(model.load('ann').weight, 1);
  assert.ok(runtime.plugins().some((plugin) => plugin.id === 'onednn' && plugin.loaded && plugin.kind === 'backend'));
  assert.ok(runtime.devices().some((device) => device.name === 'reference'));
});
