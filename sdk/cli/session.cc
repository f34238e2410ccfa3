#include "session.h"

#include <utility>

#include "output.h"

namespace skein::cli {
namespace {

Option ModelOption() {
  return {.name = "model",
          .letter = 'm',
          .takes = Takes::kText,
          .value = "FILE",
          .help = "model: a .skein package, or a checkpoint"};
}

Option TokenizerOption() {
  return {.name = "tokenizer",
          .takes = Takes::kText,
          .value = "FILE",
          .help =
              "vocabulary file, or \"world\" or \"bytes\", which need none (default: the one in the model, beside it, "
              "or in the box)"};
}

void NoteVocabularyOf(const Tokenizer& tokenizer) {
  const skein_tokenizer_info info = tokenizer.Info();
  NoteVocabulary(info.origin, info.path);
}

}  // namespace

void NoteVocabulary(std::string_view origin, const std::string& path) {
  if (origin == "beside") Note("skein: vocabulary: " + path + ", beside the model");
  if (origin == "box") Note("skein: vocabulary: " + path + ", in the box, by the number of the model's rows");
}

Runtime MakeRuntime(const Arguments& arguments) {
  CallOptions<RuntimeOptions> options;
  options.Pass(arguments, "threads", "threads");
  options.Pass(arguments, "plugin-path", "plugin_path");
  if (arguments.Offers("trace")) options.Pass(arguments, "trace", "trace");
  return Runtime(options);
}

Option LoraOption() {
  return {.name = "lora",
          .takes = Takes::kText,
          .value = "FILE[:SCALE]",
          .help =
              "adapter to merge into the weights (LoRA, DoRA, PiSSA, MiSS), a file or PEFT's folder, times SCALE (by "
              "default as its adapter_config.json says); may be given several times",
          .repeatable = true};
}

Option StateOption() {
  return {.name = "state",
          .takes = Takes::kText,
          .value = "FILE",
          .help = "state to start from: a tuned one (time_state tensors), or one of the rwkv pip package"};
}

std::vector<Option> WithRuntimeOptions(std::vector<Option> own) {
  own.push_back({.name = "threads",
                 .letter = 't',
                 .takes = Takes::kCount,
                 .value = "N",
                 .help = "threads that compute (default: one per processor that the tool may use)"});
  own.push_back({.name = "plugin-path",
                 .takes = Takes::kText,
                 .value = "FOLDERS",
                 .help = "folders searched for plugins before all others, separated by ':'"});
  own.push_back({.name = "log", .help = "print every line of the library's log; warnings are always printed"});
  return own;
}

std::vector<Option> WithTokenizerOptions(std::vector<Option> own) {
  own.insert(own.begin(), ModelOption());
  own.push_back(TokenizerOption());
  return WithRuntimeOptions(std::move(own));
}

std::vector<Option> WithModelOptions(std::vector<Option> own) {
  own.insert(own.begin(), ModelOption());
  own.push_back({.name = "device",
                 .takes = Takes::kText,
                 .value = "NAME",
                 .help = "device, as `skein devices` names it; several such as cuda:0,cpu, filled in this order; or a "
                         "split such as cpu=0-11,reference=12-23 (default: the best, and others if it is too small)"});
  own.push_back({.name = "device-memory",
                 .takes = Takes::kText,
                 .value = "BYTES",
                 .help = "that the model may take on each device: 6GiB, or cuda:0=6GiB,cuda:1=512MiB"});
  own.push_back({.name = "type",
                 .takes = Takes::kText,
                 .value = "TYPE",
                 .help = "of the weights: auto (as the file has them), f32, f16, bf16, q8, q4 (default: auto)"});
  own.push_back({.name = "state-type",
                 .takes = Takes::kText,
                 .value = "TYPE",
                 .help = "of the states on the device: f32, or f16 where the device offers it (default: f32)"});
  own.push_back({.name = "deterministic",
                 .help = "a stream's results never depend on those beside it, in f32, f16 and bf16 too; slower"});
  own.push_back(TokenizerOption());
  own.push_back(LoraOption());
  own.push_back(StateOption());
  own.push_back({.name = "trace",
                 .takes = Takes::kText,
                 .value = "FILE",
                 .help = "write a trace of steps and requests, for chrome://tracing or ui.perfetto.dev"});
  return WithRuntimeOptions(std::move(own));
}

Session::Session(const Arguments& arguments)
    : runtime_(MakeRuntime(arguments)),
      monitor_(runtime_, arguments.Has("log") ? LogLines::kAll : LogLines::kWarnings) {}

Model Session::LoadModel(const Arguments& arguments) const { return LoadModel(arguments, CallOptions<ModelOptions>()); }

Model Session::LoadModel(const Arguments& arguments, CallOptions<ModelOptions> options) const {
  return LoadModel(ModelPath(arguments), arguments, std::move(options));
}

Model Session::LoadModel(const std::string& path, const Arguments& arguments, CallOptions<ModelOptions> options) const {
  options.Pass(arguments, "device", "device");
  options.Pass(arguments, "device-memory", "device_memory");
  options.Pass(arguments, "type", "type");
  options.Pass(arguments, "state-type", "state_type");
  options.Pass(arguments, "deterministic", "deterministic");
  options.Pass(arguments, "tokenizer", "tokenizer");
  options.PassLines(arguments, "lora", "lora");
  options.Pass(arguments, "state", "state");
  Model model(runtime_, path, options);
  if (model.Info().has_tokenizer != 0) NoteVocabularyOf(model.GetTokenizer());
  return model;
}

Tokenizer Session::LoadTokenizer(const Arguments& arguments) const {
  const auto given = arguments.Text("tokenizer");
  const std::string path = given ? *given : ModelPath(arguments);
  Tokenizer tokenizer(runtime_, path);
  NoteVocabularyOf(tokenizer);
  return tokenizer;
}

std::string ModelPath(const Arguments& arguments) {
  const auto path = arguments.Text("model");
  if (!path) throw UsageError(std::string(arguments.command().name) + ": a model is needed: -m FILE");
  return *path;
}

}  // namespace skein::cli
