'use strict';
// The base of all classes that stand for a handle of the ABI: closing, the net for objects that were not closed, and
// the way to another Worker.
const { SkeinError, Status, invalidArgument } = require('./error.js');
const native = require('./native.js');

// An object that was dropped without close() is released when the garbage collector finds it. Handles are numbers, so
// nothing here keeps the object alive.
const net = new FinalizationRegistry(({ release, handle }) => {
  try {
    native[release](handle);
  } catch {
    // It was released by another environment.
  }
});

const classes = new Map();

class Handle {
  #handle;
  #owned;
  #parent;

  // For the package's own use. A handle that is not owned was borrowed, and is not released.
  constructor(handle, parent, owned = true) {
    if (!Number.isInteger(handle)) {
      throw new TypeError(`${new.target.name}: expected Runtime.create() or a method of another object, found new`);
    }
    this.#handle = handle;
    this.#parent = parent;
    this.#owned = owned;
    if (owned) net.register(this, { release: this.constructor.release, handle }, this);
  }

  // The number that stands for the object in the ABI; 0 when it is closed.
  get handle() {
    return this.#handle;
  }

  // The object that this one was made from.
  get parent() {
    return this.#parent;
  }

  get closed() {
    return this.#handle === 0;
  }

  // Releases the object. A second call does nothing. What was made from it lives on.
  close() {
    if (this.#handle === 0) return;
    const handle = this.#handle;
    this.#handle = 0;
    if (!this.#owned) return;
    net.unregister(this);
    native[this.constructor.release](handle);
  }

  // A message for another Worker, which gets the object from `borrow`. The object stays this environment's own.
  share() {
    if (this.closed) throw new SkeinError(Status.INVALID_HANDLE, `${this.constructor.name}: closed`);
    return { skein: this.constructor.name, handle: this.#handle, parent: this.#parent?.share() };
  }
}

// Declares a class, with the function of the addon that releases its handles.
function declare(type, release) {
  type.release = release;
  if (Symbol.dispose) type.prototype[Symbol.dispose] = type.prototype.close;
  classes.set(type.name, type);
}

// Makes an object of what `share` gave. It uses the other environment's handle: when that is released, calls fail with
// INVALID_HANDLE.
function borrow(shared) {
  const type = classes.get(shared?.skein);
  if (type === undefined || !Number.isSafeInteger(shared.handle)) {
    throw invalidArgument('borrow: expected what share() gave');
  }
  return new type(shared.handle, shared.parent && borrow(shared.parent), false);
}

// The handle of an argument that has to be of a class.
function handleOf(object, type, what) {
  if (object instanceof type) return object.handle;
  throw invalidArgument(`${what}: expected a ${type.name}`);
}

module.exports = { Handle, borrow, declare, handleOf };
