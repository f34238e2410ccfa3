// Version, names of codes, options.
#include "support.h"

NATIVE(jbyteArray, version)(JNIEnv* env, jclass c) {
  (void)c;
  return new_bytes(env, skein_version(), strlen(skein_version()));
}

NATIVE(jbyteArray, statusName)(JNIEnv* env, jclass c, jint status) {
  (void)c;
  return new_bytes(env, skein_status_name(status), strlen(skein_status_name(status)));
}

NATIVE(jlong, optionsCreate)(JNIEnv* env, jclass c, jint kind) {
  (void)c;
  skein_error error;
  skein_options options = NULL;
  check(env, skein_options_create((uint32_t)kind, &options, &error), &error);
  return NUMBER(options);
}

NATIVE(void, optionsSetI64)(JNIEnv* env, jclass c, jlong options, jbyteArray key, jlong value) {
  (void)c;
  skein_error error;
  copied k = bytes_of(env, key);
  if (k.ok) check(env, skein_options_set_i64(HANDLE(skein_options, options), k.data, value, &error), &error);
  free(k.data);
}

NATIVE(void, optionsSetF64)(JNIEnv* env, jclass c, jlong options, jbyteArray key, jdouble value) {
  (void)c;
  skein_error error;
  copied k = bytes_of(env, key);
  if (k.ok) check(env, skein_options_set_f64(HANDLE(skein_options, options), k.data, value, &error), &error);
  free(k.data);
}

NATIVE(void, optionsSetStr)(JNIEnv* env, jclass c, jlong options, jbyteArray key, jbyteArray value) {
  (void)c;
  skein_error error;
  copied k = bytes_of(env, key);
  copied v = bytes_of(env, value);
  if (k.ok && v.ok) {
    check(env, skein_options_set_str(HANDLE(skein_options, options), k.data, v.data, &error), &error);
  }
  free(k.data);
  free(v.data);
}

NATIVE(void, optionsRelease)(JNIEnv* env, jclass c, jlong options) {
  (void)c;
  skein_error error;
  check(env, skein_options_release(HANDLE(skein_options, options), &error), &error);
}

NATIVE(jint, optionsKeyCount)(JNIEnv* env, jclass c, jint kind) {
  (void)c;
  skein_error error;
  uint32_t count = 0;
  check(env, skein_options_key_count((uint32_t)kind, &count, &error), &error);
  return (jint)count;
}

NATIVE(void, optionsKeyInfo)(JNIEnv* env, jclass c, jint kind, jint index, jlongArray numbers, jobjectArray texts) {
  (void)c;
  skein_error error;
  skein_option_info info = {.struct_size = sizeof(info)};
  if (!check(env, skein_options_key_info((uint32_t)kind, (uint32_t)index, &info, &error), &error)) return;
  const jlong values[] = {info.type, bits_of(info.min_value), bits_of(info.max_value)};
  const char* const strings[] = {info.key, info.default_value, info.help};
  put_numbers(env, numbers, values, COUNT(values));
  put_texts(env, texts, strings, COUNT(strings));
}
