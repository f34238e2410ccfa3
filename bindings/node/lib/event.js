'use strict';
// The events of a queue. They are read from the memory that one call of the addon has filled, without further calls.
const native = require('./native.js');

const KINDS = [undefined, 'token', 'done', 'error', 'cancelled', 'sampleDone'];
const REASONS = ['none', 'stopToken', 'stopText', 'length'];
const CACHES = ['unknown', 'hit', 'off', 'notAtStart', 'cold', 'noState', 'evicted', 'rows'];

const at = native.eventOffsets();
const HIGH = 2 ** 32;

class Event {
  #text;
  #begin;
  #end;

  // `u32`, `i32`, `f32` and `f64` are views of the same memory; `place` is where the event begins, in bytes.
  constructor({ u32, i32, f32, f64 }, place, text) {
    const u64 = (offset) => u32[(place + offset) >> 2] + HIGH * u32[(place + offset + 4) >> 2];
    this.kind = KINDS[u32[(place + at.kind) >> 2]];
    this.reason = REASONS[u32[(place + at.reason) >> 2]];
    this.request = u64(at.request);
    this.userData = exact(u32, (place + at.userData) >> 2);
    this.token = u32[(place + at.token) >> 2];
    this.status = i32[(place + at.status) >> 2];
    this.numPromptTokens = u64(at.numPromptTokens);
    this.numTokens = u64(at.numTokens);
    this.position = u64(at.position);
    this.logprob = f32[(place + at.logprob) >> 2];
    this.sample = u32[(place + at.sample) >> 2];
    this.numCachedTokens = u64(at.numCachedTokens);
    this.queueUs = u64(at.queueUs);
    this.prefillUs = u64(at.prefillUs);
    this.decodeUs = u64(at.decodeUs);
    this.logprobSum = f64[(place + at.logprobSum) >> 3];
    this.cache = CACHES[u32[(place + at.cache) >> 2]];
    this.#text = text;
    this.#begin = u64(at.textOffset);
    this.#end = this.#begin + u64(at.textBytes);
    this.text = this.#begin === this.#end ? '' : text.toString('utf8', this.#begin, this.#end);
  }

  // The text as the model wrote it, where that is no UTF-8.
  get bytes() {
    return this.#text.subarray(this.#begin, this.#end);
  }

  get isTerminal() {
    return this.kind === 'done' || this.kind === 'error' || this.kind === 'cancelled';
  }
}

// A number, or a BigInt where a number would not be exact.
function exact(u32, index) {
  const number = u32[index] + HIGH * u32[index + 1];
  return number <= Number.MAX_SAFE_INTEGER ? number : BigInt(u32[index]) + (BigInt(u32[index + 1]) << 32n);
}

// Room for events and their text, which grows when a text does not fit.
class EventBuffer {
  #events;
  #views;
  #text = Buffer.allocUnsafeSlow(16384);
  #textBytes = new Float64Array(1);

  constructor(capacity) {
    const memory = new ArrayBuffer(capacity * at.bytes);
    this.#events = new Uint8Array(memory);
    this.#views = {
      u32: new Uint32Array(memory),
      i32: new Int32Array(memory),
      f32: new Float32Array(memory),
      f64: new Float64Array(memory),
    };
  }

  // Takes the events that are there, as far as there is room.
  poll(queue) {
    let count = native.queuePoll(queue, this.#events, this.#text, this.#textBytes);
    while (count < 0) {
      this.#text = Buffer.allocUnsafeSlow(2 * this.#textBytes[0]);
      count = native.queuePoll(queue, this.#events, this.#text, this.#textBytes);
    }
    if (count === 0) return [];
    const text = Buffer.from(this.#text.subarray(0, this.#textBytes[0]));
    const events = new Array(count);
    for (let i = 0; i < count; ++i) events[i] = new Event(this.#views, i * at.bytes, text);
    return events;
  }
}

module.exports = { Event, EventBuffer };
