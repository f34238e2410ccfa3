#include "files/adapter/adapter.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/adapter/adapter_file.h"
#include "files/adapter/adapter_settings.h"
#include "files/adapter/change_finder.h"
#include "files/naming/adapter_name.h"
#include "model/adapted_weights.h"
#include "skein/runtime.h"

namespace skein {
namespace {

constexpr double kMaxScale = 1000;  // trainers use a few units at most

void AddLogLine(const skein_host& host, uint32_t severity, const std::string& path, const std::string& text) {
  if (host.log == nullptr) return;
  const std::string line = absl::StrCat(EscapeText(path), ": ", text);
  host.log(host.context, severity, line.data(), line.size());
}

std::string ScaleText(const AdapterChanges& changes) {
  if (changes.num_products == 0) return "";
  const bool is_one = changes.min_scale == changes.max_scale;
  return absl::StrCat(
      is_one ? absl::StrCat("; scale ", changes.min_scale)
             : absl::StrCat("; scales ", changes.min_scale, " to ", changes.max_scale),
      changes.scale_text.empty() ? "" : absl::StrCat(" (", is_one ? "" : "the first: ", changes.scale_text, ")"));
}

void LogChanges(const skein_host& host, const std::string& path, const AdapterChanges& changes, bool is_pissa) {
  AddLogLine(host, SKEIN_LOG_INFO, path,
             absl::StrCat("adapter: changes ", changes.num_tensors, " tensors", ScaleText(changes)));
  // The products of PiSSA are not scaled.
  if (changes.unscaled_rank == 0 || is_pissa) return;
  AddLogLine(host, SKEIN_LOG_WARNING, path,
             absl::StrCat("adapter: scale 1 is taken, because no ", kAdapterConfigName,
                          " beside it says the alpha of its training; give the file as FILE:SCALE with alpha / rank, "
                          "where the rank is ",
                          changes.unscaled_rank));
}

// The files of other generations have the same names in part.
absl::Status CheckArchitecture(absl::Span<const ContainerText> texts, const ModelConfig& config) {
  const auto found = FindText(texts, "general.architecture");
  const std::string expected = absl::StrCat("rwkv", config.generation);
  if (!found.has_value() || *found == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("an adapter for the architecture \"",
                                                 EscapeText(std::string(found->substr(0, 64))), "\"; expected \"",
                                                 expected, "\" as the model is"));
}

absl::StatusOr<AdapterChanges> ReadChanges(const AdapterSource& source, std::shared_ptr<const Checkpoint> adapter,
                                           const ModelContents& model) {
  SKEIN_RETURN_IF_ERROR(CheckArchitecture(adapter->texts(), model.config));
  SKEIN_ASSIGN_OR_RETURN(const std::optional<AdapterSettings> settings, ReadAdapterSettings(*adapter));
  SKEIN_ASSIGN_OR_RETURN(AdapterChanges changes, FindChanges(source.path, std::move(adapter), source.scale, settings,
                                                             model.config, model.weights->tensors()));
  if (changes.max_scale <= kMaxScale) return changes;
  return absl::InvalidArgumentError(
      absl::StrCat("scale ", changes.max_scale, " (", changes.scale_text, "); expected at most ", kMaxScale));
}

}  // namespace

absl::StatusOr<std::vector<AdapterSource>> ParseAdapters(absl::string_view lines) {
  std::vector<AdapterSource> adapters;
  for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    AdapterSource adapter = {std::string(line)};
    const size_t colon = line.rfind(':');
    double scale;
    if (colon != absl::string_view::npos && colon > 0 && absl::SimpleAtod(line.substr(colon + 1), &scale)) {
      // Written so that NaN is refused.
      if (!(std::abs(scale) <= kMaxScale)) {
        return absl::InvalidArgumentError(absl::StrCat("adapter \"", line, "\": scale ", scale,
                                                       "; expected a number from -", kMaxScale, " to ", kMaxScale));
      }
      adapter = {std::string(line.substr(0, colon)), scale};
    }
    adapters.push_back(std::move(adapter));
  }
  return adapters;
}

AdapterContents CountAdapterTensors(absl::Span<const CheckpointTensor> tensors) {
  AdapterContents contents;
  for (const CheckpointTensor& tensor : tensors) {
    switch (SplitAdapterName(tensor.name).part) {
      case AdapterPart::kDown:
      case AdapterPart::kEmbeddingDown:
        ++contents.num_products;
        if (!tensor.shape.empty()) contents.max_rank = std::max(contents.max_rank, tensor.shape[0]);
        break;
      case AdapterPart::kInitialDown:
        ++contents.num_initial;
        break;
      case AdapterPart::kInputBlocks:
      case AdapterPart::kOutputBlocks:
        ++contents.num_blocks;
        break;
      case AdapterPart::kMagnitude:
        ++contents.num_magnitudes;
        break;
      case AdapterPart::kUp:
      case AdapterPart::kEmbeddingUp:
      case AdapterPart::kInitialUp:
      case AdapterPart::kOriginal:
        break;
      case AdapterPart::kReplacement:
        ++contents.num_others;
        break;
    }
  }
  return contents;
}

absl::Status MergeAdapters(absl::Span<const Plugin<skein_format_table>> formats, const skein_host& host,
                           absl::Span<const AdapterSource> adapters, FileAccess access, ModelContents* model) {
  std::vector<AdapterChanges> found;
  for (const AdapterSource& source : adapters) {
    SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<const Checkpoint> adapter, OpenAdapter(formats, host, source.path, access));
    absl::StatusOr<AdapterChanges> changes = ReadChanges(source, std::move(adapter), *model);
    if (!changes.ok()) return Annotate(changes.status(), source.path);
    found.push_back(*std::move(changes));
  }
  const bool is_pissa = std::any_of(found.begin(), found.end(),
                                    [](const AdapterChanges& changes) { return changes.has_initial_products; });
  std::vector<std::vector<TensorChange>> changes(model->weights->tensors().size());
  for (size_t i = 0; i < found.size(); ++i) {
    LogChanges(host, adapters[i].path, found[i], is_pissa);
    for (size_t j = 0; j < changes.size(); ++j) {
      if (found[i].tensors[j]) changes[j].push_back(*std::move(found[i].tensors[j]));
    }
  }
  model->weights = AdaptWeights(host, std::move(model->weights), model->path, std::move(changes));
  model->fingerprint.clear();
  return absl::OkStatus();
}

}  // namespace skein
