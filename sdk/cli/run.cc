// skein run: completes a text, streaming it to stdout. Ctrl-C ends the generation in good order.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "call_options.h"
#include "commands.h"
#include "input.h"
#include "output.h"
#include "session.h"
#include "table.h"

namespace skein::cli {
namespace {

using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t interrupted = 0;

// While it lives, the first Ctrl-C sets `interrupted`; a second one ends the process as usual.
class InterruptGuard {
 public:
  InterruptGuard() {
    struct sigaction action = {};
    action.sa_handler = [](int) { interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &before_);
  }
  ~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_ = {};
};

// What came out of a request.
struct Generation {
  std::string text;
  std::vector<skein_token> tokens;
  std::string reason;
  uint64_t num_prompt_tokens = 0;
  double prefill_seconds = 0;  // from submitting to the first token
  double decode_seconds = 0;   // from the first token to the last

  double PrefillRate() const { return Rate(static_cast<double>(num_prompt_tokens), prefill_seconds); }
  double DecodeRate() const {
    return tokens.empty() ? 0 : Rate(static_cast<double>(tokens.size() - 1), decode_seconds);
  }

 private:
  static double Rate(double tokens, double seconds) { return seconds > 0 ? tokens / seconds : 0; }
};

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

// The example prompt that a package carries. Throws UsageError if it has none.
std::string ExamplePrompt(const Session& session, const std::string& model_path) {
  CallOptions options(SKEIN_OPTIONS_DESCRIBE);
  options.Set("format", "json");
  const auto text = Read<std::string>(skein_model_describe, session.runtime(), model_path.c_str(), options.get());
  const auto description = nlohmann::json::parse(text);
  std::string prompt = description.value("example_prompt", "");
  if (prompt.empty()) {
    throw UsageError("run: a prompt is needed: -p TEXT or --prompt-file FILE (" + model_path +
                     " has no example prompt)");
  }
  return prompt;
}

std::string Prompt(const Arguments& arguments, const Session& session) {
  const auto text = arguments.Text("prompt");
  const auto file = arguments.Text("prompt-file");
  if (text && file) throw UsageError("run: --prompt and --prompt-file exclude each other");
  if (file) return ReadInput(*file);
  if (text) return *text == "-" ? ReadInput("-") : *text;
  return ExamplePrompt(session, ModelPath(arguments));
}

CallOptions SamplingOptions(const Arguments& arguments) {
  CallOptions options(SKEIN_OPTIONS_REQUEST);
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
  return options;
}

// Drains the queue until the request has ended. Each piece of text goes to `writer`, if there is one, as it comes.
Generation Drain(skein_queue queue, skein_request request, DataWriter* writer) {
  constexpr int64_t kWaitMs = 100;  // how long Ctrl-C may go unnoticed
  Generation generation;
  std::vector<skein_event> events(64);
  std::string text(65536, '\0');
  const Clock::time_point submitted = Clock::now();
  Clock::time_point first = submitted;
  Clock::time_point last = submitted;
  bool cancelled = false;
  while (generation.reason.empty()) {
    if (interrupted != 0 && !cancelled) {
      Call(skein_request_cancel, request);
      cancelled = true;
    }
    uint32_t ready = 0;
    Call(skein_queue_wait, queue, kWaitMs, &ready);
    uint32_t count = 0;
    uint64_t text_bytes = 0;
    skein_error error = {};
    const skein_status status =
        skein_queue_poll(queue, events.data(), sizeof(skein_event), static_cast<uint32_t>(events.size()), text.data(),
                         text.size(), &count, &text_bytes, &error);
    if (status == SKEIN_OUT_OF_RANGE && text_bytes > text.size()) {
      text.resize(text_bytes);
      continue;
    }
    if (status != SKEIN_OK) throw Failure(error);
    for (uint32_t i = 0; i < count; ++i) {
      const skein_event& event = events[i];
      const std::string_view piece(text.data() + event.text_offset, event.text_bytes);
      if (event.kind == SKEIN_EVENT_ERROR) throw Failure(std::string(piece));
      generation.num_prompt_tokens = event.num_prompt_tokens;
      generation.text += piece;
      if (writer != nullptr) writer->Write(piece);
      if (event.kind == SKEIN_EVENT_TOKEN) {
        last = Clock::now();
        if (generation.tokens.empty()) first = last;
        generation.tokens.push_back(event.token);
      } else {
        generation.reason = event.kind == SKEIN_EVENT_CANCELLED ? "cancelled" : ReasonName(event.reason);
      }
    }
  }
  if (generation.tokens.empty()) first = last = Clock::now();
  generation.prefill_seconds = std::chrono::duration<double>(first - submitted).count();
  generation.decode_seconds = std::chrono::duration<double>(last - first).count();
  return generation;
}

std::string ToJson(const std::string& prompt, const Generation& generation) {
  const nlohmann::ordered_json object = {
      {"prompt", prompt},
      {"text", generation.text},
      {"tokens", generation.tokens},
      {"reason", generation.reason},
      {"timings",
       {{"num_prompt_tokens", generation.num_prompt_tokens},
        {"num_tokens", generation.tokens.size()},
        {"prefill_seconds", generation.prefill_seconds},
        {"decode_seconds", generation.decode_seconds},
        {"prefill_tokens_per_second", generation.PrefillRate()},
        {"decode_tokens_per_second", generation.DecodeRate()}}},
  };
  // A model may write bytes that are no UTF-8, which JSON cannot hold: they become U+FFFD; the tokens are exact.
  return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int Run(const Arguments& arguments) {
  const CallOptions sampling = SamplingOptions(arguments);
  const std::vector<std::string> stops = arguments.Texts("stop");
  const bool json = arguments.Has("json");
  ModelPath(arguments);  // wrong usage is told before standard input is read
  const Session session(arguments);
  const std::string prompt = Prompt(arguments, session);

  const Model model = session.LoadModel(arguments);
  const auto stream = Make<Stream>(skein_stream_create, model.get(), nullptr);
  const auto queue = Make<Queue>(skein_queue_create, session.runtime(), nullptr);
  const auto request = Make<Request>(skein_request_create, stream.get());
  Call(skein_request_set_prompt, request.get(), prompt.data(), prompt.size());
  Call(skein_request_set_options, request.get(), sampling.get());
  for (const std::string& stop : stops) Call(skein_request_add_stop, request.get(), stop.data(), stop.size());

  DataWriter writer;
  if (arguments.Has("echo") && !json) writer.Write(prompt);
  const InterruptGuard guard;
  const skein_request submitted = request.get();
  Call(skein_queue_submit, queue.get(), &submitted, 1);
  const Generation generation = Drain(queue.get(), request.get(), json ? nullptr : &writer);

  // Stdout gets the text and nothing else, unless somebody looks at it.
  if (json) {
    writer.Write(ToJson(prompt, generation));
  } else if (isatty(STDOUT_FILENO) == 1) {
    writer.Write("\n");
  }
  Note("skein: prompt " + std::to_string(generation.num_prompt_tokens) + " tokens, " +
       FormatNumber(generation.PrefillRate(), 1) + " tokens/s; generated " + std::to_string(generation.tokens.size()) +
       " tokens, " + FormatNumber(generation.DecodeRate(), 1) + " tokens/s; ended by " + generation.reason);
  return generation.reason == "cancelled" ? 1 : 0;
}

}  // namespace

Command RunCommand() {
  return {
      .name = "run",
      .synopsis = "-m MODEL [-p TEXT] [options]",
      .summary = "complete a text, streaming it",
      .options = WithModelOptions({
          {.name = "prompt",
           .letter = 'p',
           .takes = Takes::kText,
           .value = "TEXT",
           .help = "the text to complete; - reads it from stdin (default: the model's example prompt)"},
          {.name = "prompt-file", .takes = Takes::kText, .value = "FILE", .help = "read the prompt from a file"},
          {.name = "echo", .help = "print the prompt in front of its completion"},
          {.name = "tokens", .letter = 'n', .takes = Takes::kCount, .value = "N", .help = "tokens to generate at most"},
          {.name = "temp",
           .takes = Takes::kReal,
           .value = "T",
           .help = "temperature; 0: always the most probable token"},
          {.name = "top-p",
           .takes = Takes::kReal,
           .value = "P",
           .help = "keep the most probable tokens with this share"},
          {.name = "top-k", .takes = Takes::kInteger, .value = "K", .help = "keep the K most probable tokens; 0: all"},
          {.name = "min-p",
           .takes = Takes::kReal,
           .value = "P",
           .help = "keep tokens with this share of the most probable one's probability; 0: all"},
          {.name = "presence", .takes = Takes::kReal, .value = "X", .help = "penalty on every token generated before"},
          {.name = "frequency",
           .takes = Takes::kReal,
           .value = "X",
           .help = "penalty per earlier occurrence of a token"},
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
          {.name = "json", .help = "print one JSON object at the end: text, tokens, reason, timings"},
      }),
      .run = Run,
  };
}

}  // namespace skein::cli
