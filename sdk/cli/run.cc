// skein run: completes a text, streaming it to stdout. Ctrl-C ends the generation in good order.
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "call_options.h"
#include "commands.h"
#include "generate.h"
#include "input.h"
#include "interrupt.h"
#include "output.h"
#include "session.h"
#include "starting_stream.h"
#include "table.h"

namespace skein::cli {
namespace {

// The example prompt that a package carries. Throws UsageError if it has none.
std::string ExamplePrompt(const Session& session, const std::string& model_path) {
  const auto description = nlohmann::json::parse(session.runtime().Describe(model_path, {{"format", "json"}}));
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

nlohmann::ordered_json RateJson(std::optional<double> rate) {
  return rate ? nlohmann::ordered_json(*rate) : nlohmann::ordered_json(nullptr);
}

// The answer of the prefix cache for a prompt, in the words of the metrics.
std::string CacheName(uint32_t outcome) {
  constexpr const char* kNames[] = {"unknown", "hit", "off", "not_at_start", "cold", "no_state", "evicted", "rows"};
  return outcome < std::size(kNames) ? kNames[outcome] : std::to_string(outcome);
}

// A clause of the last line, such as "generated 5 tokens, 812.4 tokens/s".
std::string CountText(const std::string& what, uint64_t num_tokens, std::optional<double> rate) {
  const std::string count = what + " " + std::to_string(num_tokens) + (num_tokens == 1 ? " token" : " tokens");
  return rate ? count + ", " + FormatNumber(*rate, 1) + " tokens/s" : count;
}

// Gives the request its prompt. An empty one is the end-of-text token, after which models begin a new text.
void SetPrompt(const Request& request, const std::string& prompt, const Model& model) {
  if (!prompt.empty()) {
    request.SetPrompt(prompt);
    return;
  }
  const Token end = model.Info().end_token;
  if (end == SKEIN_NO_TOKEN) {
    throw UsageError("run: the prompt is empty, and the model has no end-of-text token to start from");
  }
  request.SetPrompt(Span<const Token>(&end, 1));
}

bool HasSamples(const Arguments& arguments) { return arguments.Has("n") || arguments.Has("best-of"); }

std::string ToJson(const std::string& prompt, const Generation& generation, bool has_samples) {
  nlohmann::ordered_json object = {{"prompt", prompt}};
  if (has_samples) {
    for (const GeneratedText& text : generation.texts) {
      object["samples"].push_back(
          {{"sample", text.sample}, {"text", text.text}, {"tokens", text.tokens}, {"reason", text.reason}});
    }
  } else {
    object["text"] = generation.texts[0].text;
    object["tokens"] = generation.texts[0].tokens;
  }
  object["reason"] = generation.reason;
  object["cache"] = CacheName(generation.cache);
  object["timings"] = {{"num_prompt_tokens", generation.num_prompt_tokens},
                       {"num_cached_tokens", generation.num_prompt_tokens - generation.num_read_tokens},
                       {"num_tokens", generation.num_tokens},
                       {"queue_seconds", generation.queue_seconds},
                       {"prefill_seconds", generation.prefill_seconds},
                       {"decode_seconds", generation.decode_seconds},
                       {"prefill_tokens_per_second", RateJson(generation.PrefillRate())},
                       {"decode_tokens_per_second", RateJson(generation.DecodeRate())}};
  // A model may write bytes that are no UTF-8, which JSON cannot hold: they become U+FFFD; the tokens are exact.
  return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// The samples, each below a line with its number.
std::string SamplesText(const Generation& generation) {
  std::string all;
  for (const GeneratedText& text : generation.texts) {
    all +=
        "[sample " + std::to_string(text.sample) + (text.reason == "error" ? ", failed]\n" : "]\n") + text.text + "\n";
  }
  return all;
}

// The model, with a stream for each sample.
Model LoadModel(const Session& session, const Arguments& arguments) {
  CallOptions<ModelOptions> options;
  const uint64_t num_samples = std::max(arguments.Count("n").value_or(1), arguments.Count("best-of").value_or(1));
  options.Set("max_batch_streams", num_samples);
  return session.LoadModel(arguments, std::move(options));
}

int Run(const Arguments& arguments) {
  CallOptions<RequestOptions> sampling = SamplingOptions(arguments);
  sampling.Pass(arguments, "n", "n");
  sampling.Pass(arguments, "best-of", "best_of");
  const uint64_t num_written = arguments.Count("n").value_or(1);
  if (arguments.Count("best-of").value_or(num_written) < num_written) {
    throw UsageError("run: --best-of " + *arguments.Text("best-of") + ": expected at least --n, which is " +
                     std::to_string(num_written));
  }
  const bool has_samples = HasSamples(arguments);
  const bool json = arguments.Has("json");
  ModelPath(arguments);  // wrong usage is told before standard input is read
  const Session session(arguments);
  const std::string prompt = Prompt(arguments, session);

  const Model model = LoadModel(session, arguments);
  const Stream stream = StartingStreams(arguments, model).Make();
  Queue queue(session.runtime());
  const Request request(stream, sampling);
  SetPrompt(request, prompt, model);
  AddStops(arguments, request);

  DataWriter writer;
  if (arguments.Has("echo") && !json) writer.Write(prompt);
  const InterruptGuard guard(SecondInterrupt::kEndsTheProcess);
  Generation generation = Generate(queue, request, [&](std::string_view piece) {
    if (!json && !has_samples) writer.Write(piece);
  });
  if (!arguments.Has("best-of")) {  // those come in the order of their rank
    std::sort(generation.texts.begin(), generation.texts.end(),
              [](const GeneratedText& a, const GeneratedText& b) { return a.sample < b.sample; });
  }

  // Stdout gets the text and nothing else, unless it is a terminal.
  if (json) {
    writer.Write(ToJson(prompt, generation, has_samples));
  } else if (has_samples) {
    writer.Write(SamplesText(generation));
  } else if (isatty(STDOUT_FILENO) == 1) {
    writer.Write("\n");
  }
  Note("skein: " + CountText("prompt", generation.num_prompt_tokens, generation.PrefillRate()) + "; " +
       CountText("generated", generation.num_tokens, generation.DecodeRate()) + "; ended by " + generation.reason);
  return generation.reason == "cancelled" ? 1 : 0;
}

}  // namespace

Command RunCommand() {
  return {
      .name = "run",
      .synopsis = "-m MODEL [-p TEXT] [options]",
      .summary = "complete a text, streaming it",
      .options = WithModelOptions(WithSamplingOptions({
          {.name = "prompt",
           .letter = 'p',
           .takes = Takes::kText,
           .value = "TEXT",
           .help = "the text to complete; - reads it from stdin, and an empty one starts from the end-of-text token "
                   "(default: the model's example prompt)"},
          PrefixOption(),
          {.name = "prompt-file", .takes = Takes::kText, .value = "FILE", .help = "read the prompt from a file"},
          {.name = "n",
           .takes = Takes::kCount,
           .value = "N",
           .help = "write N samples of the prompt, which is read once; they are printed at the end"},
          {.name = "best-of",
           .takes = Takes::kCount,
           .value = "N",
           .help = "write N samples, and print the most probable ones: as many as --n says (default: 1)"},
          {.name = "echo", .help = "print the prompt in front of its completion"},
          {.name = "json", .help = "print one JSON object at the end: text, tokens, reason, timings"},
      })),
      .run = Run,
  };
}

}  // namespace skein::cli
