// A call of the ABI that may take long: it runs on another thread, and a promise has its result. The call owns copies
// of everything that it reads, so that JavaScript may change or free what it gave meanwhile.
#ifndef SKEIN_BINDINGS_NODE_CALL_H_
#define SKEIN_BINDINGS_NODE_CALL_H_

#include <node_api.h>
#include <skein/skein.h>

#include "handles.h"
#include "mailbox.h"

struct call {
  call* next;  // in a list of the mailbox
  mailbox* box;
  napi_deferred deferred;

  skein_status (*run)(call* self);  // on the other thread, without JavaScript
  // On the JavaScript thread. With `itemised` it is also called for a call that failed, and its result is the error's
  // property `items`.
  napi_value (*result)(napi_env env, call* self);
  bool itemised;

  // The arguments. Texts were allocated with malloc; NULL where there are none.
  void* subject;  // a handle
  void* options;
  char* text;
  char* second_text;
  uint32_t flags;
  int64_t number;

  // The results, or more arguments: elements in memory of malloc.
  void* data;
  uint64_t count;
  void (*free_data)(void* data);  // NULL: free

  void* made;  // a handle that the call made, released with the call unless somebody took it
  handle_kind made_kind;

  skein_status status;
  skein_error error;
};

// Frees a call that no thread runs, and releases what it made.
void call_free(call* self);

#endif  // SKEIN_BINDINGS_NODE_CALL_H_
