// A load, run through the library as a server of many users would: every request has a stream of its own, is submitted
// when it arrives, and is refused if there is no room. What the figures mean is left out: load_report.h.
#ifndef SKEIN_CLI_BENCH_LOAD_RUN_H_
#define SKEIN_CLI_BENCH_LOAD_RUN_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/arrivals.h"
#include "failure.h"

namespace skein::cli {

enum class LoadEnd { kDone, kRefused, kFailed, kCancelled };

// The outcome of one request. Times are in seconds. They count from the moment at which it arrives by the plan, so that
// a host that is late with the submission makes them longer.
struct LoadResult {
  LoadEnd end = LoadEnd::kCancelled;
  size_t tenant = 0;            // index
  std::string message;          // why it was refused or failed
  uint32_t retry_after_ms = 0;  // of a refusal; 0: the library gave none
  uint64_t num_prompt_tokens = 0;
  uint64_t num_cached_tokens = 0;  // of them, those that the prefix cache had
  double queue = 0;
  double whole = 0;            // up to the terminal event
  std::vector<double> tokens;  // when each was there
};

struct LoadRun {
  std::vector<LoadResult> results;  // in order of arrival
  double seconds = 0;               // from the start to the last event
};

// Runs `arrivals` on `model`, whose runtime is `runtime`, and waits for the end of the last request. `tenants`: by the
// index of an arrival's. The first `num_shared_tokens` tokens of every prompt are the same. Throws Error for all but
// refusals and requests that fail. When Interrupted(), nothing more is submitted, and the requests that run are
// cancelled.
LoadRun RunLoad(const Runtime& runtime, const Model& model, std::span<const Arrival> arrivals,
                std::span<const std::string> tenants, uint64_t num_shared_tokens);

}  // namespace skein::cli

#endif  // SKEIN_CLI_BENCH_LOAD_RUN_H_
