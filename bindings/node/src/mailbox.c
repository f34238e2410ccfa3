#include "mailbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

// Calls of one environment that run at a time. Evals that run together share steps, so that few threads would cost
// speed; a thread that waits costs little.
enum { MAX_THREADS = 32 };

// A queue whose wake-ups are delivered. It lives until skein_queue_set_wakeup or the release of the queue returned,
// after which the callback is not entered any more.
typedef struct watch {
  struct watch* next;
  mailbox* box;
  skein_queue queue;
  bool woken;
} watch;

typedef struct call_list {
  call* first;
  call* last;
} call_list;

struct mailbox {
  mailbox_reader reader;
  napi_threadsafe_function bell;

  pthread_mutex_t mutex;  // guards all below; held for a few instructions, and while the bell is rung
  unsigned num_owners;    // the environment, and each thread
  unsigned num_threads;
  bool open;
  bool rung;  // the JavaScript thread was called, and has not come yet
  call_list waiting;
  call_list ended;
  watch* watches;
};

static void push(call_list* list, call* added) {
  added->next = NULL;
  if (list->first == NULL) {
    list->first = added;
  } else {
    list->last->next = added;
  }
  list->last = added;
}

static call* pop(call_list* list) {
  call* first = list->first;
  if (first != NULL) list->first = first->next;
  return first;
}

// With the mutex held. An environment that is ending has closed the mailbox before its functions go, so that the bell
// is never rung after its end.
static void ring(mailbox* box) {
  if (!box->open || box->rung) return;
  box->rung = napi_call_threadsafe_function(box->bell, NULL, napi_tsfn_nonblocking) == napi_ok;
}

// Lets go of the mailbox, with the mutex held, which is unlocked.
static void disown(mailbox* box) {
  const bool last = --box->num_owners == 0;
  pthread_mutex_unlock(&box->mutex);
  if (!last) return;
  pthread_mutex_destroy(&box->mutex);
  free(box);
}

// A queue that woke up and was not delivered yet, or NULL. The list may change while one is delivered.
static skein_queue take_woken(mailbox* box) {
  skein_queue queue = NULL;
  pthread_mutex_lock(&box->mutex);
  for (watch* watched = box->watches; watched != NULL && queue == NULL; watched = watched->next) {
    if (watched->woken) queue = watched->queue;
    if (watched->woken) watched->woken = false;
  }
  pthread_mutex_unlock(&box->mutex);
  return queue;
}

static void on_bell(napi_env env, napi_value function, void* context, void* data) {
  mailbox* box = context;
  (void)function;
  (void)data;
  if (env == NULL) return;  // the environment is ending
  pthread_mutex_lock(&box->mutex);
  box->rung = false;
  call_list ended = box->ended;
  box->ended = (call_list){NULL, NULL};
  pthread_mutex_unlock(&box->mutex);
  for (call* one = pop(&ended); one != NULL; one = pop(&ended)) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) scope = NULL;
    box->reader.on_call(env, box->reader.argument, one);
    if (scope != NULL) napi_close_handle_scope(env, scope);
  }
  for (skein_queue queue = take_woken(box); queue != NULL; queue = take_woken(box)) {
    box->reader.on_wake(env, box->reader.argument, queue);
  }
}

mailbox* mailbox_open(napi_env env, mailbox_reader reader) {
  mailbox* box = calloc(1, sizeof(mailbox));
  if (box == NULL) return NULL;
  box->reader = reader;
  box->num_owners = 1;
  box->open = true;
  pthread_mutex_init(&box->mutex, NULL);
  napi_value name;
  if (napi_create_string_utf8(env, "skein", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, box, on_bell, &box->bell) != napi_ok) {
    pthread_mutex_destroy(&box->mutex);
    free(box);
    return NULL;
  }
  napi_unref_threadsafe_function(env, box->bell);
  return box;
}

