// Requests.
#include "support.h"

NATIVE(jlong, requestCreate)(JNIEnv* env, jclass c, jlong stream) {
  (void)c;
  skein_error error;
  skein_request request = NULL;
  check(env, skein_request_create(HANDLE(skein_stream, stream), &request, &error), &error);
  return NUMBER(request);
}

NATIVE(void, requestRelease)(JNIEnv* env, jclass c, jlong request) {
  (void)c;
  skein_error error;
  check(env, skein_request_release(HANDLE(skein_request, request), &error), &error);
}

NATIVE(void, requestSetPrompt)(JNIEnv* env, jclass c, jlong request, jbyteArray text) {
  (void)c;
  skein_error error;
  copied t = bytes_of(env, text);
  if (t.ok) check(env, skein_request_set_prompt(HANDLE(skein_request, request), t.data, t.count, &error), &error);
  free(t.data);
}

NATIVE(void, requestSetPromptTokens)(JNIEnv* env, jclass c, jlong request, jintArray tokens) {
  (void)c;
  skein_error error;
  copied t = ints_of(env, tokens);
  if (t.ok) {
    check(env, skein_request_set_prompt_tokens(HANDLE(skein_request, request), t.data, t.count, &error), &error);
  }
  free(t.data);
}

NATIVE(void, requestSetOptions)(JNIEnv* env, jclass c, jlong request, jlong options) {
  (void)c;
  skein_error error;
  check(env, skein_request_set_options(HANDLE(skein_request, request), HANDLE(skein_options, options), &error), &error);
}

NATIVE(void, requestAddStop)(JNIEnv* env, jclass c, jlong request, jbyteArray text) {
  (void)c;
  skein_error error;
  copied t = bytes_of(env, text);
  if (t.ok) check(env, skein_request_add_stop(HANDLE(skein_request, request), t.data, t.count, &error), &error);
  free(t.data);
}

NATIVE(void, requestAddStopToken)(JNIEnv* env, jclass c, jlong request, jint token) {
  (void)c;
  skein_error error;
  check(env, skein_request_add_stop_token(HANDLE(skein_request, request), (skein_token)token, &error), &error);
}

NATIVE(void, requestSetLogitBias)(JNIEnv* env, jclass c, jlong request, jint token, jfloat bias) {
  (void)c;
  skein_error error;
  check(env, skein_request_set_logit_bias(HANDLE(skein_request, request), (skein_token)token, bias, &error), &error);
}

NATIVE(void, requestSetUserData)(JNIEnv* env, jclass c, jlong request, jlong number) {
  (void)c;
  skein_error error;
  check(env, skein_request_set_user_data(HANDLE(skein_request, request), (uint64_t)number, &error), &error);
}

NATIVE(void, requestCancel)(JNIEnv* env, jclass c, jlong request) {
  (void)c;
  skein_error error;
  check(env, skein_request_cancel(HANDLE(skein_request, request), &error), &error);
}

NATIVE(void, requestAcknowledge)(JNIEnv* env, jclass c, jlong request, jlong num_tokens) {
  (void)c;
  skein_error error;
  check(env, skein_request_acknowledge(HANDLE(skein_request, request), (uint64_t)num_tokens, &error), &error);
}

NATIVE(jintArray, requestLogprobs)
(JNIEnv* env, jclass c, jlong request, jint sample, jlong first, jlong num_tokens) {
  (void)c;
  _Static_assert(sizeof(skein_logprob) == 2 * sizeof(jint), "a token and the bits of its logarithm");
  skein_error error;
  room r;
  make_room(&r, sizeof(skein_logprob));
  skein_status status;
  do {
    status = skein_request_logprobs(HANDLE(skein_request, request), (uint32_t)sample, (uint64_t)first,
                                    (uint64_t)num_tokens, r.data, r.capacity, &r.size, &error);
  } while (needs_more(&r, status));
  jintArray array = filled(env, &r, status, &error) ? (*env)->NewIntArray(env, (jsize)(2 * r.size)) : NULL;
  if (array != NULL) (*env)->SetIntArrayRegion(env, array, 0, (jsize)(2 * r.size), r.data);
  free_room(&r);
  return array;
}

NATIVE(jlong, requestTakeSample)(JNIEnv* env, jclass c, jlong request, jint sample) {
  (void)c;
  skein_error error;
  skein_stream stream = NULL;
  check(env, skein_request_take_sample(HANDLE(skein_request, request), (uint32_t)sample, &stream, &error), &error);
  return NUMBER(stream);
}
