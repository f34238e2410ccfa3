'use strict';
// The package `skein`. Its documentation is index.d.ts.
const { SkeinError, Status } = require('./error.js');
const { Event } = require('./event.js');
const { Generation } = require('./generation.js');
const { borrow } = require('./handle.js');
const { Model } = require('./model.js');
const native = require('./native.js');
const { Options, optionKeys } = require('./options.js');
const { Prefix, describeSnapshot } = require('./prefix.js');
const { Queue } = require('./queue.js');
const { Request } = require('./request.js');
const { Runtime } = require('./runtime.js');
const { Stream } = require('./stream.js');
const { Tokenizer } = require('./tokenizer.js');

// The version of the library that is running.
const version = native.version();

// The name of a status code, such as "INVALID_ARGUMENT".
const statusName = (code) => native.statusName(code);

module.exports = {
  Event,
  Generation,
  Model,
  Options,
  Prefix,
  Queue,
  Request,
  Runtime,
  SkeinError,
  Status,
  Stream,
  Tokenizer,
  borrow,
  describeSnapshot,
  optionKeys,
  statusName,
  version,
};
