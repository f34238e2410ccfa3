'use strict';
// The queue behind all generations of one runtime: takes its events in the event loop and hands each to its generation.
const { SkeinError, Status } = require('./error.js');
const { EventBuffer } = require('./event.js');
const native = require('./native.js');
const { forgetWakeup, setWakeup } = require('./wakeup.js');

// With many generations, at most one turn in this time takes events. A step's tokens come one after the other within
// microseconds; taken one by one they cost three times the processor time.
const PAUSE_MS = 1;

// Events that are taken in one turn of the event loop, so that others come to their turn when tokens come fast.
const POLLS_IN_A_TURN = 4;

// The dispatchers with generations that run, which keeps them from being collected.
const busy = new Set();

// A runtime that was dropped takes its queue along: the addon releases it at the end of the environment, or here.
const net = new FinalizationRegistry((queue) => {
  forgetWakeup(queue);
  native.queueRelease(queue);
});

class Dispatcher {
  #queue;
  #buffer = new EventBuffer(256);
  #running = new Map(); // by the request's handle
  #drained = 0; // when events were last taken, by performance.now()
  #pause = undefined; // a timer

  constructor(runtimeHandle) {
    this.#queue = native.queueCreate(runtimeHandle, 0);
    const self = new WeakRef(this);
    setWakeup(this.#queue, () => self.deref()?.wake());
    net.register(this, this.#queue, this);
  }

  // Submits a generation's request, whose events it gets from here on.
  start(generation, request) {
    native.queueSubmit(this.#queue, Float64Array.of(request));
    if (this.#running.size === 0) busy.add(this);
    this.#running.set(request, generation);
    native.hold(1);
  }

  // Events are there. They are taken now or, with many generations, when the pause is over.
  wake() {
    const isDue = this.#running.size <= 1 || performance.now() - this.#drained >= PAUSE_MS;
    if (isDue) this.drain();
    else this.#pause ??= setTimeout(() => this.drain(), PAUSE_MS);
  }

  drain() {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#take();
    this.#drained = performance.now();
  }

  #take() {
    for (let i = 0; i < POLLS_IN_A_TURN; ++i) {
      if (this.#queue === 0) return;
      const events = this.#buffer.poll(this.#queue);
      if (events.length === 0) return;
      for (const event of events) this.#deliver(event);
    }
    setImmediate(() => this.drain());
  }

  #deliver(event) {
    const generation = this.#running.get(event.request);
    if (event.isTerminal) this.#forget(event.request);
    generation?.push(event);
  }

  #forget(request) {
    if (!this.#running.delete(request)) return;
    native.hold(-1);
    if (this.#running.size === 0) busy.delete(this);
  }

  // Cancels all that runs; its generations fail.
  close() {
    if (this.#queue === 0) return;
    const queue = this.#queue;
    this.#queue = 0;
    clearTimeout(this.#pause);
    net.unregister(this);
    forgetWakeup(queue);
    native.queueRelease(queue);
    for (const [request, generation] of [...this.#running]) {
      this.#forget(request);
      generation.fail(new SkeinError(Status.CANCELLED, 'the runtime was closed'));
    }
  }
}

module.exports = { Dispatcher };
