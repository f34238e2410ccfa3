'use strict';
// A program's mistakes give errors, and leak nothing.
const assert = require('node:assert');
const { test } = require('node:test');
const v8 = require('node:v8');
const vm = require('node:vm');
const skein = require('skein');
const { load, model: modelFile, numDescriptors, numOwned, numThreads, run, until } = require('./support.js');

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

const NUM_ROUNDS = Number(process.env.SKEIN_ROUNDS ?? 1000);
const LONG = { maxTokens: 1000000, stopAtEnd: 0 };

const invalid = { name: 'SkeinError', status: 'INVALID_ARGUMENT', code: 3 };
const closed = { name: 'SkeinError', status: 'INVALID_HANDLE' };

test('use after close is an error, and closing twice is fine', async (t) => {
  const { runtime, model } = await load(t);
  const stream = model.createStream();
  const tokenizer = model.tokenizer();
  const queue = runtime.createQueue();
  const prefix = skein.Prefix.create(stream);
  const request = stream.createRequest();
  const options = new skein.Options('stream', { tenant: 'ann' });
  assert.equal(model.info.dModel, 192);
  const all = [options, request, prefix, queue, tokenizer, stream, model, runtime];
  for (const object of all) object.close();
  for (const object of all) object.close();
  assert.ok(all.every((object) => object.closed));
  for (const use of [
    () => stream.position, () => stream.fork(), () => stream.generate('a'), () => stream.reset(),
    () => tokenizer.encode('a'), () => tokenizer.info, () => queue.poll(), () => queue.fd,
    () => queue.submit(request), () => request.cancel(), () => request.setPrompt('a'), () => prefix.start(),
    () => model.createStream(), () => model.load(), () => model.info, () => runtime.metrics(), () => runtime.devices(),
    () => model.createStream(options), () => options.setStr('tenant', 'bob'), () => stream.share(),
  ]) {
    assert.throws(use, closed, String(use));
  }
  for (const use of [
    () => stream.snapshot(), () => stream.truncate(0), () => stream.eval([1]), () => queue.wait(), () => prefix.info(),
    () => runtime.loadModel('x'), () => runtime.loadTokenizer('world'), () => model.loadPrefix('x'),
  ]) {
    await assert.rejects(use, closed, String(use));
  }
});

test('what has no constructor says what makes it', () => {
  for (const Type of [skein.Runtime, skein.Model, skein.Stream, skein.Queue]) {
    assert.throws(() => new Type(), { name: 'TypeError', message: /expected Runtime\.create\(\) or a method/ });
    assert.throws(() => new Type({}), TypeError);
  }
});

test('arguments of a wrong kind are errors that say what was expected', async (t) => {
  const { runtime, model } = await load(t);
  const stream = model.createStream();
  const request = stream.createRequest();
  for (const use of [
    () => stream.tokens(-1), () => stream.tokens(1.5), () => stream.tokens('1'), () => request.setPrompt([1.5]),
    () => request.setPrompt([-1]), () => request.setPrompt([2 ** 32]), () => request.setPrompt(null),
    () => request.setPrompt({}), () => request.addStop(7), () => request.addStop(''), () => request.addStopToken(256),
    () => request.setLogitBias(1, NaN), () => request.setLogitBias('a', 1), () => request.setLogitBias(1, '2'), () => request.setUserData(-1),
    () => request.setUserData(2n ** 64n), () => request.setOptions({ maxToken: 1 }), () => request.setOptions(7),
    () => request.setOptions({ maxTokens: {} }), () => request.setOptions({ maxTokens: 2n ** 70n }),
    () => request.setOptions({ maxTokens: -1 }), () => request.takeSample(-1), () => request.setChat('hello'),
    () => model.createStream({ tenant: 'a\0b' }), () => model.createStream({ tennant: 'a' }), () => model.load(7),
    () => model.setTenant('ann', { weight: -1 }), () => stream.setCheckpoint(''), () => stream.setCheckpoint('a\0'),
    () => skein.Prefix.create(model), () => skein.optionKeys('other'), () => new skein.Options('requests'),
    () => skein.borrow({ skein: 'Object', handle: 1 }), () => skein.borrow(undefined), () => model.createStream(3),
    () => runtime.createQueue().setWakeup('x'), () => runtime.createQueue().submit(stream),
    () => model.tokenizer().decode([256]), () => model.tokenizer().encode(Symbol.iterator),
  ]) {
    assert.throws(use, invalid, String(use));
  }
  for (const use of [
    () => stream.truncate('2'), () => stream.forkAt(NaN), () => stream.save(''), () => stream.restore('x'.charCodeAt),
    () => model.eval(stream), () => model.eval([{ stream, tokens: [1], output: 'logits' }]),
    () => model.eval([{ stream: 7, tokens: [1] }]), () => model.score([{ stream, tokens: [1], numTop: 65 }]),
    () => model.embed([{ text: 'a', pooling: 'first' }]), () => model.embed([{ text: 'a', tenant: 'a\0' }]),
    () => runtime.loadModel(7), () => runtime.createQueue().wait(NaN), () => runtime.createQueue().wait('1'), () => runtime.loadModel('a\0b'), () => runtime.loadModel(modelFile, { type: 'f7' }),
    () => stream.eval([]), () => stream.eval([300]),
  ]) {
    await assert.rejects(use, invalid, String(use));
  }
  assert.throws(() => request.setOptions({ maxToken: 1 }), /max_tokens/);
  assert.equal(stream.position, 0);
});

