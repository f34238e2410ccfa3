'use strict';
// Prefix objects: a text that many streams begin with, read once.
const args = require('./arguments.js');
const { Handle, declare, handleOf } = require('./handle.js');
const native = require('./native.js');
const { withOptions } = require('./options.js');
const { Stream, saveFlags } = require('./stream.js');

class Prefix extends Handle {
  // Keeps the last committed place of a stream.
  static create(stream, name = '', provenance = '') {
    const handle = handleOf(stream, Stream, 'stream');
    args.text(name, 'name');
    return new Prefix(native.prefixCreate(handle, name, args.text(provenance, 'provenance')), stream.parent);
  }

  // A stream that starts there.
  start(options) {
    return withOptions(
      'stream', options, (handle) => new Stream(native.prefixStart(this.handle, handle), this.parent));
  }

  async info() {
    return await native.prefixGetInfo(this.handle);
  }

  get provenance() {
    return native.prefixProvenance(this.handle);
  }

  async save(path, options) {
    await native.prefixSave(this.handle, args.text(path, 'path'), saveFlags(options));
  }
}
declare(Prefix, 'prefixRelease');

// Describes a file of Prefix.save or Stream.save.
async function describeSnapshot(path, options) {
  args.text(path, 'path');
  return await withOptions('describe', options, (handle) => native.snapshotDescribe(path, handle));
}

module.exports = { Prefix, describeSnapshot };
