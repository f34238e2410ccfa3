'use strict';
// Requests: a prompt with sampling and stops on a stream.
const args = require('./arguments.js');
const { invalidArgument } = require('./error.js');
const { Generation } = require('./generation.js');
const { Handle, declare } = require('./handle.js');
const native = require('./native.js');
const { Options, withOptions } = require('./options.js');

const MAX_INDEX = 0xffffffff;
const SAMPLE_PROMPT = 0xffffffff;

// Messages as the addon takes them: role, text, role, text, ...
function flatMessages(messages) {
  if (!Array.isArray(messages)) throw invalidArgument('messages: expected an array of { role, text }');
  return messages.flatMap(({ role, text }) => [args.text(role, 'role'), args.bytes(text, 'text')]);
}

// The bytes of skein_logprob structs as two arrays.
function splitLogprobs(bytes) {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  const tokens = new Uint32Array(words.length / 2);
  const logprobs = new Float32Array(words.length / 2);
  for (let i = 0; i < tokens.length; ++i) {
    tokens[i] = words[2 * i];
    logprobs[i] = floats[2 * i + 1];
  }
  return { tokens, logprobs };
}

class Request extends Handle {
  #window = 0;
  #generation = undefined;

  // Sampling and limits; and what has a call of its own in the ABI: stop, stopTokens, logitBias, userData.
  setOptions(options) {
    if (options === undefined || options === null) return this;
    const isObject = options instanceof Options;
    const { stop, stopTokens, logitBias, userData, ...rest } = isObject ? {} : Object(options);
    if (isObject || typeof options !== 'object' || Object.keys(rest).length > 0) {
      const passed = typeof options === 'object' && !isObject ? rest : options;
      withOptions('request', passed, (handle) => native.requestSetOptions(this.handle, handle));
      this.#window = (isObject ? options.get('window') : rest.window) ?? 0;
    }
    for (const text of stop === undefined ? [] : [stop].flat()) this.addStop(text);
    for (const token of stopTokens ?? []) this.addStopToken(token);
    const biases = logitBias instanceof Map ? logitBias : Object.entries(logitBias ?? {});
    for (const [token, bias] of biases) this.setLogitBias(Number(token), bias);
    if (userData !== undefined) this.setUserData(userData);
    return this;
  }

  // A text, or token ids. An empty prompt goes on from the stream's last token.
  setPrompt(prompt) {
    if (typeof prompt === 'string' || (prompt instanceof Uint8Array && !(prompt instanceof Uint32Array))) {
      native.requestSetPrompt(this.handle, prompt);
    } else {
      native.requestSetPromptTokens(this.handle, args.tokens(prompt, 'prompt'));
    }
    return this;
  }

  // A conversation with the model's template, and the stops that end the assistant's turn.
  setChat(messages, options) {
    const flat = flatMessages(messages);
    withOptions('chat', options, (handle) => native.requestSetChat(this.handle, flat, handle));
    return this;
  }

  addStop(text) {
    native.requestAddStop(this.handle, args.bytes(text, 'stop'));
  }

  addStopToken(token) {
    native.requestAddStopToken(this.handle, args.token(token));
  }

  setLogitBias(token, bias) {
    native.requestSetLogitBias(this.handle, args.token(token), args.number(bias, 'bias'));
  }

  setUserData(number) {
    native.requestSetUserData(this.handle, args.count(number, 'userData'));
  }

  // Runs the request, whose events come as an async iterator. `signal` cancels it.
  run({ signal } = {}) {
    return this.#start(signal, () => {});
  }

  #start(signal, onEnd) {
    signal?.throwIfAborted();
    const generation = new Generation(this, { acknowledges: this.#window > 0, signal, onEnd });
    try {
      this.parent.parent.parent.dispatcher.start(generation, this.handle);
    } catch (error) {
      generation.fail(error);
      throw error;
    }
    this.#generation = generation;
    return generation;
  }

  // The same for a request that nobody else sees: it is closed when it has ended.
  runOnce({ signal } = {}) {
    try {
      return this.#start(signal, () => super.close());
    } catch (error) {
      super.close();
      throw error;
    }
  }

  // Asks the request to end at the next step.
  cancel() {
    native.requestCancel(this.handle);
  }

  // Acknowledges tokens of a request with a window that runs on a Queue. `run` does so by itself.
  acknowledge(numTokens) {
    native.requestAcknowledge(this.handle, args.count(numTokens, 'numTokens'));
  }

  // The log-probabilities of a sample, or of the prompt, from its `first`-th token on: 1 + k for each of `numTokens`.
  logprobs(sample, first, numTokens) {
    const index = sample === 'prompt' ? SAMPLE_PROMPT : args.count(sample, 'sample', MAX_INDEX - 1);
    return splitLogprobs(
      native.requestLogprobs(this.handle, index, args.count(first, 'first'), args.count(numTokens, 'numTokens')),
    );
  }

  // The stream of one of several samples, after the end. Each can be taken once.
  takeSample(sample) {
    const taken = native.requestTakeSample(this.handle, args.count(sample, 'sample', MAX_INDEX));
    return new this.parent.constructor(taken, this.parent.parent);
  }

  // Releases the request. A generation of it that runs is cancelled, because nobody could do so later.
  close() {
    if (!this.closed) this.#generation?.cancel();
    super.close();
  }
}
declare(Request, 'requestRelease');

module.exports = { Request, flatMessages, splitLogprobs };
