// Streams, their past, and prefixes.
#include "support.h"

NATIVE(jlong, streamCreate)(JNIEnv* env, jclass c, jlong model, jlong options) {
  (void)c;
  skein_error error;
  skein_stream stream = NULL;
  check(env, skein_stream_create(HANDLE(skein_model, model), HANDLE(skein_options, options), &stream, &error), &error);
  return NUMBER(stream);
}

NATIVE(void, streamRelease)(JNIEnv* env, jclass c, jlong stream) {
  (void)c;
  skein_error error;
  check(env, skein_stream_release(HANDLE(skein_stream, stream), &error), &error);
}

NATIVE(void, streamReset)(JNIEnv* env, jclass c, jlong stream) {
  (void)c;
  skein_error error;
  check(env, skein_stream_reset(HANDLE(skein_stream, stream), &error), &error);
}

NATIVE(jlong, streamFork)(JNIEnv* env, jclass c, jlong stream) {
  (void)c;
  skein_error error;
  skein_stream copy = NULL;
  check(env, skein_stream_fork(HANDLE(skein_stream, stream), &copy, &error), &error);
  return NUMBER(copy);
}

NATIVE(jlong, streamForkAt)(JNIEnv* env, jclass c, jlong stream, jlong position, jlongArray replayed) {
  (void)c;
  skein_error error;
  skein_stream copy = NULL;
  uint64_t again = 0;
  const skein_stream handle = HANDLE(skein_stream, stream);
  if (check(env, skein_stream_fork_at(handle, (uint64_t)position, &copy, &again, &error), &error)) {
    const jlong number = (jlong)again;
    put_numbers(env, replayed, &number, 1);
  }
  return NUMBER(copy);
}

NATIVE(jlong, streamPosition)(JNIEnv* env, jclass c, jlong stream) {
  (void)c;
  skein_error error;
  uint64_t position = 0;
  check(env, skein_stream_position(HANDLE(skein_stream, stream), &position, &error), &error);
  return (jlong)position;
}

NATIVE(jintArray, streamTokens)(JNIEnv* env, jclass c, jlong stream, jlong begin) {
  (void)c;
  skein_error error;
  room r;
  make_room(&r, sizeof(skein_token));
  skein_status status;
  do {
    status = skein_stream_tokens(HANDLE(skein_stream, stream), (uint64_t)begin, r.data, r.capacity, &r.size, &error);
  } while (needs_more(&r, status));
  return tokens_in(env, &r, status, &error);
}

NATIVE(jlong, streamTruncate)(JNIEnv* env, jclass c, jlong stream, jlong position) {
  (void)c;
  skein_error error;
  uint64_t replayed = 0;
  check(env, skein_stream_truncate(HANDLE(skein_stream, stream), (uint64_t)position, &replayed, &error), &error);
  return (jlong)replayed;
}

NATIVE(void, streamSetCheckpoint)(JNIEnv* env, jclass c, jlong stream, jbyteArray name) {
  (void)c;
  skein_error error;
  copied n = bytes_of(env, name);
  if (n.ok) check(env, skein_stream_set_checkpoint(HANDLE(skein_stream, stream), n.data, &error), &error);
  free(n.data);
}

NATIVE(jlong, streamFindCheckpoint)(JNIEnv* env, jclass c, jlong stream, jbyteArray name) {
  (void)c;
  skein_error error;
  uint64_t position = 0;
  copied n = bytes_of(env, name);
  if (n.ok) check(env, skein_stream_find_checkpoint(HANDLE(skein_stream, stream), n.data, &position, &error), &error);
  free(n.data);
  return (jlong)position;
}

// Two arrays: position and bytes of each, and the names.
static jobjectArray wrap_checkpoints(JNIEnv* env, const skein_checkpoint* places, jsize count) {
  jclass object = (*env)->FindClass(env, "java/lang/Object");
  jobjectArray both = object == NULL ? NULL : (*env)->NewObjectArray(env, 2, object, NULL);
  jlongArray numbers = both == NULL ? NULL : (*env)->NewLongArray(env, 2 * count);
  jobjectArray names = numbers == NULL ? NULL : new_texts(env, count);
  if (names == NULL) return NULL;
  for (jsize i = 0; i < count; i++) {
    const jlong pair[] = {(jlong)places[i].position, (jlong)places[i].state_bytes};
    (*env)->SetLongArrayRegion(env, numbers, 2 * i, 2, pair);
    jbyteArray name = new_bytes(env, places[i].name, strlen(places[i].name));
    if (name == NULL) return NULL;
    (*env)->SetObjectArrayElement(env, names, i, name);
    (*env)->DeleteLocalRef(env, name);
  }
  (*env)->SetObjectArrayElement(env, both, 0, numbers);
  (*env)->SetObjectArrayElement(env, both, 1, names);
  return both;
}

NATIVE(jobjectArray, streamCheckpoints)(JNIEnv* env, jclass c, jlong stream) {
  (void)c;
  skein_error error;
  room r;
  make_room(&r, sizeof(skein_checkpoint));
  skein_status status;
  do {
    status = skein_stream_checkpoints(HANDLE(skein_stream, stream), r.data, sizeof(skein_checkpoint), r.capacity,
                                      &r.size, &error);
  } while (needs_more(&r, status));
  jobjectArray both = filled(env, &r, status, &error) ? wrap_checkpoints(env, r.data, (jsize)r.size) : NULL;
  free_room(&r);
  return both;
}

