#include "engine/load_model.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "devices/device_model.h"
#include "engine/device_step_runner.h"
#include "engine/disk_states.h"
#include "engine/fingerprint_ahead.h"
#include "engine/scheduling.h"
#include "numbers/state_layout.h"
#include "placement/model_placer.h"
#include "placement/segment_limits.h"
#include "runtime/model_tools.h"
#include "runtime/option_keys.h"
#include "runtime/vocabulary_choice.h"
#include "skein/runtime.h"

namespace skein {
namespace {

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

// A model on its devices, and where it went.
struct LoadedModel {
  std::unique_ptr<DeviceModel> on_devices;
  ModelPlacement placement;
};

absl::StatusOr<std::unique_ptr<DeviceModel>> LoadOnce(Runtime& runtime, const ModelFile& file,
                                                      const ModelPlacement& placement,
                                                      std::optional<size_t>* full_segment) {
  absl::StatusOr<std::unique_ptr<DeviceModel>> loaded = absl::UnknownError("");
  runtime.services().Execute([&] {
    loaded = DeviceModel::Load(file, placement.segments, placement.devices, placement.settings, &runtime.progress(),
                               full_segment);
  });
  return loaded;
}

// The memory of a device says what it has, not what others have left of it. So a load may find it full, and, where the
// placement is not the caller's, is tried again with less there.
absl::StatusOr<LoadedModel> LoadOnDevices(Runtime& runtime, const ModelFile& file, const Options& options) {
  SKEIN_ASSIGN_OR_RETURN(ModelPlacer placer, ModelPlacer::Create(runtime, file, options));
  absl::Status last_failure;
  while (true) {
    absl::StatusOr<ModelPlacement> placement = placer.Place();
    if (!placement.ok() && !last_failure.ok()) return Annotate(last_failure, placement.status().message());
    SKEIN_RETURN_IF_ERROR(placement.status());
    std::optional<size_t> full_segment;
    absl::StatusOr<std::unique_ptr<DeviceModel>> loaded = LoadOnce(runtime, file, *placement, &full_segment);
    if (loaded.ok()) return LoadedModel{*std::move(loaded), *std::move(placement)};
    if (!full_segment.has_value()) return loaded.status();
    if (!placer.GiveLess(*placement, *full_segment)) {
      return placer.ExplainFull(loaded.status(), *placement, *full_segment);
    }
    last_failure = loaded.status();
  }
}

// Gives the prefix cache what earlier processes had on disk, and has it leave its states to later ones.
absl::Status KeepPrefixes(Runtime& runtime, Engine& engine, const Options& options, std::shared_ptr<StateDisk> disk) {
  if (disk == nullptr || !engine.prefixes()->is_on()) return absl::OkStatus();
  SKEIN_ASSIGN_OR_RETURN(const uint64_t num_restored, engine.KeepPrefixesOn(std::move(disk)));
  if (num_restored == 0) return absl::OkStatus();
  runtime.log().Add(SKEIN_LOG_INFO, absl::StrCat(options[model_options::kStateFolder], ": ", num_restored,
                                                 " states of prompts were read for the prefix cache"));
  return absl::OkStatus();
}

// States that are kept for later prompts take no more than a quarter of the places for states, and an eighth of the
// slots while no prompts come back.
PrefixCacheLimits PrefixLimitsOf(const Options& options, uint64_t num_slots, uint64_t num_parked,
                                 uint64_t state_bytes) {
  const auto wanted = static_cast<uint64_t>(options[model_options::kPrefixCache]);
  return {.max_bytes = std::min(wanted, (num_slots + num_parked) / 4 * state_bytes),
          .state_bytes = state_bytes,
          .max_unused_states = std::max<uint64_t>(num_slots / 8, 4)};
}

// The store looks at all of its states to find the one that is missed least.
constexpr uint64_t kMostCheckpoints = 4096;

uint64_t MaxCheckpointsOf(const Options& options, uint64_t num_slots, uint64_t num_parked, uint64_t state_bytes) {
  const int64_t bytes = options[model_options::kCheckpointMemory];
  const uint64_t num_states = bytes < 0 ? (num_slots + num_parked) / 8 : static_cast<uint64_t>(bytes) / state_bytes;
  return std::min(num_states, kMostCheckpoints);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Model>> LoadModel(std::shared_ptr<Runtime> runtime, const std::string& path,
                                                 const Options& options) {
  const FileAccess access = options[model_options::kMmap] == 0 ? FileAccess::kRead : FileAccess::kMap;
  const ChangeOptions changes = {.lora = options[model_options::kLora], .state = options[model_options::kState]};
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<const ModelFile> file, OpenModelFile(*runtime, path, access, changes));

  ModelParts parts;
  SKEIN_ASSIGN_OR_RETURN(ModelTokenizer found, FindTokenizer(*runtime, *file, options[model_options::kTokenizer]));
  parts.tokenizer = std::move(found.tokenizer);
  parts.tokenizer_absence = std::move(found.absence);
  parts.end_token = FindEndToken(*file, parts.tokenizer.get());
  parts.trained_length = file->metadata().trained_length;
  SKEIN_ASSIGN_OR_RETURN(const uint64_t max_host_states, HostStatesFor(*file, options));
  // It reads the weights beside those who load them, and mostly ends before them. A tensor that an adapter changes is
  // made whole for each of them, and is not to be in memory twice.
  if (changes.lora.empty()) parts.fingerprint_ahead = FingerprintAhead::Start(runtime, file);
  absl::StatusOr<LoadedModel> loaded = LoadOnDevices(*runtime, *file, options);
  if (!loaded.ok()) return Annotate(loaded.status(), file->path());
  if (parts.fingerprint_ahead == nullptr) parts.fingerprint_ahead = FingerprintAhead::Start(runtime, file);
  if (parts.fingerprint_ahead != nullptr) parts.fingerprint_ahead->OnLoaded();
  parts.weights_bytes = loaded->on_devices->weights_bytes();
  parts.embedding_bytes = loaded->on_devices->embedding_bytes();
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<StateDisk> disk,
                         OpenDiskStates(*file, loaded->placement, max_host_states, options));
  const SegmentLimits& limits = loaded->placement.settings.limits;
  auto runner = std::make_unique<DeviceStepRunner>(runtime, file, std::move(loaded->on_devices));
  const uint64_t state_bytes = StateFloats(file->config()) * sizeof(float);
  const EngineLimits engine_limits = {
      .step = SchedulingOf(options, limits, runner->pipeline()),
      .num_slots = limits.num_slots,
      .state_floats = StateFloats(file->config()),
      .max_host_states = max_host_states,
      .max_streams = static_cast<uint64_t>(options[model_options::kMaxStreams]),
      .max_checkpoints = MaxCheckpointsOf(options, limits.num_slots, max_host_states, state_bytes),
      .calibrates = options[model_options::kCalibrate] != 0,
      .max_queued_tokens = static_cast<uint64_t>(options[model_options::kMaxQueuedTokens]),
      .prefixes = PrefixLimitsOf(options, limits.num_slots, max_host_states, state_bytes)};
  SKEIN_ASSIGN_OR_RETURN(parts.engine, Engine::Start(runtime, std::move(runner), engine_limits, file->metadata().name,
                                                     StepClock::now, disk));
  SKEIN_RETURN_IF_ERROR(KeepPrefixes(*runtime, *parts.engine, options, std::move(disk)));
  if (!file->initial_state().empty()) {
    SKEIN_ASSIGN_OR_RETURN(parts.initial_state, parts.engine->ImportState(file->initial_state()));
  }
  parts.placement = loaded->placement.text;
  parts.type = loaded->placement.settings.precision.name;
  parts.head_features = loaded->placement.devices.back()->description().info.features;
  parts.max_streams = static_cast<uint32_t>(options[model_options::kMaxStreams]);
  parts.file = std::move(file);
  parts.runtime = std::move(runtime);
  return std::make_shared<Model>(std::move(parts));
}

}  // namespace skein
