'use strict';
// Every failure of the ABI is one class of error.
const native = require('./native.js');

const Status = Object.freeze({
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
  INVALID_HANDLE: 64,
});

class SkeinError extends Error {
  constructor(code, message, retryAfterMs = 0) {
    super(message);
    this.code = code;
    this.status = native.statusName(code);
    this.retryAfterMs = retryAfterMs;
  }
}
SkeinError.prototype.name = 'SkeinError';

// The error that the ABI would give for an argument that has no form there.
function invalidArgument(message) {
  return new SkeinError(Status.INVALID_ARGUMENT, message);
}

module.exports = { SkeinError, Status, invalidArgument };
