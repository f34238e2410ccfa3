'use strict';
// Many streams at once, each with a loop of its own: streams.js MODEL NUM_STREAMS NUM_TOKENS. Prints
// what bindings/bench/streams.c does.
const { Runtime } = require('skein');

async function bytesOf(generation) {
  let size = 0;
  for await (const { text } of generation) size += text.length;
  return size;
}

async function main(path, numStreams, numTokens) {
  const runtime = await Runtime.create({ threads: 1 });
  const model = await runtime.loadModel(path, { device: 'cpu', calibrate: 0 });
  const streams = Array.from({ length: numStreams }, () => model.createStream());
  const begin = process.cpuUsage();
  const sizes = await Promise.all(streams.map((stream, seed) =>
    bytesOf(stream.generate([65, 110, 100], { maxTokens: numTokens, stopAtEnd: 0, seed }))));
  const { user, system } = process.cpuUsage(begin);
  console.log(((user + system) / 1e6).toFixed(3), sizes.reduce((sum, size) => sum + size));
}

const [path, numStreams, numTokens] = process.argv.slice(2);
main(path, Number(numStreams), Number(numTokens));
