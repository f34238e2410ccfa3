#include "generate.h"

#include <algorithm>
#include <chrono>

#include "interrupt.h"

namespace skein::cli {
namespace {

const char* ReasonName(uint32_t reason) {
  switch (reason) {
    case SKEIN_REASON_STOP_TOKEN:
      return "stop_token";
    case SKEIN_REASON_STOP_TEXT:
      return "stop_text";
    case SKEIN_REASON_LENGTH:
      return "length";
    default:
      return "none";
  }
}

std::optional<double> Rate(uint64_t tokens, double seconds) {
  if (tokens == 0 || seconds <= 0) return std::nullopt;
  return static_cast<double>(tokens) / seconds;
}

double Seconds(uint64_t microseconds) { return static_cast<double>(microseconds) / 1e6; }

GeneratedText& TextOf(Generation& generation, uint32_t sample) {
  for (GeneratedText& text : generation.texts) {
    if (text.sample == sample) return text;
  }
  GeneratedText& added = generation.texts.emplace_back();
  added.sample = sample;
  return added;
}

// Notes an event that is no error of the request. The decoding until its first token took `first_us`.
void NoteEvent(const Event& event, uint64_t& first_us, Generation& generation) {
  generation.num_prompt_tokens = event.num_prompt_tokens;
  generation.num_read_tokens = event.num_prompt_tokens - event.num_cached_tokens;
  generation.cache = event.cache;
  generation.queue_seconds = Seconds(event.queue_us);
  generation.prefill_seconds = Seconds(event.prefill_us);
  GeneratedText& of = TextOf(generation, event.sample);
  switch (event.kind) {
    case SKEIN_EVENT_TOKEN:
      of.text += event.text();
      if (generation.num_tokens == 0) first_us = event.decode_us;
      generation.decode_seconds = Seconds(event.decode_us - first_us);
      of.tokens.push_back(event.token);
      ++generation.num_tokens;
      break;
    case SKEIN_EVENT_SAMPLE_DONE:
      of.reason = event.status == SKEIN_OK ? ReasonName(event.reason) : "error";
      if (event.status == SKEIN_OK) of.text += event.text();
      break;
    default:
      of.text += event.text();
      generation.num_tokens = event.num_tokens;
      generation.reason = event.kind == SKEIN_EVENT_CANCELLED ? "cancelled" : ReasonName(event.reason);
      for (GeneratedText& text : generation.texts) {
        if (text.reason.empty()) text.reason = generation.reason;
      }
  }
}

}  // namespace

std::vector<Option> WithSamplingOptions(std::vector<Option> own) {
  const std::vector<Option> sampling = {
      {.name = "tokens", .letter = 'n', .takes = Takes::kCount, .value = "N", .help = "tokens to generate at most"},
      {.name = "temp", .takes = Takes::kReal, .value = "T", .help = "temperature; 0: always the most probable token"},
      {.name = "top-p", .takes = Takes::kReal, .value = "P", .help = "keep the most probable tokens with this share"},
      {.name = "top-k", .takes = Takes::kInteger, .value = "K", .help = "keep the K most probable tokens; 0: all"},
      {.name = "min-p",
       .takes = Takes::kReal,
       .value = "P",
       .help = "keep tokens with this share of the most probable one's probability; 0: all"},
      {.name = "presence", .takes = Takes::kReal, .value = "X", .help = "penalty on every token generated before"},
      {.name = "frequency", .takes = Takes::kReal, .value = "X", .help = "penalty per earlier occurrence of a token"},
      {.name = "penalty-decay",
       .takes = Takes::kReal,
       .value = "X",
       .help = "factor on earlier occurrences, per token"},
      {.name = "seed",
       .letter = 's',
       .takes = Takes::kInteger,
       .value = "S",
       .help = "of the random numbers: same seed, same text (default: 0)"},
      {.name = "stop",
       .takes = Takes::kText,
       .value = "TEXT",
       .help = "end before this text; may be repeated",
       .repeatable = true},
      {.name = "ignore-end", .help = "go on after the end-of-text token"},
  };
  own.insert(own.end(), sampling.begin(), sampling.end());
  return own;
}

CallOptions<RequestOptions> SamplingOptions(const Arguments& arguments) {
  CallOptions<RequestOptions> options;
  options.Pass(arguments, "tokens", "max_tokens");
  options.Pass(arguments, "temp", "temperature");
  options.Pass(arguments, "top-k", "top_k");
  options.Pass(arguments, "top-p", "top_p");
  options.Pass(arguments, "min-p", "min_p");
  options.Pass(arguments, "presence", "presence_penalty");
  options.Pass(arguments, "frequency", "frequency_penalty");
  options.Pass(arguments, "penalty-decay", "penalty_decay");
  options.Pass(arguments, "seed", "seed");
  if (arguments.Has("ignore-end")) options.Set("stop_at_end", 0);
  for (const std::string& stop : arguments.Texts("stop")) {
    if (!stop.empty()) continue;
    throw UsageError(std::string(arguments.command().name) + ": --stop: expected a text, found an empty one");
  }
  return options;
}

void AddStops(const Arguments& arguments, const Request& request) {
  for (const std::string& stop : arguments.Texts("stop")) request.AddStop(stop);
}

std::optional<double> Generation::PrefillRate() const { return Rate(num_read_tokens, prefill_seconds); }

std::optional<double> Generation::DecodeRate() const {
  // The first token of every sample is the prompt's.
  return Rate(num_tokens - std::min<uint64_t>(num_tokens, texts.size()), decode_seconds);
}

Generation Generate(Queue& queue, const Request& request, const std::function<void(std::string_view)>& show) {
  constexpr std::chrono::milliseconds kWait(100);  // Ctrl-C is noticed after this time at the latest
  Generation generation;
  queue.Submit(request);
  uint64_t first_us = 0;  // the decoding until the first token
  bool cancelled = false;
  while (generation.reason.empty()) {
    if (Interrupted() && !cancelled) {
      request.Cancel();
      cancelled = true;
    }
    if (!queue.Wait(kWait)) continue;
    for (const Event& event : queue.Poll()) {
      event.ThrowIfError();
      NoteEvent(event, first_us, generation);
      if (show) show(event.text());
    }
  }
  return generation;
}

}  // namespace skein::cli
