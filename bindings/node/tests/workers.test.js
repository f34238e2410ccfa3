'use strict';
// Workers, and the end of processes and Workers in the middle of things.
const assert = require('node:assert');
const { once } = require('node:events');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { load, model, numOwned, numThreads, run, until } = require('./support.js');

const LOAD = `
  const { Runtime, borrow } = require('skein');
  const { parentPort, workerData } = require('node:worker_threads');
  const load = async () => {
    const runtime = await Runtime.create({ threads: 1 });
    return runtime.loadModel(${JSON.stringify(model)}, { device: 'cpu', calibrate: 0 });
  };
  const endless = { maxTokens: 1000000, stopAtEnd: 0 };
`;

const worker = (program, workerData) => new Worker(LOAD + program, { eval: true, workerData });

test('workers have runtimes of their own', async () => {
  const workers = Array.from({ length: 4 }, () => worker(`
    load().then((model) => model.createStream().complete('In the beginning', { maxTokens: 16, temperature: 0 }))
      .then(({ text }) => parentPort.postMessage(text));
  `));
  const texts = await Promise.all(workers.map(async (one) => {
    const [[text]] = await Promise.all([once(one, 'message'), once(one, 'exit')]);
    return text;
  }));
  assert.equal(texts[0].length, 16);
  assert.deepEqual(texts, Array(4).fill(texts[0]));
});

test('workers share a model, and their ends leave it alone', async (t) => {
  const { model } = await load(t);
  const owned = numOwned();
  const expected = await model.createStream().complete('And it came', { maxTokens: 16, temperature: 0 });
  const shared = model.share();
  const texts = await Promise.all(Array.from({ length: 3 }, async () => {
    const one = worker(`
      const model = borrow(workerData);
      model.createStream().complete('And it came', { maxTokens: 16, temperature: 0 })
        .then(({ text }) => { parentPort.postMessage(text); model.close(); });
    `, shared);
    const [[text]] = await Promise.all([once(one, 'message'), once(one, 'exit')]);
    return text;
  }));
  assert.deepEqual(texts, Array(3).fill(expected.text));
  assert.equal(numOwned(), owned + 2); // this test's stream, and the queue behind it
  assert.equal(model.load().numStreams, 1);
});

test('a model that its owner released is an error in the worker', async (t) => {
  const { model } = await load(t);
  const one = worker(`
    const model = borrow(workerData);
    parentPort.once('message', () => {
      try { model.createStream(); } catch (error) { parentPort.postMessage(error.status); }
    });
    parentPort.postMessage('ready');
  `, model.share());
  await once(one, 'message');
  model.close();
  one.postMessage('go');
  const [status] = await once(one, 'message');
  assert.equal(status, 'INVALID_HANDLE');
  await one.terminate();
});

const ENDS = {
  'process.exit': 'process.exit(3);',
  'the exception of nobody': 'setImmediate(() => { throw new Error("boom"); });',
  'terminate': '',
};

for (const [name, end] of Object.entries(ENDS)) {
  test(`a worker with live streams ends by ${name}`, async (t) => {
    const { model } = await load(t, { maxStreams: 64 });
    const before = numThreads();
    const one = worker(`
      const model = borrow(workerData);
      const streams = Array.from({ length: 8 }, () => model.createStream());
      const generations = streams.map((stream) => stream.generate('And', endless));
      model.createStream().snapshot();
      Promise.all(generations.map((generation) => generation.next())).then(() => {
        parentPort.postMessage('running');
        ${end}
      });
    `, model.share());
    one.on('error', (error) => assert.equal(error.message, 'boom'));
    const ended = new Promise((resolve) => one.once('exit', resolve)); // events.once fails with errors
    await new Promise((resolve) => one.once('message', resolve));
    if (end === '') one.terminate();
    await ended;
    // Its streams were released: the model has none, and works.
    await until(() => model.load().numStreams === 0 && model.load().numRunning === 0, 'the end of the streams');
    await until(() => numThreads() <= before, 'the end of the threads');
    const { text } = await model.createStream().complete('And', { maxTokens: 4 });
    assert.equal(text.length, 4);
  });
}

test('a worker is terminated while it loads a model', async () => {
  const one = worker(`load(); parentPort.postMessage('loading');`);
  await once(one, 'message');
  await one.terminate();
});

const LIVE = `
  ${LOAD}
  load().then(async (model) => {
    const stream = model.createStream();
    const generation = stream.generate('And', endless);
    await generation.next();
    stream.snapshot();
    END
  });
`;

test('a process exits with live streams', async () => {
  const ended = await run(LIVE.replace('END', 'process.exit(5);'));
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [5, null, '']);
});

test('a process throws with live streams', async () => {
  const ended = await run(LIVE.replace('END', 'setImmediate(() => { throw new Error("boom"); });'));
  assert.equal(ended.signal, null);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /boom/);
});

test('a process exits while it loads a model', async () => {
  const ended = await run(`${LOAD} load(); setImmediate(() => process.exit(6));`);
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [6, null, '']);
});

test('a process exits with workers that generate', async () => {
  const ended = await run(`
    const { Worker } = require('node:worker_threads');
    let running = 0;
    for (let i = 0; i < 3; ++i) {
      const one = new Worker(${JSON.stringify(LIVE.replace('END', 'parentPort.postMessage("on");'))}, { eval: true });
      one.on('message', () => { if (++running === 3) process.exit(7); });
    }
  `);
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [7, null, '']);
});

test('a process ends by itself when its generations have ended', async () => {
  const ended = await run(`
    ${LOAD}
    load().then((model) => model.createStream().complete('And', { maxTokens: 3 }))
      .then(({ tokens }) => console.log(tokens.length));
  `);
  assert.deepEqual([ended.code, ended.signal, ended.stdout, ended.stderr], [0, null, '3\n', '']);
});
