#include "formats/pth/state_dict.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "support/checkpoint.h"

namespace skein::formats {
namespace {

using plugin::FailUnsupported;

constexpr uint64_t kMaxMetadataBytes = uint64_t{1} << 24;

std::string NumberText(double number) {
  std::array<char, 64> text;  // the shortest form of a double takes at most 24 characters
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end.ptr};
}

// The contents of a checkpoint's value at the top: one dict of tensors, perhaps in others, with settings beside it.
// Looks a few levels deep at most, so that a dict that contains itself is harmless.
class StateDict {
 public:
  // `tensors` are without names. Both must outlive the object.
  StateDict(const std::vector<PickleValue>& values, const std::vector<PickledTensor>& tensors)
      : values_(values), tensors_(tensors) {}

  PickledCheckpoint Collect(ValueId top) const {
    const PickleValue& dict = values_[top];
    PickledCheckpoint checkpoint;
    const bool is_list = dict.kind == PickleKind::kList || dict.kind == PickleKind::kTuple;
    if (is_list && !dict.items.empty()) {
      CollectList(dict, &checkpoint);
      return checkpoint;
    }
    if (dict.kind != PickleKind::kDict) {
      FailUnsupported("pickle: expected a dict or a list of tensors at the top, found " +
                      std::string(PickleKindName(dict.kind)));
    }
    CollectMetadata(dict, &checkpoint);
    std::unordered_set<const PickleValue*> seen;
    const PickleValue& state_dict = Unwrap(dict, kMaxWrappers, &seen);
    CollectTensors(state_dict, &checkpoint);
    RefusePartsOfDeepSpeed(dict, state_dict, checkpoint);
    return checkpoint;
  }

 private:
  static constexpr int kMaxWrappers = 4;
  // The keys under which trainers put the dict of tensors. The first one that leads to tensors counts.
  static constexpr std::string_view kWrapperKeys[] = {"state_dict", "module", "model", "model_state_dict", "weights"};

  // nullptr: there is no such key.
  const PickleValue* Find(const PickleValue& dict, std::string_view wanted) const {
    for (size_t i = 0; i < dict.items.size(); i += 2) {
      const PickleValue& key = values_[dict.items[i]];
      if (key.kind == PickleKind::kString && key.text == wanted) return &values_[dict.items[i + 1]];
    }
    return nullptr;
  }

  bool HasTensors(const PickleValue& dict) const {
    for (size_t i = 0; i < dict.items.size(); i += 2) {
      if (values_[dict.items[i + 1]].kind == PickleKind::kTensor) return true;
    }
    return false;
  }

  // `dict`, or the dict with tensors in it. Tensors beside a wrapper are states of random numbers and the like.
  // Each dict is looked at once: one that contains itself many times would take long otherwise.
  const PickleValue& Unwrap(const PickleValue& dict, int max_depth,
                            std::unordered_set<const PickleValue*>* seen) const {
    if (max_depth == 0 || !seen->insert(&dict).second) return dict;
    for (const std::string_view key : kWrapperKeys) {
      const PickleValue* wrapped = Find(dict, key);
      if (wrapped == nullptr || wrapped->kind != PickleKind::kDict) continue;
      const PickleValue& inner = Unwrap(*wrapped, max_depth - 1, seen);
      if (HasTensors(inner)) return inner;
    }
    return dict;
  }

  // DeepSpeed divides weights among processes: those of an optimiser (ZeRO-1 and 2), or all, of which the module then
  // has empty tensors (ZeRO-3).
  void RefusePartsOfDeepSpeed(const PickleValue& top, const PickleValue& state_dict,
                              const PickledCheckpoint& checkpoint) const {
    const bool has_optimiser = Find(top, "optimizer_state_dict") != nullptr;
    const bool is_deepspeed = Find(top, "ds_version") != nullptr || Find(top, "ds_config") != nullptr ||
                              Find(top, "param_shapes") != nullptr || Find(top, "module") == &state_dict;
    const PickleValue* num_parts = Find(top, "mp_world_size");
    if (num_parts != nullptr && num_parts->kind == PickleKind::kInt && num_parts->integer > 1) {
      FailUnsupported("is one of " + std::to_string(num_parts->integer) +
                      " parts of a model that DeepSpeed divided among processes; expected a model in one part");
    }
    const bool is_optimiser = checkpoint.tensors.empty() && has_optimiser && is_deepspeed;
    const bool has_empty = std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(), [](const auto& tensor) {
      return std::find(tensor.shape.begin(), tensor.shape.end(), 0u) != tensor.shape.end();
    });
    if (!is_optimiser && !(is_deepspeed && has_empty)) return;
    FailUnsupported(
        std::string(is_optimiser ? "is the optimiser's file of one DeepSpeed process (ZeRO)"
                                 : "is the file of one DeepSpeed process (ZeRO-3): its tensors are empty, and their "
                                   "values lie in the *_optim_states.pt of all processes") +
        "; expected the joined weights, which zero_to_fp32.py makes: DeepSpeed writes it beside the folder");
  }

