// The common part of the native methods of dev.skein.Native: errors become exceptions, arrays of Java are copied,
// results find room. Each method unwraps its arguments, makes one call of the ABI, and wraps what came. None waits with
// a lock, or holds an array of Java over a call. The header that javac writes of the class is what the compiler
// compares them with.
#ifndef SKEIN_JNI_SUPPORT_H_
#define SKEIN_JNI_SUPPORT_H_

#include <jni.h>
#include <skein/skein.h>
#include <stdlib.h>
#include <string.h>

#include "dev_skein_Native.h"

#define NATIVE(type, name) JNIEXPORT type JNICALL Java_dev_skein_Native_##name

// A handle travels as a number.
#define HANDLE(type, number) ((type)(uintptr_t)(number))
#define NUMBER(handle) ((jlong)(uintptr_t)(handle))

#define COUNT(array) ((jsize)(sizeof(array) / sizeof((array)[0])))

void throw_no_memory(JNIEnv* env);

// Throws a SkeinException if the call failed.
jboolean check(JNIEnv* env, skein_status status, const skein_error* error);

// NULL if there is no memory, which has been thrown.
jbyteArray new_bytes(JNIEnv* env, const char* bytes, uint64_t size);

// byte[][]
jobjectArray new_texts(JNIEnv* env, jsize count);

// A copy of a Java array in native memory, to be freed; or of none. `ok` is false if there was no memory, which has
// been thrown.
typedef struct copied {
  void* data;  // never NULL for an array, not even for an empty one
  uint64_t count;
  jboolean ok;
} copied;

copied bytes_of(JNIEnv* env, jbyteArray array);
copied ints_of(JNIEnv* env, jintArray array);
copied longs_of(JNIEnv* env, jlongArray array);

// The texts of an array, one behind the other.
typedef struct copied_texts {
  char* data;
  const char** texts;  // NULL for a null in the array
  uint64_t* sizes;
  jsize count;
  jboolean ok;
} copied_texts;

copied_texts texts_of(JNIEnv* env, jobjectArray array);
void free_texts(copied_texts* texts);

// Put a struct's numbers and texts into the arrays of the caller.
void put_numbers(JNIEnv* env, jlongArray numbers, const jlong* values, jsize count);
void put_texts(JNIEnv* env, jobjectArray texts, const char* const* values, jsize count);
jlong bits_of(double value);

// Room for a result whose size the library knows: on the stack for most of them. The call is made until it has room:
//   do status = ...; while (needs_more(&r, status));
typedef struct room {
  void* data;
  uint64_t capacity;
  uint64_t size;
  size_t element_size;
  jboolean failed;  // no memory for it
  _Alignas(8) char small[8192];
} room;

void make_room(room* r, size_t element_size);
jboolean needs_more(room* r, skein_status status);
// Throws if there was no memory, or if the call failed.
jboolean filled(JNIEnv* env, room* r, skein_status status, const skein_error* error);
void free_room(room* r);

// Wrap the result and free its room.
jbyteArray bytes_in(JNIEnv* env, room* r, skein_status status, const skein_error* error);
jintArray tokens_in(JNIEnv* env, room* r, skein_status status, const skein_error* error);

#endif  // SKEIN_JNI_SUPPORT_H_