test('garbage in the place of handles is an error', async (t) => {
  await load(t);
  const stray = { skein: 'Stream', handle: 0 };
  for (const handle of [1, 12345, 2 ** 52, Number.MAX_SAFE_INTEGER, -1]) {
    assert.throws(() => skein.borrow({ ...stray, handle }).position, closed);
  }
});

test('the error of a full model says when to come back', async (t) => {
  const { model } = await load(t, { maxStreams: 1 });
  const stream = model.createStream();
  const error = catchOf(() => model.createStream());
  assert.equal(error.status, 'RESOURCE_EXHAUSTED');
  assert.ok(error.retryAfterMs > 0);
  assert.ok(error instanceof Error && error.stack.includes('misuse.test.js'));
  stream.close();
});

function catchOf(use) {
  try {
    use();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

test('closing things under a generation ends it', async (t) => {
  const { runtime, model } = await load(t);
  const ends = async (close) => {
    const stream = model.createStream();
    const generation = stream.generate('And', LONG);
    await generation.next();
    close(stream);
    let last;
    try {
      for await (const event of generation) last = event;
    } catch (error) {
      return error.status;
    }
    return last.kind;
  };
  assert.equal(await ends((stream) => stream.close()), 'cancelled');
  assert.equal(await ends(() => setImmediate(() => runtime.close())), 'CANCELLED');
});

for (const window of [0, 1, 4]) {
  test(`closing a request under its generation ends it; window ${window}`, async (t) => {
    const { model } = await load(t);
    const begin = async (signal) => {
      const request = model.createStream().createRequest({ ...LONG, window }).setPrompt('And');
      const generation = request.run({ signal });
      await generation.next();
      return { request, generation };
    };
    const read = async (generation) => {
      let last;
      for await (const event of generation) last = event.kind;
      return last;
    };
    for (const end of [(generation) => generation.cancel(), () => {}]) {
      const { request, generation } = await begin();
      const waiting = [generation.next(), generation.next()];
      request.close();
      end(generation);
      await Promise.all(waiting);
      assert.notEqual(await read(generation), 'token');
    }
    const { request, generation } = await begin();
    request.close();
    await generation.return();
    const controller = new AbortController();
    const aborted = await begin(controller.signal);
    aborted.request.close();
    controller.abort(); // what this throws nobody can catch
    await assert.rejects(read(aborted.generation), { name: 'AbortError' });
  });
}

test('a program may load the package twice', async () => {
  const { stdout, stderr } = await run(`
    const first = require('skein');
    for (const name of Object.keys(require.cache)) if (!name.endsWith('.node')) delete require.cache[name];
    const second = require('skein');
    (async () => {
      for (const { Runtime } of [first, second]) {
        const runtime = await Runtime.create({ threads: 1 });
        const model = await runtime.loadModel(process.env.SKEIN_MODEL, { device: 'cpu', calibrate: 0 });
        console.log((await model.createStream().complete('And', { maxTokens: 2, stopAtEnd: 0 })).tokens.length);
      }
      console.log(first !== second);
    })();
  `);
  assert.equal(stdout, '2\n2\ntrue\n', stderr);
});

test('several readers of one generation get what is there, and then the end', async (t) => {
  const { model } = await load(t);
  const generation = model.createStream().generate('And', { ...LONG, maxTokens: 2 });
  const results = await Promise.all(Array.from({ length: 5 }, () => generation.next()));
  assert.deepEqual(results.map(({ value }) => value?.kind), ['token', 'token', 'done', undefined, undefined]);
});

test('what throws in a wake-up is an uncaught exception of the process', async () => {
  const { stderr, code } = await run(`
    const { Runtime } = require('skein');
    (async () => {
      const runtime = await Runtime.create({ threads: 1 });
      const model = await runtime.loadModel(process.env.SKEIN_MODEL, { device: 'cpu', calibrate: 0 });
      const queue = runtime.createQueue();
      queue.setWakeup(() => { throw new Error('from a wake-up'); });
      queue.submit(model.createStream().createRequest({ maxTokens: 3 }).setPrompt('a'));
    })();
  `);
  assert.equal(code, 1);
  assert.match(stderr, /from a wake-up/);
});

test('dropped objects are released by the garbage collector', async (t) => {
  const { model } = await load(t);
  const before = numOwned();
  (() => {
    for (let i = 0; i < 200; ++i) model.createStream().createRequest();
  })();
  assert.ok(numOwned() >= before + 400);
  // The count alone may fall because what other tests dropped is released.
  const isReleased = () => numOwned() <= before && model.load().numStreams === 0;
  await until(() => (collect(), isReleased()), 'the release of dropped objects');
});

test('the garbage collector runs while texts are written', async (t) => {
  const { model } = await load(t, { deterministic: true });
  const options = { temperature: 0, stopAtEnd: 0, maxTokens: 40 };
  const expected = (await model.createStream().complete('And', options)).text;
  const texts = await Promise.all(Array.from({ length: 8 }, async () => {
    let text = '';
    for await (const event of model.createStream().generate('And', options)) {
      text += event.text;
      collect();
    }
    return text;
  }));
  assert.deepEqual(texts, Array(8).fill(expected));
});

test('what a call or a generation works on is not collected', async (t) => {
  const { model } = await load(t);
  // Nothing but the generation refers to the request and its stream. The window keeps the model from ending first.
  const run = () => model.createStream().createRequest({ ...LONG, maxTokens: 50, window: 1 }).setPrompt('And').run();
  for await (const event of run()) {
    collect();
    await new Promise(setImmediate);
    assert.notEqual(event.kind, 'cancelled');
  }
  for (const use of [(stream) => stream.snapshot(), (stream) => stream.eval(new Uint32Array(300)), (stream) => stream.state()]) {
    const call = use(model.createStream());
    collect();
    await new Promise(setImmediate);
    collect();
    await call;
  }
});

test(`${NUM_ROUNDS} rounds of making, using and closing leak nothing`, async (t) => {
  const { runtime, model } = await load(t);
  const round = async (i) => {
    const stream = model.createStream({ tenant: 'ann' });
    const fork = stream.fork();
    const tokenizer = model.tokenizer();
    const queue = runtime.createQueue();
    queue.setWakeup(() => {});
    if (i % 10 === 0) await stream.complete('a', { maxTokens: 1 });
    if (i % 10 === 1) await fork.eval([1, 2, 3]);
    if (i % 10 === 2) await stream.snapshot();
    if (i % 10 === 3) for await (const event of stream.generate('a', LONG)) if (event.numTokens === 1) break;
    tokenizer.decode(tokenizer.encode('text'));
    catchOf(() => model.createStream({ tennant: 1 }));
    for (const object of i % 2 === 0 ? [stream, fork, tokenizer, queue] : [queue, tokenizer, fork, stream]) object.close();
  };
  for (let i = 0; i < 200; ++i) await round(i);
  collect();
  const before = { owned: numOwned(), descriptors: numDescriptors(), threads: numThreads() };
  const memory = process.memoryUsage().rss;
  for (let i = 0; i < NUM_ROUNDS; ++i) await round(i);
  collect();
  await until(() => numThreads() <= before.threads, 'the end of the threads');
  // Objects that other tests dropped may be released meanwhile.
  assert.ok(numOwned() <= before.owned, `${numOwned()} handles, before ${before.owned}`);
  await until(() => numDescriptors() <= before.descriptors, 'the end of the descriptors');
  const grown = process.memoryUsage().rss - memory;
  t.diagnostic(`memory grew by ${(grown / 2 ** 20).toFixed(1)} MiB`);
  assert.ok(grown < 32 * 2 ** 20, `${grown} bytes`);
});

test('the texts of calls are freed', async (t) => {
  const { model } = await load(t);
  const tokenizer = model.tokenizer();
  const request = model.createStream().createRequest();
  const text = 'a'.repeat(2 ** 18);
  const use = async () => {
    tokenizer.encode(text);
    request.setPrompt(text);
    catchOf(() => request.setChat([{ role: 'user', text }]));
    await assert.rejects(model.loadPrefix(text));
    collect();
  };
  await use();
  const memory = process.memoryUsage().rss;
  for (let i = 0; i < 100; ++i) await use();
  const grown = process.memoryUsage().rss - memory;
  assert.ok(grown < 32 * 2 ** 20, `${grown} bytes`);
});

test('a runtime that is made and closed again and again leaks nothing', async () => {
  const round = async () => {
    const runtime = await skein.Runtime.create({ threads: 1 });
    runtime.createQueue();
    runtime.close();
  };
  for (let i = 0; i < 5; ++i) await round();
  await until(() => (collect(), numOwned() === 0), 'the release of the queues');
  const before = { descriptors: numDescriptors(), threads: numThreads() };
  for (let i = 0; i < 50; ++i) await round();
  await until(() => (collect(), numOwned() === 0), 'the release of the queues');
  await until(() => numDescriptors() <= before.descriptors, 'the end of the descriptors');
  await until(() => numThreads() <= before.threads, 'the end of the threads');
});
