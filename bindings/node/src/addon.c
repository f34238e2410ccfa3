// The addon of the package `skein`: its exports, and the begin and end of an environment. Context-aware: each Worker
// has data of its own, and no function has any other state.
#include "addon.h"

#include <stdlib.h>

// A call that has ended: the promise gets its result.
static void on_call(napi_env env, void* argument, call* ended) {
  addon* shared = argument;
  arguments args = {.env = env, .shared = shared, .error = ended->error};
  napi_value value = NULL;
  if (ended->status == SKEIN_OK || (ended->itemised && ended->data != NULL)) value = ended->result(env, ended);
  if (ended->status == SKEIN_OK && value != NULL) {
    napi_resolve_deferred(env, ended->deferred, value);
  } else {
    args.no_memory = ended->status == SKEIN_OK;
    finish(&args, ended->status, NULL);
    napi_value error = NULL;
    napi_get_and_clear_last_exception(env, &error);
    if (value != NULL) set_property(env, error, "items", value);
    napi_reject_deferred(env, ended->deferred, error);
  }
  call_free(ended);
  if (--shared->num_holds == 0) mailbox_hold(shared->box, env, false);
}

// A queue that woke up. What the callback throws ends the process, unless the host catches `uncaughtException`.
static void on_wake(napi_env env, void* argument, skein_queue queue) {
  addon* shared = argument;
  napi_value wake = NULL, self = NULL, handle = make_unsigned(env, (uintptr_t)queue);
  if (shared->wake == NULL || napi_get_reference_value(env, shared->wake, &wake) != napi_ok) return;
  napi_get_undefined(env, &self);
  if (napi_call_function(env, self, wake, 1, &handle, NULL) != napi_pending_exception) return;
  napi_value thrown = NULL;
  napi_get_and_clear_last_exception(env, &thrown);
  napi_fatal_exception(env, thrown);
}

// Runs before the finalisers of the environment. From here on no thread calls into it.
static void end_environment(void* argument) {
  addon* shared = argument;
  mailbox_close(shared->box);
  shared->box = NULL;
  handle_set_release_all(&shared->handles);
}

static void free_environment(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  free(data);
}

// setup(errorClass, wake)
static napi_value setup(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  napi_create_reference(env, args.at[0], 1, &args.shared->error_class);
  napi_create_reference(env, args.at[1], 1, &args.shared->wake);
  return finish(&args, SKEIN_OK, NULL);
}

// hold(difference): the event loop waits while the sum of all is above 0.
static napi_value hold(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  const uint64_t before = args.shared->num_holds;
  args.shared->num_holds += (uint64_t)signed_at(&args, 0);
  if ((before == 0) != (args.shared->num_holds == 0)) mailbox_hold(args.shared->box, env, before == 0);
  return finish(&args, SKEIN_OK, NULL);
}

// numOwned(): the handles that the environment has not released.
static napi_value num_owned(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish_number(&args, SKEIN_OK, (double)args.shared->handles.num_handles);
}

static napi_value version(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish_text(&args, SKEIN_OK, skein_version());
}

static napi_value status_name(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish_text(&args, SKEIN_OK, skein_status_name((skein_status)signed_at(&args, 0)));
}

static const raw_function kOwnFunctions[] = {
    {"setup", setup}, {"hold", hold}, {"numOwned", num_owned}, {"version", version}, {"statusName", status_name},
    {NULL, NULL},
};

static bool export_all(napi_env env, napi_value exports, const raw_function* functions) {
  for (; functions->name != NULL; ++functions) {
    napi_value function;
    if (napi_create_function(env, functions->name, NAPI_AUTO_LENGTH, functions->callback, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, functions->name, function) != napi_ok) {
      return false;
    }
  }
  return true;
}

NAPI_MODULE_INIT() {
  const raw_function* lists[] = {kOwnFunctions,       kRuntimeFunctions, kOptionsFunctions, kModelFunctions,
                                 kTokenizerFunctions, kStreamFunctions,  kHistoryFunctions, kPrefixFunctions,
                                 kQueueFunctions,     kRequestFunctions, kScoreFunctions};
  addon* shared = calloc(1, sizeof(addon));
  if (shared != NULL) shared->box = mailbox_open(env, (mailbox_reader){on_call, on_wake, shared});
  if (shared == NULL || shared->box == NULL) {
    free(shared);
    napi_throw_error(env, NULL, "skein: no memory for the addon");
    return NULL;
  }
  napi_set_instance_data(env, shared, free_environment, NULL);
  napi_add_env_cleanup_hook(env, end_environment, shared);
  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); ++i) {
    if (!export_all(env, exports, lists[i])) break;
  }
  return exports;
}
