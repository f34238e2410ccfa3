// How other threads reach the JavaScript thread of an environment: ended calls (call.h) and queues that woke up. Also
// the threads on which long calls run, so that none of them blocks the event loop or takes a thread of libuv's pool,
// which `process.exit` would wait for.
//
// A mailbox outlives its environment as long as a call runs. Once it is closed, nothing is delivered any more.
// Threads: as each function says.
#ifndef SKEIN_BINDINGS_NODE_MAILBOX_H_
#define SKEIN_BINDINGS_NODE_MAILBOX_H_

#include <node_api.h>
#include <skein/skein.h>
#include <stdbool.h>

typedef struct mailbox mailbox;
typedef struct call call;

// The functions that the JavaScript thread runs for a call that has ended, which `on_call` frees, and for a queue.
typedef struct mailbox_reader {
  void (*on_call)(napi_env env, void* argument, call* ended);
  void (*on_wake)(napi_env env, void* argument, skein_queue queue);
  void* argument;
} mailbox_reader;

// Makes a mailbox, or gives NULL. Threads: the JavaScript thread.
mailbox* mailbox_open(napi_env env, mailbox_reader reader);

// Ends all delivery, and drops the calls that have not begun. Those that run go on, and are dropped when they end.
// Threads: the JavaScript thread, in the environment's clean-up hook.
void mailbox_close(mailbox* box);

// Whether the event loop waits for this mailbox. Threads: the JavaScript thread.
void mailbox_hold(mailbox* box, napi_env env, bool hold);

// Runs a call on another thread, at once or when one of those that run has ended. False: no thread could be started.
// Threads: the JavaScript thread.
bool mailbox_run(mailbox* box, call* started);

// Has `on_wake` called on the JavaScript thread when the queue turns from empty to not empty; `wanted` false ends that.
// Threads: the JavaScript thread.
skein_status mailbox_watch(mailbox* box, skein_queue queue, bool wanted, skein_error* error);

// Forgets a queue that was released.
void mailbox_forget(mailbox* box, skein_queue queue);

#endif  // SKEIN_BINDINGS_NODE_MAILBOX_H_
