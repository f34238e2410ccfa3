// Status codes, and the message that goes with a failure.
#ifndef SKEIN_STATUS_H_
#define SKEIN_STATUS_H_

#include "skein/base.h"

SKEIN_EXTERN_C_BEGIN

// 0 to 16 are the canonical codes that gRPC and Abseil use; skein's own start at 64.
#define SKEIN_OK 0
#define SKEIN_CANCELLED 1
#define SKEIN_UNKNOWN 2
#define SKEIN_INVALID_ARGUMENT 3  // the arguments are wrong whatever the state of the library
#define SKEIN_DEADLINE_EXCEEDED 4
#define SKEIN_NOT_FOUND 5  // no such file, device, key, plugin or entry
#define SKEIN_ALREADY_EXISTS 6
#define SKEIN_PERMISSION_DENIED 7
#define SKEIN_RESOURCE_EXHAUSTED 8   // out of memory, slots or queue room; see skein_error.retry_after_ms
#define SKEIN_FAILED_PRECONDITION 9  // not in this state: a request runs on the stream, or a forked child (base.h)
#define SKEIN_ABORTED 10
#define SKEIN_OUT_OF_RANGE 11   // the caller's buffer is too small, or an index is past the end
#define SKEIN_UNIMPLEMENTED 12  // this device, format or build does not offer it
#define SKEIN_INTERNAL 13       // a defect of skein or of a plugin
#define SKEIN_UNAVAILABLE 14    // a device of the model is lost; release the model, and load it again
#define SKEIN_DATA_LOSS 15      // a file or snapshot is truncated, corrupt or lies about itself
#define SKEIN_UNAUTHENTICATED 16
#define SKEIN_INVALID_HANDLE 64  // NULL, released, foreign or garbage where a handle is expected

#define SKEIN_ERROR_MESSAGE_BYTES 1008  // room for a message, its NUL included

// Why a call failed. Owned by the caller, who may pass NULL instead. Its size is fixed within 1.x, so it needs no
// set-up. A call that fails fills it. A call that succeeds sets `code` to SKEIN_OK and `message` to "".
typedef struct skein_error {
  skein_status code;                        // what the call returned
  uint32_t message_bytes;                   // length of `message` without the NUL
  uint32_t retry_after_ms;                  // with RESOURCE_EXHAUSTED: when trying again makes sense; 0 where unknown
  uint32_t reserved;                        // 0
  char message[SKEIN_ERROR_MESSAGE_BYTES];  // UTF-8, NUL-terminated: what was expected, what was found and where
} skein_error;

// The name of a code, such as "INVALID_ARGUMENT". Lives for ever; "UNKNOWN_CODE" for a number that is none.
SKEIN_API const char* skein_status_name(skein_status status);

SKEIN_EXTERN_C_END

#endif  // SKEIN_STATUS_H_
