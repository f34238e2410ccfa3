'use strict';
// Completion queues, for hosts that read events themselves. Stream.generate needs none of this.
const args = require('./arguments.js');
const { EventBuffer } = require('./event.js');
const { Handle, declare, handleOf } = require('./handle.js');
const native = require('./native.js');
const { Request } = require('./request.js');
const { setWakeup } = require('./wakeup.js');

class Queue extends Handle {
  #buffer;
  #wakes = false;

  // Gives the events that are there, the oldest first, without waiting: at most 256.
  poll() {
    this.#buffer ??= new EventBuffer(256);
    return this.#buffer.poll(this.handle);
  }

  // Waits, on another thread, until an event is there. A negative time waits for ever.
  async wait(timeoutMs = -1) {
    const isEndless = args.number(timeoutMs, 'timeoutMs') === Infinity;
    return (await native.queueWait(this.handle, isEndless ? -1 : timeoutMs)) === 1;
  }

  // A descriptor that is readable while events are there.
  get fd() {
    return native.queueFd(this.handle);
  }

  // Has `wakeup` called, in the event loop, when the queue turns from empty to not empty: it takes events until there
  // are none. The event loop waits for the queue until `wakeup` is removed with null, or the queue is closed.
  setWakeup(wakeup) {
    setWakeup(this.handle, wakeup);
    const wakes = typeof wakeup === 'function';
    if (wakes !== this.#wakes) native.hold(wakes ? 1 : -1);
    this.#wakes = wakes;
  }

  // Submits requests: all of them, or none.
  submit(...requests) {
    const handles = requests.flat().map((request) => handleOf(request, Request, 'requests'));
    native.queueSubmit(this.handle, Float64Array.from(handles));
  }

  close() {
    if (this.#wakes) this.setWakeup(null);
    super.close();
  }
}
declare(Queue, 'queueRelease');

module.exports = { Queue };
