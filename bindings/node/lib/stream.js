'use strict';
// Streams: one sequence of tokens and the state behind it.
const args = require('./arguments.js');
const { Handle, declare } = require('./handle.js');
const native = require('./native.js');
const { Request } = require('./request.js');

const SAVE_FLAGS = { replace: 1, past: 2 };

// { replace, past } as the flags of the ABI.
function saveFlags(options = {}) {
  let flags = 0;
  for (const [name, flag] of Object.entries(SAVE_FLAGS)) if (options[name]) flags |= flag;
  return flags;
}

class Stream extends Handle {
  // The model that the stream was made from.
  get model() {
    return this.parent;
  }

  // The number of tokens that were committed since the initial state.
  get position() {
    return native.streamPosition(this.handle);
  }

  // Back to the initial state.
  reset() {
    native.streamReset(this.handle);
  }

  // A stream that goes on from the last committed token. Copies no state.
  fork() {
    return new Stream(native.streamFork(this.handle), this.parent);
  }

  // A stream that goes on from an earlier place.
  async forkAt(position) {
    const { stream, replayed } = await native.streamForkAt(this.handle, args.count(position, 'position'));
    return { stream: new Stream(stream, this.parent), replayed };
  }

  // Back to an earlier place. Gives the number of tokens that had to be read again.
  async truncate(position) {
    return await native.streamTruncate(this.handle, args.count(position, 'position'));
  }

  // The tokens from a position on.
  tokens(begin = 0) {
    return native.streamTokens(this.handle, args.count(begin, 'begin'));
  }

  setCheckpoint(name) {
    native.streamSetCheckpoint(this.handle, args.text(name, 'name'));
  }

  findCheckpoint(name) {
    return native.streamFindCheckpoint(this.handle, args.text(name, 'name'));
  }

  checkpoints() {
    return native.streamCheckpoints(this.handle);
  }

  // The stream as bytes, which any process with the same model can restore. { past } as for save.
  async snapshot(options) {
    return await native.streamSnapshot(this.handle, saveFlags(options));
  }

  async restore(snapshot) {
    await native.streamRestore(this.handle, args.bytes(snapshot, 'snapshot'));
  }

  async save(path, options) {
    await native.streamSave(this.handle, args.text(path, 'path'), saveFlags(options));
  }

  async load(path) {
    await native.streamLoad(this.handle, args.text(path, 'path'));
  }

  // The state as floats, in the layout of skein/stream.h.
  async state() {
    return await native.streamState(this.handle);
  }

  // Feeds tokens, and gives the output that was asked for. Model.eval does so for many streams at once.
  async eval(tokens, output = 'lastLogits') {
    const [result] = await this.model.eval([{ stream: this, tokens, output }]);
    return result.output;
  }

  createRequest(options) {
    const request = new Request(native.requestCreate(this.handle), this);
    try {
      return request.setOptions(options);
    } catch (error) {
      request.close();
      throw error;
    }
  }

  // Generates behind a prompt: an async iterator of events with `text`. Leaving the loop, or the signal, ends it.
  generate(prompt, { signal, ...options } = {}) {
    return this.#run(options, signal, (request) => request.setPrompt(prompt));
  }

  // Generates the assistant's answer to messages.
  chat(messages, { signal, chat, ...options } = {}) {
    return this.#run(options, signal, (request) => request.setChat(messages, chat));
  }

  #run(options, signal, prepare) {
    const request = this.createRequest(options);
    try {
      prepare(request);
    } catch (error) {
      request.close();
      throw error;
    }
    return request.runOnce({ signal });
  }

  // Generates to the end: { text, tokens, reason, samples, last }. Of several samples, text and tokens are those of the
  // one that the stream goes on from.
  async complete(prompt, options) {
    const samples = [];
    const generation = this.generate(prompt, options);
    for await (const event of generation) {
      if (event.kind === 'cancelled') continue;
      const sample = (samples[event.sample] ??= { text: '', tokens: [], logprobs: [], reason: 'none' });
      if (event.status === 0) sample.text += event.text;
      if (event.kind === 'token') {
        sample.tokens.push(event.token);
        sample.logprobs.push(event.logprob);
      } else {
        sample.reason = event.reason;
      }
    }
    const { last } = generation;
    const { text, tokens, reason } = samples[last.sample] ?? { text: '', tokens: [], reason: last.reason };
    return { text, tokens, reason, samples, last };
  }
}
declare(Stream, 'streamRelease');

module.exports = { Stream, saveFlags };
