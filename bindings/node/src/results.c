// Ends calls from JavaScript: values, errors, promises.
#include <stdlib.h>
#include <string.h>

#include "addon.h"

static void free_kept(arguments* args) {
  while (args->kept != NULL) {
    void* before = *(void**)args->kept;
    free(args->kept);
    args->kept = before;
  }
}

napi_value make_double(napi_env env, double number) {
  napi_value value = NULL;
  napi_create_double(env, number, &value);
  return value;
}

napi_value make_unsigned(napi_env env, uint64_t number) {
  napi_value value = NULL;
  if (number <= (UINT64_C(1) << 53)) return make_double(env, (double)number);
  napi_create_bigint_uint64(env, number, &value);
  return value;
}

napi_value make_text(napi_env env, const char* text, size_t size) {
  napi_value value = NULL;
  napi_create_string_utf8(env, text, size, &value);
  return value;
}

void set_property(napi_env env, napi_value object, const char* name, napi_value value) {
  if (value != NULL) napi_set_named_property(env, object, name, value);
}

static size_t element_bytes(napi_typedarray_type type) {
  switch (type) {
    case napi_uint8_array:
      return 1;
    case napi_float64_array:
      return 8;
    default:
      return 4;
  }
}

static void free_contents(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  free(data);
}

napi_value make_array(napi_env env, napi_typedarray_type type, void* data, size_t count) {
  const size_t size = count * element_bytes(type);
  napi_value buffer = NULL, array = NULL;
  void* copy;
  // Small contents are copied: an external buffer costs more than that.
  if (size < 65536 || napi_create_external_arraybuffer(env, data, size, free_contents, NULL, &buffer) != napi_ok) {
    if (napi_create_arraybuffer(env, size, &copy, &buffer) == napi_ok && size > 0) memcpy(copy, data, size);
    free(data);
  }
  if (buffer != NULL) napi_create_typedarray(env, type, count, buffer, 0, &array);
  return array;
}

// The package's error class, or an ordinary error before the package has set it.
static napi_value make_error(arguments* args, const skein_error* error) {
  napi_env env = args->env;
  napi_value constructor = NULL, value = NULL;
  napi_value parts[] = {make_double(env, error->code), make_text(env, error->message, error->message_bytes),
                        make_double(env, error->retry_after_ms)};
  if (args->shared->error_class != NULL) napi_get_reference_value(env, args->shared->error_class, &constructor);
  if (constructor == NULL || napi_new_instance(env, constructor, 3, parts, &value) != napi_ok) {
    napi_create_error(env, NULL, parts[1], &value);
  }
  return value;
}

static void set_error(skein_error* error, skein_status code, const char* message) {
  *error = (skein_error){.code = code, .message_bytes = (uint32_t)strlen(message)};
  memcpy(error->message, message, error->message_bytes + 1);
}

static const char kNoMemory[] = "no memory for the arguments or the result of a call";

napi_value finish(arguments* args, skein_status status, napi_value value) {
  free_kept(args);
  if (args->no_memory) {
    status = SKEIN_RESOURCE_EXHAUSTED;
    set_error(&args->error, status, kNoMemory);
  }
  if (status == SKEIN_OK) return value;
  if (args->error.code != status) set_error(&args->error, status, kNoMemory);
  napi_throw(args->env, make_error(args, &args->error));
  return NULL;
}

// Takes over a handle that was made. False: no memory, and it was released.
static bool own(addon* shared, handle_kind kind, void* made) {
  if (handle_set_add(&shared->handles, kind, made)) return true;
  handle_release(kind, made, NULL);
  return false;
}

napi_value finish_made(arguments* args, skein_status status, void* made, handle_kind kind) {
  if (made != NULL && !own(args->shared, kind, made)) {
    made = NULL;
    args->no_memory = true;
  }
  return finish(args, status, made != NULL ? make_unsigned(args->env, (uintptr_t)made) : NULL);
}

napi_value finish_number(arguments* args, skein_status status, double number) {
  return finish(args, status, status == SKEIN_OK ? make_double(args->env, number) : NULL);
}

napi_value finish_unsigned(arguments* args, skein_status status, uint64_t number) {
  return finish(args, status, status == SKEIN_OK ? make_unsigned(args->env, number) : NULL);
}

