// skein convert: any readable model file to a .skein package or a .safetensors checkpoint.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "call_options.h"
#include "commands.h"
#include "orderly_end.h"
#include "output.h"
#include "session.h"

namespace skein::cli {
namespace {

// Says which vocabulary the output got, where the input's file has none.
void NoteVocabularyOf(const Runtime& runtime, const std::string& path) {
  const auto tokenizer = nlohmann::json::parse(runtime.Describe(path, {{"format", "json"}})).at("tokenizer");
  if (tokenizer.is_object()) NoteVocabulary(tokenizer.value("origin", ""), tokenizer.value("path", ""));
}

int Convert(const Arguments& arguments) {
  const std::optional<std::string> out = OutputPath(arguments, "out");
  if (arguments.operands().empty() || !out) throw UsageError("convert: expected IN -o OUT.skein, or OUT.safetensors");
  CallOptions<ConvertOptions> options;
  for (const char* key : {"type", "layout", "tokenizer", "name", "licence", "provenance", "prompt", "chat-template",
                          "state", "end-token", "trained-length", "overwrite"}) {
    std::string option_key = key;
    std::replace(option_key.begin(), option_key.end(), '-', '_');
    options.Pass(arguments, key, option_key.c_str());
  }
  options.PassLines(arguments, "lora", "lora");
  const OrderlyEnd end;
  const Session session(arguments);
  const std::string& in = arguments.operands()[0];
  try {
    session.runtime().Convert(in, *out, options);
  } catch (const Error& failure) {
    if (failure.code() != SKEIN_ALREADY_EXISTS) throw;
    throw Failure(std::string(failure.what()) + "; --overwrite replaces it");
  }
  if (!arguments.Has("tokenizer")) NoteVocabularyOf(session.runtime(), in);
  // The name decides. So a name that ends in something else, such as .gguf, is that of a package.
  const bool is_named_so = out->ends_with(".skein") || out->ends_with(".safetensors");
  Note("skein: wrote " + *out + (is_named_so ? "" : ", a .skein package"));
  return 0;
}

}  // namespace

Command ConvertCommand() {
  return {
      .name = "convert",
      .synopsis = "IN -o (OUT.skein | OUT.safetensors) [options]",
      .summary = "turn a model file into a .skein package, or into a .safetensors with the names of the models' author",
      .max_operands = 1,
      .options = WithRuntimeOptions({
          {.name = "out",
           .letter = 'o',
           .takes = Takes::kText,
           .value = "FILE",
           .help = "the file to write: a checkpoint if its name ends in .safetensors, else a package"},
          {.name = "type",
           .takes = Takes::kText,
           .value = "TYPE",
           .help = "of the matrices: auto (as they are), f32, f16, bf16, q8, q4 (default: auto)"},
          {.name = "layout",
           .takes = Takes::kText,
           .value = "LAYOUT",
           .help = "of the matrices in a package: panels (used where they are mapped) or rows (default: panels)"},
          {.name = "tokenizer",
           .takes = Takes::kText,
           .value = "FILE",
           .help =
               "vocabulary to embed: a file, \"world\" or \"bytes\" (default: the one in the model, beside it, or in "
               "the box)"},
          {.name = "name", .takes = Takes::kText, .value = "TEXT", .help = "recorded in the package"},
          {.name = "licence", .takes = Takes::kText, .value = "TEXT", .help = "recorded in the package"},
          {.name = "provenance", .takes = Takes::kText, .value = "TEXT", .help = "recorded in the package"},
          {.name = "prompt", .takes = Takes::kText, .value = "TEXT", .help = "example prompt, recorded in the package"},
          {.name = "chat-template",
           .takes = Takes::kText,
           .value = "NAME",
           .help = "template of its conversations (world, g1, raven, instruct), recorded in the package"},
          LoraOption(),
          StateOption(),
          {.name = "end-token",
           .takes = Takes::kInteger,
           .value = "ID",
           .help = "token that ends a text, recorded in the package"},
          {.name = "trained-length",
           .takes = Takes::kCount,
           .value = "N",
           .help = "tokens of the longest text that the model was trained with, recorded in the package (default: what "
                   "the input says)"},
          {.name = "overwrite", .help = "replace the file if it exists"},
      }),
      .run = Convert,
  };
}

}  // namespace skein::cli
