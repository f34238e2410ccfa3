'use strict';
// A request that runs, as an async iterator of its events.
const { SkeinError } = require('./error.js');
const native = require('./native.js');

class Generation {
  #request; // kept until the end, with its stream: the collector would release them, which cancels the request
  #events = [];
  #waiting = []; // those who wait for an event, in order: { resolve, reject }
  #ends = []; // those who wait for the end
  #ended = false;
  #discards = false;
  #error = undefined;
  #last = undefined;
  #acknowledges;
  #signal;
  #onEnd;
  #onAbort = () => this.cancel();

  // For the package's own use. `onEnd` is called once, when the request has ended.
  constructor(request, { acknowledges, signal, onEnd }) {
    this.#request = request;
    this.#acknowledges = acknowledges;
    this.#signal = signal;
    this.#onEnd = onEnd;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  // The terminal event, once it came.
  get last() {
    return this.#last;
  }

  // Whether the request can still be asked for something. One that the host has closed was cancelled by that, and its
  // events come nevertheless.
  get #isOpen() {
    return !this.#ended && !this.#request.closed;
  }

  // Asks the request to end at the next step. Its last event follows, of the kind `cancelled`.
  cancel() {
    if (this.#isOpen) native.requestCancel(this.#request.handle);
  }

  push(event) {
    if (event.isTerminal) this.#end(event);
    else this.#hand(event);
  }

  fail(error) {
    this.#error = error;
    this.#finish();
  }

  #end(event) {
    this.#last = event;
    if (event.kind === 'error') this.#error = new SkeinError(event.status, event.text);
    else if (event.kind === 'cancelled' && this.#signal?.aborted) this.#error = this.#signal.reason;
    else this.#hand(event);
    this.#finish();
  }

  #finish() {
    this.#ended = true;
    this.#request = undefined;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#onEnd();
    for (const one of this.#waiting.splice(0)) this.#settle(one);
    for (const resolve of this.#ends.splice(0)) resolve();
  }

  #hand(event) {
    if (this.#discards) return;
    const first = this.#waiting.shift();
    if (first === undefined) this.#events.push(event);
    else first.resolve(this.#taken(event));
  }

  // An event that the host takes. With a window, that is what acknowledges its token.
  #taken(event) {
    if (this.#acknowledges && event.kind === 'token' && this.#isOpen) {
      native.requestAcknowledge(this.#request.handle, 1);
    }
    return { value: event, done: false };
  }

  // With nothing left: the error goes to the first who asks, the end to all others.
  #settle({ resolve, reject }) {
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) reject(error);
    else resolve({ value: undefined, done: true });
  }

  next() {
    return new Promise((resolve, reject) => {
      if (this.#events.length > 0) resolve(this.#taken(this.#events.shift()));
      else if (this.#ended) this.#settle({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  // Ends the request; when the promise is fulfilled, its stream is free. `break` in a loop comes here.
  async return(value) {
    this.#events = [];
    if (!this.#ended) {
      this.#discards = true;
      this.cancel();
      await new Promise((resolve) => this.#ends.push(resolve));
    }
    this.#error = undefined;
    return { value, done: true };
  }

  // The same for an exception in a generator that hands the events on (`yield*`).
  async throw(error) {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

// `await using`, where the program has it.
if (Symbol.asyncDispose) {
  Generation.prototype[Symbol.asyncDispose] = async function dispose() {
    await this.return();
  };
}

module.exports = { Generation };
