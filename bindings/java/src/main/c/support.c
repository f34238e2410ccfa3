#include "support.h"

static jclass g_exception;  // dev.skein.SkeinException
static jmethodID g_new_exception;
static jclass g_bytes;  // byte[]

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void* reserved) {
  (void)reserved;
  JNIEnv* env;
  if ((*vm)->GetEnv(vm, (void**)&env, JNI_VERSION_1_8) != JNI_OK) return JNI_ERR;
  jclass exception = (*env)->FindClass(env, "dev/skein/SkeinException");
  jclass bytes = (*env)->FindClass(env, "[B");
  if (exception == NULL || bytes == NULL) return JNI_ERR;
  g_exception = (*env)->NewGlobalRef(env, exception);
  g_bytes = (*env)->NewGlobalRef(env, bytes);
  g_new_exception = (*env)->GetMethodID(env, exception, "<init>", "(I[BJ)V");
  return g_exception != NULL && g_bytes != NULL && g_new_exception != NULL ? JNI_VERSION_1_8 : JNI_ERR;
}

void throw_no_memory(JNIEnv* env) {
  jclass class = (*env)->FindClass(env, "java/lang/OutOfMemoryError");
  if (class != NULL) (*env)->ThrowNew(env, class, "no native memory for a call of skein");
}

jbyteArray new_bytes(JNIEnv* env, const char* bytes, uint64_t size) {
  if (size > INT32_MAX) {
    throw_no_memory(env);
    return NULL;
  }
  jbyteArray array = (*env)->NewByteArray(env, (jsize)size);
  if (array != NULL) (*env)->SetByteArrayRegion(env, array, 0, (jsize)size, (const jbyte*)bytes);
  return array;
}

// Throws if the call failed.
jboolean check(JNIEnv* env, skein_status status, const skein_error* error) {
  if (status == SKEIN_OK) return JNI_TRUE;
  jbyteArray message = new_bytes(env, error->message, error->message_bytes);
  if (message == NULL) return JNI_FALSE;
  jthrowable exception =
      (*env)->NewObject(env, g_exception, g_new_exception, (jint)status, message, (jlong)error->retry_after_ms);
  if (exception != NULL) (*env)->Throw(env, exception);
  return JNI_FALSE;
}

typedef void (*get_region)(JNIEnv* env, jarray array, jsize count, void* to);
static void get_bytes(JNIEnv* env, jarray a, jsize n, void* to) { (*env)->GetByteArrayRegion(env, a, 0, n, to); }
static void get_ints(JNIEnv* env, jarray a, jsize n, void* to) { (*env)->GetIntArrayRegion(env, a, 0, n, to); }
static void get_longs(JNIEnv* env, jarray a, jsize n, void* to) { (*env)->GetLongArrayRegion(env, a, 0, n, to); }

static copied copy_of(JNIEnv* env, jarray array, size_t element_size, get_region get) {
  copied copy = {NULL, 0, JNI_TRUE};
  if (array == NULL) return copy;
  const jsize count = (*env)->GetArrayLength(env, array);
  copy.data = malloc(((size_t)count + 1) * element_size);
  copy.count = (uint64_t)count;
  copy.ok = copy.data != NULL;
  if (copy.ok) {
    get(env, array, count, copy.data);
  } else {
    throw_no_memory(env);
  }
  return copy;
}

copied bytes_of(JNIEnv* env, jbyteArray array) { return copy_of(env, array, 1, get_bytes); }
copied ints_of(JNIEnv* env, jintArray array) { return copy_of(env, array, sizeof(jint), get_ints); }
copied longs_of(JNIEnv* env, jlongArray array) { return copy_of(env, array, sizeof(jlong), get_longs); }

// Puts a struct's numbers and texts into the arrays of the caller.
void put_numbers(JNIEnv* env, jlongArray numbers, const jlong* values, jsize count) {
  (*env)->SetLongArrayRegion(env, numbers, 0, count, values);
}

void put_texts(JNIEnv* env, jobjectArray texts, const char* const* values, jsize count) {
  for (jsize i = 0; i < count; i++) {
    jbyteArray text = new_bytes(env, values[i], strlen(values[i]));
    if (text == NULL) return;
    (*env)->SetObjectArrayElement(env, texts, i, text);
    (*env)->DeleteLocalRef(env, text);
  }
}

jlong bits_of(double value) {
  jlong bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

void make_room(room* r, size_t element_size) {
  r->data = r->small;
  r->capacity = sizeof(r->small) / element_size;
  r->size = 0;
  r->element_size = element_size;
  r->failed = JNI_FALSE;
}

void free_room(room* r) {
  if (r->data != r->small) free(r->data);
}

// True if the call is to be made again, now that there is room.
jboolean needs_more(room* r, skein_status status) {
  if (status != SKEIN_OUT_OF_RANGE || r->size <= r->capacity) return JNI_FALSE;
  free_room(r);
  r->capacity = r->size;
  r->data = malloc(r->capacity * r->element_size);
  r->failed = r->data == NULL;
  return !r->failed;
}

jboolean filled(JNIEnv* env, room* r, skein_status status, const skein_error* error) {
  if (r->failed || (status == SKEIN_OK && r->size > INT32_MAX)) {
    throw_no_memory(env);
    return JNI_FALSE;
  }
  return check(env, status, error);
}

jbyteArray bytes_in(JNIEnv* env, room* r, skein_status status, const skein_error* error) {
  jbyteArray array = filled(env, r, status, error) ? new_bytes(env, r->data, r->size) : NULL;
  free_room(r);
  return array;
}

jintArray tokens_in(JNIEnv* env, room* r, skein_status status, const skein_error* error) {
  jintArray array = filled(env, r, status, error) ? (*env)->NewIntArray(env, (jsize)r->size) : NULL;
  if (array != NULL) (*env)->SetIntArrayRegion(env, array, 0, (jsize)r->size, r->data);
  free_room(r);
  return array;
}

jobjectArray new_texts(JNIEnv* env, jsize count) { return (*env)->NewObjectArray(env, count, g_bytes, NULL); }

copied_texts texts_of(JNIEnv* env, jobjectArray array) {
  copied_texts t = {.count = (*env)->GetArrayLength(env, array)};
  size_t total = 0;
  for (jsize i = 0; i < t.count; i++) {
    jbyteArray text = (*env)->GetObjectArrayElement(env, array, i);
    if (text != NULL) total += (size_t)(*env)->GetArrayLength(env, text);
    (*env)->DeleteLocalRef(env, text);
  }
  t.data = malloc(total + 1);
  t.texts = calloc((size_t)t.count + 1, sizeof(*t.texts));
  t.sizes = calloc((size_t)t.count + 1, sizeof(*t.sizes));
  t.ok = t.data != NULL && t.texts != NULL && t.sizes != NULL;
  if (!t.ok) throw_no_memory(env);
  char* next = t.data;
  for (jsize i = 0; t.ok && i < t.count; i++) {
    jbyteArray text = (*env)->GetObjectArrayElement(env, array, i);
    if (text == NULL) continue;
    const jsize size = (*env)->GetArrayLength(env, text);
    (*env)->GetByteArrayRegion(env, text, 0, size, (jbyte*)next);
    t.texts[i] = next;
    t.sizes[i] = (uint64_t)size;
    next += size;
    (*env)->DeleteLocalRef(env, text);
  }
  return t;
}

void free_texts(copied_texts* t) {
  free(t->data);
  free(t->texts);
  free(t->sizes);
}
