// The share of the processors that a thread gets beside others.
#ifndef SKEIN_SYSTEM_THREAD_PRIORITY_H_
#define SKEIN_SYSTEM_THREAD_PRIORITY_H_

namespace skein {

// Gives the calling thread the least share among threads that never starve, for work that nobody waits for. Where the
// system refuses, the thread keeps its share.
void LowerThreadPriority() noexcept;

}  // namespace skein

#endif  // SKEIN_SYSTEM_THREAD_PRIORITY_H_
