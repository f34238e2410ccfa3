#include "engine/load_model.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "devices/device_model.h"
#include "devices/placement.h"
#include "engine/device_step_runner.h"
#include "runtime/model_tools.h"
#include "runtime/option_keys.h"
#include "runtime/vocabulary_choice.h"
#include "skein/runtime.h"

namespace skein {
namespace {

// The devices and the arithmetic of a model.
struct Placed {
  std::vector<SegmentPlacement> segments;
  std::vector<std::shared_ptr<Device>> devices;  // one to one with `segments`
  std::string text;                              // as the option `device`
  SegmentSettings settings;
};

// "auto" is the arithmetic that the file was made for, if every device offers it. So a package that was converted with
// type=bf16 is computed in bf16.
std::string DefaultType(const ModelFile& file, absl::Span<const std::shared_ptr<Device>> devices) {
  const uint32_t made_for = file.metadata().compute_dtype;
  const bool is_offered =
      std::all_of(devices.begin(), devices.end(), [made_for](const std::shared_ptr<Device>& device) {
        return (device->description().info.compute_types >> made_for & 1u) != 0;
      });
  return made_for != SKEIN_DTYPE_NONE && is_offered ? DtypeName(made_for) : "auto";
}

// Id 0 ends a text in every published vocabulary. Byte-level and smaller vocabularies may use it for a text.
std::optional<uint32_t> FindEndToken(const ModelFile& file, const Tokenizer* tokenizer) {
  if (file.metadata().end_token.has_value()) return file.metadata().end_token;
  if (tokenizer == nullptr) return file.config().vocab_size > 256 ? std::optional<uint32_t>(0) : std::nullopt;
  const uint32_t zero = 0;
  const absl::StatusOr<std::string> text = tokenizer->Decode({&zero, 1});
  return text.ok() && text->empty() ? std::optional<uint32_t>(0) : std::nullopt;
}

// The tokenizer that the host names, else the model's own. One that does not fit is used, and the log says so: texts
// whose tokens have rows still work.
absl::StatusOr<ModelTokenizer> FindTokenizer(Runtime& runtime, const ModelFile& file, const std::string& path) {
  if (path.empty()) return runtime.TokenizerOf(file);
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer, runtime.LoadTokenizer(path, ""));
  const std::string problem = DescribeMisfit(tokenizer->vocab_size(), file.config().vocab_size);
  if (!problem.empty()) runtime.log().Add(SKEIN_LOG_WARNING, absl::StrCat(path, ": ", problem));
  return ModelTokenizer{std::move(tokenizer), ""};
}

// Says of a device that is missing which plugins failed. RESOURCE_EXHAUSTED: one of them had no memory.
absl::Status ExplainMissing(const absl::Status& status, const Runtime& runtime,
                            absl::Span<const DeviceProblem> problems) {
  const std::string failures = runtime.MissingDevicesText(problems);
  if (!absl::IsNotFound(status) || failures.empty()) return status;
  const bool ran_out_of_memory = std::any_of(problems.begin(), problems.end(),
                                             [](const DeviceProblem& problem) { return problem.ran_out_of_memory; });
  return absl::Status(ran_out_of_memory ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kNotFound,
                      absl::StrCat(status.message(), "; these plugins or devices failed: ", failures));
}

absl::StatusOr<std::vector<SegmentPlacement>> PlaceLayers(const Runtime& runtime, const DeviceList& available,
                                                          absl::Span<const std::string> names,
                                                          const std::string& device, uint32_t num_layers) {
  absl::StatusOr<std::vector<SegmentPlacement>> segments = ParsePlacement(device, names, num_layers);
  if (!segments.ok()) return ExplainMissing(segments.status(), runtime, available.problems);
  return segments;
}

absl::StatusOr<Placed> Place(Runtime& runtime, const ModelFile& file, const std::string& device,
                             SegmentSettings settings) {
  const DeviceList available = runtime.ListDevices();
  std::vector<std::string> names;
  for (const DeviceDescription& description : available.devices) names.push_back(description.info.name);
  Placed placed;
  SKEIN_ASSIGN_OR_RETURN(placed.segments, PlaceLayers(runtime, available, names, device, file.config().num_layers));
  for (const SegmentPlacement& segment : placed.segments) {
    SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<Device> opened, runtime.OpenDevice(available.devices[segment.device_index]));
    placed.devices.push_back(std::move(opened));
  }
  placed.text = FormatPlacement(placed.segments, names);
  if (settings.precision.name == "auto") {
    SKEIN_ASSIGN_OR_RETURN(settings.precision, ParsePrecision(DefaultType(file, placed.devices)));
  }
  placed.settings = std::move(settings);
  return placed;
}

