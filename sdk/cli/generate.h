// The common part of the commands that generate text: the options of sampling, and a request run to its end.
#ifndef SKEIN_CLI_GENERATE_H_
#define SKEIN_CLI_GENERATE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"
#include "call_options.h"
#include "failure.h"

namespace skein::cli {

// `own` followed by -n, --temp and the other options of sampling, and --stop.
std::vector<Option> WithSamplingOptions(std::vector<Option> own);

// The values of these, --stop apart, as options of a request. Throws UsageError, also for an empty --stop.
CallOptions<RequestOptions> SamplingOptions(const Arguments& arguments);

// Adds the texts of --stop. Throws Error.
void AddStops(const Arguments& arguments, const Request& request);

// The text of one sample.
struct GeneratedText {
  uint32_t sample = 0;  // its index
  std::string text;
  std::vector<Token> tokens;
  std::string reason;  // why it ended: "stop_token", "stop_text", "length", "cancelled", "error"
};

// The result of a request.
struct Generation {
  std::vector<GeneratedText> texts;  // in the order in which the samples began to come; at least one
  std::string reason;                // why the request ended; without samples that failed
  uint64_t num_tokens = 0;           // of all samples, also of those that were not delivered
  uint64_t num_prompt_tokens = 0;
  uint64_t num_read_tokens = 0;  // of the prompt, those that were computed
  uint32_t cache = SKEIN_CACHE_UNKNOWN;
  // The engine's times. The tool takes several events at once, so that its own clock would tell nothing.
  double queue_seconds = 0;    // until the engine began with the prompt
  double prefill_seconds = 0;  // of the steps that read the prompt
  double decode_seconds = 0;   // from the first token to the last

  // Tokens per second. Nothing where none was read, or no second one was generated: the time of the first token is the
  // prompt's.
  std::optional<double> PrefillRate() const;
  std::optional<double> DecodeRate() const;
};

// Submits `request`, and takes its events from `queue` until it has ended. The queue has no other requests. `show`, if
// there is one, gets each piece of text as it comes, of whichever sample. When Interrupted(), the request is cancelled.
// Throws Error.
Generation Generate(Queue& queue, const Request& request, const std::function<void(std::string_view)>& show);

}  // namespace skein::cli

#endif  // SKEIN_CLI_GENERATE_H_