  void CollectTensors(const PickleValue& dict, PickledCheckpoint* checkpoint) const {
    constexpr std::string_view kWrapperPrefix = "_forward_module.";  // left by DeepSpeed
    for (size_t i = 0; i < dict.items.size(); i += 2) {
      const PickleValue& key = values_[dict.items[i]];
      const PickleValue& value = values_[dict.items[i + 1]];
      if (value.kind != PickleKind::kTensor) continue;
      if (key.kind != PickleKind::kString) {
        FailUnsupported("pickle: expected tensors under names, found one under " +
                        std::string(PickleKindName(key.kind)));
      }
      // One tensor may be in the dict many times, at two bytes of pickle each.
      if (checkpoint->tensors.size() == plugin::CheckpointBuilder::kMaxTensors) {
        FailLimit("tensors", checkpoint->tensors.size());
      }
      std::string_view name = key.text;
      if (name.starts_with(kWrapperPrefix)) name.remove_prefix(kWrapperPrefix.size());
      plugin::CheckpointBuilder::CheckName(name);
      checkpoint->tensors.push_back(tensors_[static_cast<size_t>(value.integer)]);
      checkpoint->tensors.back().name = name;
    }
  }

  void CollectList(const PickleValue& list, PickledCheckpoint* checkpoint) const {
    for (size_t i = 0; i < list.items.size(); ++i) {
      const PickleValue& value = values_[list.items[i]];
      if (value.kind != PickleKind::kTensor) {
        FailUnsupported("pickle: expected a list of tensors, found one with " +
                        std::string(PickleKindName(value.kind)) + " at " + std::to_string(i));
      }
      if (i == plugin::CheckpointBuilder::kMaxTensors) FailLimit("tensors", i);
      checkpoint->tensors.push_back(tensors_[static_cast<size_t>(value.integer)]);
      checkpoint->tensors.back().name = std::to_string(i);
    }
  }

  void CollectMetadata(const PickleValue& dict, PickledCheckpoint* checkpoint) const {
    uint64_t metadata_bytes = 0;
    for (size_t i = 0; i < dict.items.size(); i += 2) {
      const PickleValue& key = values_[dict.items[i]];
      const PickleValue& value = values_[dict.items[i + 1]];
      if (key.kind != PickleKind::kString) continue;
      // Checked before the copy: a memo entry makes any number of long strings out of one.
      metadata_bytes += key.text.size() + value.text.size();
      if (metadata_bytes > kMaxMetadataBytes) FailLimit("bytes of metadata", kMaxMetadataBytes);
      if (std::optional<std::string> text = ScalarText(value)) checkpoint->metadata.emplace_back(key.text, *text);
    }
  }

  static std::optional<std::string> ScalarText(const PickleValue& value) {
    switch (value.kind) {
      case PickleKind::kBool:
        return value.integer != 0 ? "true" : "false";
      case PickleKind::kInt:
        return std::to_string(value.integer);
      case PickleKind::kFloat:
        return NumberText(value.number);
      case PickleKind::kString:
        return std::string(value.text);
      default:
        return std::nullopt;
    }
  }

  const std::vector<PickleValue>& values_;
  const std::vector<PickledTensor>& tensors_;
};

}  // namespace

PickledCheckpoint CollectStateDict(const std::vector<PickleValue>& values, const std::vector<PickledTensor>& tensors,
                                   ValueId top) {
  return StateDict(values, tensors).Collect(top);
}

}  // namespace skein::formats
