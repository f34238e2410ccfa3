// skein bench --arrival-rate: what users wait for when requests arrive at random.
#ifndef SKEIN_CLI_BENCH_BENCH_LOAD_H_
#define SKEIN_CLI_BENCH_BENCH_LOAD_H_

#include <cstdint>
#include <string>

#include "arguments.h"

namespace skein::cli {

inline constexpr int64_t kDefaultStreams = 32;  // the value of --streams where it is not given

// Measures the model at `path` and prints the result. `arguments` are those of the command bench. Gives the exit code,
// and throws what a command throws.
int RunLoadBench(const Arguments& arguments, const std::string& path);

}  // namespace skein::cli

#endif  // SKEIN_CLI_BENCH_BENCH_LOAD_H_