// A step reads one slot of a stream and writes another. That makes two slots for each stream. An eval in progress holds
// a third one, so two more let evals always go on. One more is for a tuned state that streams start from.
SegmentLimits LimitsFor(const ModelFile& file, const Options& options) {
  SegmentLimits limits;
  limits.max_entries = static_cast<uint32_t>(options[model_options::kMaxStreams]);
  limits.num_slots = 2 * limits.max_entries + 2 + (file.initial_state().empty() ? 0 : 1);
  // By default a step has room for prompts beside all streams that decode.
  const int64_t default_tokens = std::max(*model_options::kMaxBatchTokens.value, int64_t{limits.max_entries} + 16);
  limits.max_tokens = static_cast<uint32_t>(options.Find(model_options::kMaxBatchTokens).value_or(default_tokens));
  return limits;
}

absl::StatusOr<std::unique_ptr<DeviceModel>> LoadOnDevices(Runtime& runtime, const ModelFile& file,
                                                           const Placed& placed) {
  absl::StatusOr<std::unique_ptr<DeviceModel>> loaded = absl::UnknownError("");
  runtime.services().Execute(
      [&] { loaded = DeviceModel::Load(file, placed.segments, placed.devices, placed.settings, &runtime.progress()); });
  if (!loaded.ok()) return Annotate(loaded.status(), file.path());
  return loaded;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Model>> LoadModel(std::shared_ptr<Runtime> runtime, const std::string& path,
                                                 const Options& options) {
  const FileAccess access = options[model_options::kMmap] == 0 ? FileAccess::kRead : FileAccess::kMap;
  SegmentSettings settings;
  SKEIN_ASSIGN_OR_RETURN(settings.precision, ParsePrecision(options[model_options::kType]));
  SKEIN_ASSIGN_OR_RETURN(settings.state_type, ParseStateType(options[model_options::kStateType]));
  const ChangeOptions changes = {.lora = options[model_options::kLora], .state = options[model_options::kState]};
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<const ModelFile> file, OpenModelFile(*runtime, path, access, changes));

  ModelParts parts;
  SKEIN_ASSIGN_OR_RETURN(ModelTokenizer found, FindTokenizer(*runtime, *file, options[model_options::kTokenizer]));
  parts.tokenizer = std::move(found.tokenizer);
  parts.tokenizer_absence = std::move(found.absence);
  parts.end_token = FindEndToken(*file, parts.tokenizer.get());
  const SegmentLimits limits = settings.limits = LimitsFor(*file, options);
  SKEIN_ASSIGN_OR_RETURN(Placed placed, Place(*runtime, *file, options[model_options::kDevice], std::move(settings)));
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<DeviceModel> on_devices, LoadOnDevices(*runtime, *file, placed));
  parts.weights_bytes = on_devices->weights_bytes();
  parts.embedding_bytes = on_devices->embedding_bytes();
  SKEIN_ASSIGN_OR_RETURN(
      parts.engine, Engine::Start(runtime, std::make_unique<DeviceStepRunner>(runtime, file, std::move(on_devices)),
                                  {{limits.max_tokens, limits.max_entries}, limits.num_slots, limits.max_entries}));
  if (!file->initial_state().empty()) {
    SKEIN_ASSIGN_OR_RETURN(parts.initial_state, parts.engine->ImportState(file->initial_state()));
  }
  parts.placement = std::move(placed.text);
  parts.type = std::move(placed.settings.precision.name);
  parts.max_streams = limits.max_entries;
  parts.file = std::move(file);
  parts.runtime = std::move(runtime);
  return std::make_shared<Model>(std::move(parts));
}

}  // namespace skein
