// Generation by requests, as a host of many users does it, for measurements.
#ifndef SKEIN_CLI_BENCH_SAMPLED_DECODE_H_
#define SKEIN_CLI_BENCH_SAMPLED_DECODE_H_

#include <cstdint>
#include <span>

#include "failure.h"

namespace skein::cli {

// Generates `num_tokens` tokens on each stream, all at the same time, with the sampling of the model's defaults. Gives
// the seconds from the submission to the last event. Throws Error.
double TimeSampledDecode(const Runtime& runtime, std::span<const Stream> streams, uint64_t num_tokens);

}  // namespace skein::cli

#endif  // SKEIN_CLI_BENCH_SAMPLED_DECODE_H_
