// The bytes that the C library has given out and not got back. Unlike resident memory, they leave out what it keeps for
// the next call, and pages of the Java heap.
#include <jni.h>
#include <malloc.h>

JNIEXPORT jlong JNICALL Java_MemoryTest_allocated(JNIEnv* env, jclass type) {
  (void)env;
  (void)type;
  const struct mallinfo2 info = mallinfo2();
  return (jlong)(info.uordblks + info.hblkhd);
}
