'use strict';
// Which function is called when a queue wakes up. The addon calls one function for all queues of an environment.
const { SkeinError, invalidArgument } = require('./error.js');
const native = require('./native.js');

// They belong to the addon: a program may load this file twice, as test runners do that forget modules, and the addon
// calls the function that was set last.
const wakeups = (native.wakeups ??= new Map());

native.setup(SkeinError, (queue) => wakeups.get(queue)?.());

// Sets or, with null, removes the function of a queue.
function setWakeup(queue, wakeup) {
  if (wakeup !== null && typeof wakeup !== 'function') {
    throw invalidArgument('wakeup: expected a function, or null');
  }
  if (wakeup !== null) wakeups.set(queue, wakeup);
  try {
    native.queueSetWakeup(queue, wakeup !== null);
  } catch (error) {
    wakeups.delete(queue);
    throw error;
  }
  if (wakeup === null) wakeups.delete(queue);
}

// Forgets a queue that was released.
function forgetWakeup(queue) {
  wakeups.delete(queue);
}

module.exports = { forgetWakeup, setWakeup };