void mailbox_close(mailbox* box) {
  pthread_mutex_lock(&box->mutex);
  box->open = false;
  call_list waiting = box->waiting, ended = box->ended;
  box->waiting = box->ended = (call_list){NULL, NULL};
  watch* watches = box->watches;
  box->watches = NULL;
  pthread_mutex_unlock(&box->mutex);
  for (call* one = pop(&waiting); one != NULL; one = pop(&waiting)) call_free(one);
  for (call* one = pop(&ended); one != NULL; one = pop(&ended)) call_free(one);
  while (watches != NULL) {
    watch* next = watches->next;
    skein_queue_set_wakeup(watches->queue, NULL, NULL, NULL);
    free(watches);
    watches = next;
  }
  pthread_mutex_lock(&box->mutex);
  disown(box);
}

void mailbox_hold(mailbox* box, napi_env env, bool hold) {
  if (hold) {
    napi_ref_threadsafe_function(env, box->bell);
  } else {
    napi_unref_threadsafe_function(env, box->bell);
  }
}

// A thread runs the call that it was started for, and then those that wait.
static void* run_calls(void* argument) {
  call* running = argument;
  mailbox* box = running->box;
  while (running != NULL) {
    running->status = running->run(running);
    pthread_mutex_lock(&box->mutex);
    const bool open = box->open;
    if (open) push(&box->ended, running);
    ring(box);
    call* next = pop(&box->waiting);
    if (next == NULL) --box->num_threads;
    pthread_mutex_unlock(&box->mutex);
    if (!open) call_free(running);
    running = next;
  }
  pthread_mutex_lock(&box->mutex);
  disown(box);
  return NULL;
}

static bool start_thread(call* first) {
  pthread_t thread;
  pthread_attr_t detached;
  if (pthread_attr_init(&detached) != 0) return false;
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  const bool started = pthread_create(&thread, &detached, run_calls, first) == 0;
  pthread_attr_destroy(&detached);
  return started;
}

bool mailbox_run(mailbox* box, call* started) {
  started->box = box;
  pthread_mutex_lock(&box->mutex);
  const bool waits = box->num_threads == MAX_THREADS;
  if (waits) {
    push(&box->waiting, started);
  } else {
    ++box->num_threads;
    ++box->num_owners;
  }
  pthread_mutex_unlock(&box->mutex);
  if (waits || start_thread(started)) return true;
  pthread_mutex_lock(&box->mutex);
  --box->num_threads;
  disown(box);
  return false;
}

// On the thread that adds the event.
static void on_wakeup(void* argument) {
  watch* watched = argument;
  pthread_mutex_lock(&watched->box->mutex);
  watched->woken = true;
  ring(watched->box);
  pthread_mutex_unlock(&watched->box->mutex);
}

// Takes the watch of a queue out of the list; NULL: there is none.
static watch* take_watch(mailbox* box, skein_queue queue) {
  pthread_mutex_lock(&box->mutex);
  watch** place = &box->watches;
  while (*place != NULL && (*place)->queue != queue) place = &(*place)->next;
  watch* found = *place;
  if (found != NULL) *place = found->next;
  pthread_mutex_unlock(&box->mutex);
  return found;
}

skein_status mailbox_watch(mailbox* box, skein_queue queue, bool wanted, skein_error* error) {
  watch* added = wanted ? calloc(1, sizeof(watch)) : NULL;
  if (wanted && added == NULL) return SKEIN_RESOURCE_EXHAUSTED;
  watch* old = take_watch(box, queue);
  if (wanted) {
    pthread_mutex_lock(&box->mutex);
    *added = (watch){box->watches, box, queue, false};
    box->watches = added;
    pthread_mutex_unlock(&box->mutex);
  }
  const skein_status status = skein_queue_set_wakeup(queue, wanted ? on_wakeup : NULL, added, error);
  free(old);
  if (status != SKEIN_OK && wanted) free(take_watch(box, queue));
  return status;
}

void mailbox_forget(mailbox* box, skein_queue queue) { free(take_watch(box, queue)); }