NATIVE(jbyteArray, streamSnapshot)(JNIEnv* env, jclass c, jlong stream, jint flags) {
  (void)c;
  skein_error error;
  room r;
  make_room(&r, 1);
  skein_status status;
  do {
    status = flags == 0 ? skein_stream_snapshot(HANDLE(skein_stream, stream), r.data, r.capacity, &r.size, &error)
                        : skein_stream_snapshot_with(HANDLE(skein_stream, stream), (uint32_t)flags, r.data, r.capacity,
                                                     &r.size, &error);
  } while (needs_more(&r, status));
  return bytes_in(env, &r, status, &error);
}

NATIVE(void, streamRestore)(JNIEnv* env, jclass c, jlong stream, jbyteArray snapshot) {
  (void)c;
  skein_error error;
  copied s = bytes_of(env, snapshot);
  if (s.ok) check(env, skein_stream_restore(HANDLE(skein_stream, stream), s.data, s.count, &error), &error);
  free(s.data);
}

NATIVE(void, streamSave)(JNIEnv* env, jclass c, jlong stream, jbyteArray path, jint flags) {
  (void)c;
  skein_error error;
  copied p = bytes_of(env, path);
  if (p.ok) check(env, skein_stream_save(HANDLE(skein_stream, stream), p.data, (uint32_t)flags, &error), &error);
  free(p.data);
}

NATIVE(void, streamLoad)(JNIEnv* env, jclass c, jlong stream, jbyteArray path) {
  (void)c;
  skein_error error;
  copied p = bytes_of(env, path);
  if (p.ok) check(env, skein_stream_load(HANDLE(skein_stream, stream), p.data, &error), &error);
  free(p.data);
}

NATIVE(jfloatArray, streamState)(JNIEnv* env, jclass c, jlong stream) {
  (void)c;
  skein_error error;
  room r;
  make_room(&r, sizeof(float));
  skein_status status;
  do {
    status = skein_stream_state(HANDLE(skein_stream, stream), r.data, r.capacity, &r.size, &error);
  } while (needs_more(&r, status));
  jfloatArray array = filled(env, &r, status, &error) ? (*env)->NewFloatArray(env, (jsize)r.size) : NULL;
  if (array != NULL) (*env)->SetFloatArrayRegion(env, array, 0, (jsize)r.size, r.data);
  free_room(&r);
  return array;
}

// --- prefixes ---

NATIVE(jlong, prefixCreate)(JNIEnv* env, jclass c, jlong stream, jbyteArray name, jbyteArray provenance) {
  (void)c;
  skein_error error;
  skein_prefix prefix = NULL;
  copied n = bytes_of(env, name);
  copied p = bytes_of(env, provenance);
  if (n.ok && p.ok) {
    check(env, skein_prefix_create(HANDLE(skein_stream, stream), n.data, p.data, &prefix, &error), &error);
  }
  free(n.data);
  free(p.data);
  return NUMBER(prefix);
}

NATIVE(void, prefixRelease)(JNIEnv* env, jclass c, jlong prefix) {
  (void)c;
  skein_error error;
  check(env, skein_prefix_release(HANDLE(skein_prefix, prefix), &error), &error);
}

NATIVE(jlong, prefixStart)(JNIEnv* env, jclass c, jlong prefix, jlong options) {
  (void)c;
  skein_error error;
  skein_stream stream = NULL;
  check(env, skein_prefix_start(HANDLE(skein_prefix, prefix), HANDLE(skein_options, options), &stream, &error), &error);
  return NUMBER(stream);
}

NATIVE(void, prefixGetInfo)(JNIEnv* env, jclass c, jlong prefix, jlongArray numbers, jobjectArray texts) {
  (void)c;
  skein_error error;
  skein_prefix_info info = {.struct_size = sizeof(info)};
  if (!check(env, skein_prefix_get_info(HANDLE(skein_prefix, prefix), &info, &error), &error)) return;
  const jlong values[] = {(jlong)info.position, (jlong)info.state_bytes, (jlong)info.file_bytes};
  const char* const strings[] = {info.name, info.fingerprint};
  put_numbers(env, numbers, values, COUNT(values));
  put_texts(env, texts, strings, COUNT(strings));
}

NATIVE(jbyteArray, prefixProvenance)(JNIEnv* env, jclass c, jlong prefix) {
  (void)c;
  skein_error error;
  room r;
  make_room(&r, 1);
  skein_status status;
  do {
    status = skein_prefix_provenance(HANDLE(skein_prefix, prefix), r.data, r.capacity, &r.size, &error);
  } while (needs_more(&r, status));
  return bytes_in(env, &r, status, &error);
}

NATIVE(void, prefixSave)(JNIEnv* env, jclass c, jlong prefix, jbyteArray path, jint flags) {
  (void)c;
  skein_error error;
  copied p = bytes_of(env, path);
  if (p.ok) check(env, skein_prefix_save(HANDLE(skein_prefix, prefix), p.data, (uint32_t)flags, &error), &error);
  free(p.data);
}

NATIVE(jlong, prefixLoad)(JNIEnv* env, jclass c, jlong model, jbyteArray path) {
  (void)c;
  skein_error error;
  skein_prefix prefix = NULL;
  copied p = bytes_of(env, path);
  if (p.ok) check(env, skein_prefix_load(HANDLE(skein_model, model), p.data, &prefix, &error), &error);
  free(p.data);
  return NUMBER(prefix);
}

NATIVE(jbyteArray, snapshotDescribe)(JNIEnv* env, jclass c, jbyteArray path, jlong options) {
  (void)c;
  skein_error error;
  copied p = bytes_of(env, path);
  if (!p.ok) return NULL;
  room r;
  make_room(&r, 1);
  skein_status status;
  do {
    status = skein_snapshot_describe(p.data, HANDLE(skein_options, options), r.data, r.capacity, &r.size, &error);
  } while (needs_more(&r, status));
  free(p.data);
  return bytes_in(env, &r, status, &error);
}
