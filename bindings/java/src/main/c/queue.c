// Queues, their events, and the wake-up function.
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "support.h"

NATIVE(jlong, queueCreate)(JNIEnv* env, jclass c, jlong runtime, jlong options) {
  (void)c;
  skein_error error;
  skein_queue queue = NULL;
  check(env, skein_queue_create(HANDLE(skein_runtime, runtime), HANDLE(skein_options, options), &queue, &error),
        &error);
  return NUMBER(queue);
}

NATIVE(void, queueRelease)(JNIEnv* env, jclass c, jlong queue) {
  (void)c;
  skein_error error;
  check(env, skein_queue_release(HANDLE(skein_queue, queue), &error), &error);
}

NATIVE(void, queueSubmit)(JNIEnv* env, jclass c, jlong queue, jlongArray requests) {
  (void)c;
  _Static_assert(sizeof(skein_request) == sizeof(jlong), "an array of numbers is an array of handles");
  skein_error error;
  copied r = longs_of(env, requests);
  if (r.ok) check(env, skein_queue_submit(HANDLE(skein_queue, queue), r.data, (uint32_t)r.count, &error), &error);
  free(r.data);
}

#define FIELD(name) (jint) offsetof(skein_event, name)

NATIVE(jintArray, eventLayout)(JNIEnv* env, jclass c) {
  (void)c;
  const jint layout[] = {
      sizeof(skein_event), FIELD(kind),       FIELD(reason),      FIELD(request),     FIELD(user_data),
      FIELD(token),        FIELD(status),     FIELD(text_offset), FIELD(text_bytes),  FIELD(num_prompt_tokens),
      FIELD(num_tokens),   FIELD(position),   FIELD(logprob),     FIELD(sample),      FIELD(num_cached_tokens),
      FIELD(queue_us),     FIELD(prefill_us), FIELD(decode_us),   FIELD(logprob_sum), FIELD(cache)};
  jintArray array = (*env)->NewIntArray(env, COUNT(layout));
  if (array != NULL) (*env)->SetIntArrayRegion(env, array, 0, COUNT(layout), layout);
  return array;
}

NATIVE(jlong, queuePoll)(JNIEnv* env, jclass c, jlong queue, jobject events, jint capacity, jobject texts) {
  (void)c;
  skein_error error;
  uint32_t count = 0;
  uint64_t text_bytes = 0;
  const skein_status status =
      skein_queue_poll(HANDLE(skein_queue, queue), (*env)->GetDirectBufferAddress(env, events), sizeof(skein_event),
                       (uint32_t)capacity, (*env)->GetDirectBufferAddress(env, texts),
                       (uint64_t)(*env)->GetDirectBufferCapacity(env, texts), &count, &text_bytes, &error);
  if (status == SKEIN_OUT_OF_RANGE && count == 0 && text_bytes > 0) return -(jlong)text_bytes;
  check(env, status, &error);
  return count;
}

NATIVE(jboolean, queueWait)(JNIEnv* env, jclass c, jlong queue, jlong milliseconds) {
  (void)c;
  skein_error error;
  uint32_t ready = 0;
  check(env, skein_queue_wait(HANDLE(skein_queue, queue), milliseconds, &ready, &error), &error);
  return ready != 0;
}

NATIVE(jint, queueFd)(JNIEnv* env, jclass c, jlong queue) {
  (void)c;
  skein_error error;
  int32_t fd = -1;
  check(env, skein_queue_fd(HANDLE(skein_queue, queue), &fd, &error), &error);
  return fd;
}

// --- the wake-up function ---

// A function of Java that a queue calls.
typedef struct wakeup {
  JavaVM* vm;
  jobject runnable;
  jmethodID run;
} wakeup;

static atomic_int g_ended;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static pthread_key_t g_attached;  // the machine that a thread of the library is attached to, until the thread ends

// A thread that ends after the machine would wait here for ever, and the library's end for it.
static void detach(void* vm) {
  if (!atomic_load(&g_ended)) (*(JavaVM*)vm)->DetachCurrentThread(vm);
}
static void make_key(void) { pthread_key_create(&g_attached, detach); }

NATIVE(void, endCallbacks)(JNIEnv* env, jclass c) {
  (void)env, (void)c;
  atomic_store(&g_ended, 1);
}

// Runs the function. A thread that enters Java when the machine has ended would stay there for ever.
static void wake_up(void* argument) {
  const wakeup* w = argument;
  JNIEnv* env = NULL;
  if (atomic_load(&g_ended)) return;
  if ((*w->vm)->GetEnv(w->vm, (void**)&env, JNI_VERSION_1_8) != JNI_OK) {
    if ((*w->vm)->AttachCurrentThreadAsDaemon(w->vm, (void**)&env, NULL) != JNI_OK) return;
    pthread_setspecific(g_attached, w->vm);
  }
  (*env)->CallVoidMethod(env, w->runnable, w->run);
  (*env)->ExceptionClear(env);
}

NATIVE(jlong, queueSetWakeup)(JNIEnv* env, jclass c, jlong queue, jobject runnable) {
  (void)c;
  skein_error error;
  const skein_queue handle = HANDLE(skein_queue, queue);
  if (runnable == NULL) {
    check(env, skein_queue_set_wakeup(handle, NULL, NULL, &error), &error);
    return 0;
  }
  pthread_once(&g_once, make_key);
  wakeup* w = calloc(1, sizeof(*w));
  if (w == NULL) {
    throw_no_memory(env);
    return 0;
  }
  (*env)->GetJavaVM(env, &w->vm);
  w->run = (*env)->GetMethodID(env, (*env)->GetObjectClass(env, runnable), "run", "()V");
  w->runnable = (*env)->NewGlobalRef(env, runnable);
  if (w->run == NULL || w->runnable == NULL ||
      !check(env, skein_queue_set_wakeup(handle, wake_up, w, &error), &error)) {
    (*env)->DeleteGlobalRef(env, w->runnable);
    free(w);
    return 0;
  }
  return (jlong)(uintptr_t)w;
}

NATIVE(void, wakeupRelease)(JNIEnv* env, jclass c, jlong number) {
  (void)c;
  wakeup* w = (wakeup*)(uintptr_t)number;
  if (w == NULL) return;
  (*env)->DeleteGlobalRef(env, w->runnable);
  free(w);
}
