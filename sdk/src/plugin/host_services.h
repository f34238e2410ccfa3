// The services of the host for plugins: parallel work on the runtime's oneTBB arena, memory, log. Plugins reach oneTBB
// through it only, and it alone marks fork and join for the thread sanitizer.
#ifndef SKEIN_PLUGIN_HOST_SERVICES_H_
#define SKEIN_PLUGIN_HOST_SERVICES_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/strings/string_view.h"
#include "skein/plugin.h"

namespace skein {

// Threads: any. Outlives every object that a plugin made with its `host()`.
class HostServices {
 public:
  using LogFunction = std::function<void(uint32_t severity, absl::string_view line)>;

  // An arena of `num_threads` threads, callers included, or fewer if oneTBB has fewer in this process; 0: one per
  // processor that this process may use, by its affinity and by the quota of its control groups. `log` is called from
  // any thread, with bytes as a plugin gave them, one call for each line.
  HostServices(uint32_t num_threads, LogFunction log);
  ~HostServices();
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  const skein_host& host() const { return host_; }
  uint32_t num_threads() const;

  // Runs `work` on a thread inside the arena (this one, if there is room) and waits for it. The thread has the default
  // floating-point environment meanwhile, as all threads of the arena have it.
  void Execute(const std::function<void()>& work);

  // Calls work(i) for every i in [0, num_items), in parallel. Throws what `work` throws; then items may be left out.
  void ParallelFor(uint64_t num_items, const std::function<void(uint64_t)>& work);

 private:
  class Arena;
  const std::unique_ptr<Arena> arena_;
  const LogFunction log_;
  skein_host host_;
};

// Ends the threads that oneTBB keeps when its last arena is gone, so that a forked child gets threads of its own: in a
// child oneTBB would wait for the parent's. Waits for them, if this thread is the last of the process that has used
// oneTBB. Called while no HostServices lives.
void EndIdleThreads() noexcept;

}  // namespace skein

#endif  // SKEIN_PLUGIN_HOST_SERVICES_H_
