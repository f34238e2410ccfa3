// The handles that one JavaScript environment (the main thread or a Worker) owns, so that its end can release what
// JavaScript did not. Not: handles that were borrowed from another environment, which are not in the set.
// Threads: the environment's own.
#ifndef SKEIN_BINDINGS_NODE_HANDLES_H_
#define SKEIN_BINDINGS_NODE_HANDLES_H_

#include <skein/skein.h>
#include <stdbool.h>
#include <stddef.h>

// In the order in which the end of an environment releases them: a queue first, because it cancels its requests.
typedef enum handle_kind {
  HANDLE_QUEUE,
  HANDLE_REQUEST,
  HANDLE_STREAM,
  HANDLE_PREFIX,
  HANDLE_TOKENIZER,
  HANDLE_OPTIONS,
  HANDLE_MODEL,
  HANDLE_RUNTIME,
  NUM_HANDLE_KINDS
} handle_kind;

typedef struct owned_handle {
  void* handle;  // NULL: a free place
  handle_kind kind;
} owned_handle;

// A hash table with linear probing. All zero is the empty set.
typedef struct handle_set {
  owned_handle* places;
  size_t num_places;  // a power of two, or 0
  size_t num_handles;
} handle_set;

// Releases one handle, whoever owns it.
skein_status handle_release(handle_kind kind, void* handle, skein_error* error);

// Puts a handle in. False: there is no memory, and the set is what it was.
bool handle_set_add(handle_set* set, handle_kind kind, void* handle);

// Takes a handle out, if it is in.
void handle_set_remove(handle_set* set, void* handle);

// Releases all handles, and the memory of the set, which is empty then.
void handle_set_release_all(handle_set* set);

#endif  // SKEIN_BINDINGS_NODE_HANDLES_H_
