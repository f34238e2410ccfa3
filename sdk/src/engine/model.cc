#include "engine/model.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "devices/device_model.h"
#include "devices/placement.h"
#include "engine/engine.h"
#include "files/tuned_state.h"
#include "runtime/model_tools.h"

namespace skein {
namespace {

// "auto" is the arithmetic that the file was made for, where every device offers it: a package that was converted to
// bf16 by name is computed with it.
std::string DefaultType(const ModelFile& file, absl::Span<const std::shared_ptr<Device>> devices) {
  const uint32_t made_for = file.metadata().compute_dtype;
  const bool offered = std::all_of(devices.begin(), devices.end(), [made_for](const std::shared_ptr<Device>& device) {
    return (device->description().info.compute_types >> made_for & 1u) != 0;
  });
  return made_for != SKEIN_DTYPE_NONE && offered ? DtypeName(made_for) : "auto";
}

// Id 0 ends a text in every published vocabulary. Byte-level and smaller vocabularies may use it for a text.
std::optional<uint32_t> FindEndToken(const ModelFile& file, const Tokenizer* tokenizer) {
  if (file.metadata().end_token.has_value()) return file.metadata().end_token;
  if (tokenizer == nullptr) return file.config().vocab_size > 256 ? std::optional<uint32_t>(0) : std::nullopt;
  const uint32_t zero = 0;
  const absl::StatusOr<std::string> text = tokenizer->Decode({&zero, 1});
  return text.ok() && text->empty() ? std::optional<uint32_t>(0) : std::nullopt;
}

}  // namespace

Model::Model(std::shared_ptr<Runtime> runtime, std::shared_ptr<ModelFile> file)
    : runtime_(std::move(runtime)), file_(std::move(file)) {
  ++metrics().models;
}

Model::~Model() {
  if (engine_ != nullptr) engine_->Stop();
  --metrics().models;
}

absl::StatusOr<std::shared_ptr<Model>> Model::Load(std::shared_ptr<Runtime> runtime, const std::string& path,
                                                   const Options* options) {
  const Options defaults(SKEIN_OPTIONS_MODEL);
  if (options == nullptr) options = &defaults;
  const FileAccess access = options->Int("mmap").value_or(1) == 0 ? FileAccess::kRead : FileAccess::kMap;
  SKEIN_ASSIGN_OR_RETURN(Precision precision, ParsePrecision(options->Text("type").value_or("auto")));
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<ModelFile> file, OpenModelFile(*runtime, path, *options, access));
  std::shared_ptr<Model> model(new Model(runtime, file));
  const std::string tokenizer_path = options->Text("tokenizer").value_or("");
  SKEIN_ASSIGN_OR_RETURN(model->tokenizer_, tokenizer_path.empty() ? runtime->EmbeddedTokenizer(*file)
                                                                   : runtime->LoadTokenizer(tokenizer_path, ""));
  if (model->tokenizer_ != nullptr && model->tokenizer_->vocab_size() > model->config().vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": its tokenizer gives ids up to ",
                                                   model->tokenizer_->vocab_size() - 1, "; the model's vocabulary has ",
                                                   model->config().vocab_size));
  }

  model->end_token_ = FindEndToken(*file, model->tokenizer_.get());

  const std::vector<DeviceDescription> available = runtime->devices();
  if (available.empty()) {
    return absl::NotFoundError("no device: no backend plugin is loaded; see the list of plugins for what was refused");
  }
  std::vector<std::string> names;
  for (const DeviceDescription& device : available) names.push_back(device.info.name);
  SKEIN_ASSIGN_OR_RETURN(const std::vector<SegmentPlacement> placement,
                         ParsePlacement(options->Text("device").value_or(""), names, model->config().num_layers));
  std::vector<std::shared_ptr<Device>> devices;
  for (const SegmentPlacement& segment : placement) {
    SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<Device> device, runtime->OpenDevice(available[segment.device_index]));
    devices.push_back(std::move(device));
  }

  if (precision.name == "auto") {
    SKEIN_ASSIGN_OR_RETURN(precision, ParsePrecision(DefaultType(*file, devices)));
  }
  model->placement_ = FormatPlacement(placement, names);
  model->type_ = precision.name;
  model->max_streams_ = static_cast<uint32_t>(options->Int("max_streams").value_or(64));
  SegmentLimits limits;
  // A step reads one slot of a stream and writes another. Two for each stream, and two more so that evals that hold a
  // third while they are under way can always go on. And one for a tuned state that streams start from.
  limits.num_slots = 2 * model->max_streams_ + 2 + (file->initial_state().empty() ? 0 : 1);
  limits.max_entries = model->max_streams_;
  // Room for prompts beside every stream that decodes.
  limits.max_tokens =
      std::max(static_cast<uint32_t>(options->Int("max_batch_tokens").value_or(512)), model->max_streams_ + 16);
  std::unique_ptr<Segments> segments;
  absl::Status loaded;
  runtime->services().Execute([&] {
    absl::StatusOr<std::unique_ptr<Segments>> result =
        Segments::Load(*file, placement, devices, precision, limits, &runtime->progress());
    loaded = result.status();
    if (result.ok()) segments = *std::move(result);
  });
  SKEIN_RETURN_IF_ERROR(Annotate(loaded, path));
  SKEIN_ASSIGN_OR_RETURN(model->engine_, Engine::Start(runtime, file, std::move(segments), limits));
  if (!file->initial_state().empty()) {
    SKEIN_ASSIGN_OR_RETURN(model->initial_state_, model->engine_->ImportState(file->initial_state()));
  }
  return model;
}

absl::StatusOr<std::vector<float>> Model::ReadTunedState(const std::string& path) const {
  return skein::ReadTunedState(runtime_->plugins().formats(), runtime_->host(), path, config());
}

absl::Status Model::AddStream() {
  uint32_t count = num_streams_.load(std::memory_order_relaxed);
  do {
    if (count >= max_streams_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("stream: the model has ", count, ", which is its option max_streams"));
    }
  } while (!num_streams_.compare_exchange_weak(count, count + 1));
  ++metrics().streams;
  return absl::OkStatus();
}

void Model::RemoveStream() {
  --num_streams_;
  --metrics().streams;
}

}  // namespace skein