napi_value finish_text(arguments* args, skein_status status, const char* text) {
  return finish(args, status, status == SKEIN_OK ? make_text(args->env, text, NAPI_AUTO_LENGTH) : NULL);
}

napi_value finish_release(napi_env env, napi_callback_info info, handle_kind kind) {
  arguments args = read_arguments(env, info);
  void* handle = handle_at(&args, 0);
  const skein_status status = handle_release(kind, handle, &args.error);
  if (status == SKEIN_OK) handle_set_remove(&args.shared->handles, handle);
  if (status == SKEIN_OK && kind == HANDLE_QUEUE) mailbox_forget(args.shared->box, handle);
  return finish(&args, status, NULL);
}

// --- calls on other threads ---

call* new_call(arguments* args, skein_status (*run)(call*), napi_value (*result)(napi_env, call*)) {
  call* made = calloc(1, sizeof(call));
  if (made == NULL) {
    args->no_memory = true;
    return NULL;
  }
  made->run = run;
  made->result = result;
  return made;
}

call* new_file_call(arguments* args, skein_status (*run)(call*), napi_value (*result)(napi_env, call*)) {
  call* made = new_call(args, run, result);
  if (made != NULL) {
    made->subject = handle_at(args, 0);
    made->text = copy_text_at(args, 1);
  }
  return made;
}

napi_value finish_call(arguments* args, call* started) {
  napi_value promise = NULL;
  if (started == NULL || args->no_memory || napi_create_promise(args->env, &started->deferred, &promise) != napi_ok) {
    if (started != NULL) call_free(started);
    args->no_memory = true;
    return finish(args, SKEIN_RESOURCE_EXHAUSTED, NULL);
  }
  if (!mailbox_run(args->shared->box, started)) {
    set_error(&args->error, SKEIN_RESOURCE_EXHAUSTED, "the system has no thread for a call");
    napi_reject_deferred(args->env, started->deferred, make_error(args, &args->error));
    call_free(started);
    return finish(args, SKEIN_OK, promise);
  }
  if (args->shared->num_holds++ == 0) mailbox_hold(args->shared->box, args->env, true);
  return finish(args, SKEIN_OK, promise);
}

napi_value result_nothing(napi_env env, call* self) {
  napi_value value = NULL;
  (void)self;
  napi_get_undefined(env, &value);
  return value;
}

napi_value result_made(napi_env env, call* self) {
  addon* shared = NULL;
  napi_get_instance_data(env, (void**)&shared);
  void* made = self->made;
  self->made = NULL;
  return own(shared, self->made_kind, made) ? make_unsigned(env, (uintptr_t)made) : NULL;
}

napi_value result_number(napi_env env, call* self) { return make_double(env, (double)self->number); }

napi_value result_text(napi_env env, call* self) { return make_text(env, self->data, self->count); }

// Hands the contents of a call over to an array.
static napi_value take_data(napi_env env, call* self, napi_typedarray_type type) {
  void* data = self->data;
  self->data = NULL;
  return make_array(env, type, data, self->count);
}

napi_value result_bytes(napi_env env, call* self) { return take_data(env, self, napi_uint8_array); }

napi_value result_floats(napi_env env, call* self) { return take_data(env, self, napi_float32_array); }

// --- contents of unknown size ---

skein_status fetch(fill_function fill, void* context, size_t size_of_element, void** data, uint64_t* count,
                   skein_error* error) {
  uint64_t capacity = 4096 / size_of_element;
  *data = NULL;
  for (;;) {
    void* room = capacity > SIZE_MAX / size_of_element ? NULL : realloc(*data, capacity * size_of_element);
    if (room == NULL) {
      set_error(error, SKEIN_RESOURCE_EXHAUSTED, kNoMemory);
      break;
    }
    *data = room;
    *count = 0;
    const skein_status status = fill(context, room, capacity, count, error);
    if (status == SKEIN_OK) return status;
    if (status != SKEIN_OUT_OF_RANGE || *count <= capacity) break;
    capacity = *count;
  }
  free(*data);
  *data = NULL;
  *count = 0;
  return error->code;
}
