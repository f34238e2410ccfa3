// The library at a fork of its process. A child may use the library if nothing of a runtime was alive at the fork
// (runtime/worker.h).
#include <pthread.h>

#include <chrono>

#include "abi/handle.h"
#include "plugin/host_services.h"
#include "runtime/worker.h"

namespace skein::abi {
namespace {

// A host that has released everything and forks at once is not punished for a thread that is about to end.
constexpr std::chrono::milliseconds kEndTime(1000);

// Whether the host has a handle that keeps a runtime alive.
template <typename... Handles>
bool HoldsAny(const HandleTable& table) {
  return (... || (table.num_alive(HandleTraits<Handles>::kKind) != 0));
}
bool HoldsRuntime(const HandleTable& table) {
  return HoldsAny<skein_runtime, skein_model, skein_tokenizer, skein_stream, skein_queue, skein_request, skein_prefix>(
      table);
}

// The locks of the library that a host's threads may hold without a runtime. Taken for the fork, none of them is held
// for ever in the child by a thread that it lacks.
void Prepare() {
  HandleTable& table = HandleTable::Get();
  if (!HoldsRuntime(table) && WaitForRuntimes(kEndTime)) EndIdleThreads();
  table.LockForFork();
  LockForFork();
}

void InParent() {
  UnlockInParent();
  HandleTable::Get().UnlockAfterFork();
}

void InChild() {
  UnlockInChild();
  HandleTable::Get().UnlockAfterFork();
}

// Registered when the library is loaded, so that every fork is seen.
[[maybe_unused]] const int is_registered = pthread_atfork(Prepare, InParent, InChild);

}  // namespace
}  // namespace skein::abi
