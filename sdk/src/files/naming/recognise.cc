#include "files/naming/recognise.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "files/naming/adapter_name.h"
#include "files/naming/layer_name.h"
#include "files/naming/tensor_name.h"
#include "skein/backend.h"

namespace skein {
namespace {

// A known model that this version does not run, and the tensor that tells it. The first row that fits counts.
struct Telltale {
  const char* name;  // "blocks.*." stands for every layer
  const char* also;  // a second tensor that must be there; nullptr: none
  const char* model;
};

constexpr Telltale kNotRun[] = {
    {"pos_emb", nullptr, "RWKV-4 with a positional embedding (research switch pos_emb)"},
    {"blocks.*.pos_emb_x", nullptr, "RWKV-4 with a positional embedding (research switch pos_emb)"},
    {"blocks.*.ffnPre.key.weight", nullptr, "RWKV-4 with a channel-mix in place of an attention (ffnPre)"},
    {"blocks.*.tiny_q.weight", nullptr, "RWKV-4a or 4b (tiny attention)"},
    {"blocks.*.tiny_ln.weight", nullptr, "RWKV-4a or 4b (tiny attention)"},
    {"head_q.weight", nullptr, "RWKV-4 with a copy head (head_q, head_k)"},
    {"head_k.weight", nullptr, "RWKV-4 with a copy head (head_q, head_k)"},

    {"blocks.*.att.time_maa_rkvw_w1", nullptr, "RWKV-6b or 6c"},
    {"blocks.*.att.gate_w1", "blocks.*.att.time_maa_x", "RWKV-6a"},

    {"blocks.*.qkv.ennk.weight", nullptr, "RWKV-8 rc00 hybrid"},
    {"blocks.*.ffn.enn.weight", nullptr, "RWKV-8 rc00"},
    {"blocks.*.qkv.qq.weight", "blocks.*.qkv.k1", "RWKV-7b (DeepEmbed and attention)"},
    {"blocks.*.ffn.s_emb.weight", nullptr, "RWKV-7a (DeepEmbed)"},
    {"blocks.*.rosa.rosa_qkv.emb", nullptr, "RWKV-8 (ROSA)"},
    {"rosa1.rosa_qkv.emb", nullptr, "an RWKV-8 (ROSA) experiment"},
    {"rwkv1.r_k", nullptr, "an RWKV-8 (ROSA) experiment"},

    {"_strategy", nullptr, "a file made by the converter of the rwkv pip package, for one strategy alone"},
    {"_version", nullptr, "a file made by the converter of the rwkv pip package, for one strategy alone"},
};

// Metadata that tells a file of the converter of the rwkv pip package.
constexpr const char* kConverterTexts[] = {"_strategy", "_version", "_rescale_layer"};

// The scheme of files with these tensors. The first row that fits counts.
struct SchemeRow {
  const NamingScheme& (*scheme)();
  const char* present;
  const char* also = nullptr;    // a second tensor that must be there
  const char* absent = nullptr;  // a tensor that must not be there
  // A tensor that must be there with as many columns as the key matrix and fewer rows: a low-rank factor, transposed.
  const char* as_wide_as_key = nullptr;
  const char* text = nullptr;  // a key that must be in the metadata
};

constexpr SchemeRow kSchemes[] = {
    {.scheme = GgufScheme, .present = "token_embd.weight"},
    {.scheme = HuggingFaceScheme, .present = "rwkv.embeddings.weight"},
    {.scheme = HuggingFace7Scheme, .present = "model.embeddings.weight", .also = "model.layers.0.attention.r_k"},
    {.scheme = FlaScheme, .present = "model.embeddings.weight"},
    {.scheme = RwkvCppScheme, .present = "blocks.0.att.x_rwkvag"},
    {.scheme = RwkvCppScheme, .present = "emb.weight", .text = "rwkvcpp.version"},
    {.scheme = WebRwkvScheme, .present = "blocks.0.att.time_mix_x"},
    {.scheme = WebRwkvScheme,
     .present = "blocks.0.att.time_first",
     .also = "blocks.0.att.gate.weight",
     .absent = "blocks.0.att.time_faaaa"},
    {.scheme = WebRwkvScheme, .present = "blocks.0.att.r_k", .as_wide_as_key = "blocks.0.att.w1"},
    {.scheme = BlinkDlScheme, .present = "blocks.0.att.key.weight"},
    {.scheme = BlinkDlScheme, .present = "blocks.0.att.r_k"},
    {.scheme = BlinkDlScheme, .present = "blocks.0.att.time_decay"},
};

// The versions that have a role which the later rows' versions lack. The first row that fits counts.
struct VersionRow {
  uint32_t role;
  VersionSet versions;
};

constexpr VersionRow kVersions[] = {
    {SKEIN_ROLE_V7_BONUS, kV7},           {SKEIN_ROLE_V6_MIX_X, kV6}, {SKEIN_ROLE_TIME_GATE, kV51 | kV52},
    {SKEIN_ROLE_TIME_GROUP_NORM_W, kV50}, {SKEIN_ROLE_V4_DECAY, kV4},
};

// The architectures of GGUF files that are RWKV alone. Others put its attention between layers of another model.
constexpr const char* kGgufArchitectures[] = {"rwkv6", "rwkv7"};

absl::Status NotRun(absl::string_view model) {
  return absl::UnimplementedError(
      absl::StrCat(model, ": not supported; this version runs RWKV-4, 5.0, 5.1, 5.2, 6 (x060) and 7 (x070)"));
}

// `name` with "*" in place of the layer's number.
std::string AnyLayer(absl::string_view name) {
  uint32_t layer;
  absl::string_view rest;
  const char* const layers = BlinkDlScheme().layers;
  return SplitLayerName(layers, name, &layer, &rest) ? absl::StrCat(layers, "*.", rest) : std::string(name);
}

absl::Status RefuseWhatIsNotRun(const NameIndex& names, absl::Span<const ContainerText> texts) {
  absl::Status status = CheckArchitecture(texts);
  if (!status.ok()) return status;
  for (const char* key : kConverterTexts) {
    if (FindText(texts, key).has_value()) {
      return NotRun(absl::StrCat("a file made by the converter of the rwkv pip package (it has the key \"", key,
                                 "\"), for one strategy alone"));
    }
  }
  std::unordered_set<std::string> any_layer;
  for (const auto& [name, tensor] : names) any_layer.insert(AnyLayer(name));
  for (const Telltale& row : kNotRun) {
    if (any_layer.contains(row.name) && (row.also == nullptr || any_layer.contains(row.also))) return NotRun(row.model);
  }
  return absl::OkStatus();
}

// Whether a factor is [rank, C] and not [C, rank]. A square one does not tell.
bool IsAsWideAsKey(const NameIndex& names, const char* name) {
  const auto tensor = names.find(name);
  const auto key = names.find("blocks.0.att.key.weight");
  if (tensor == names.end() || key == names.end()) return false;
  const std::vector<uint64_t>& shape = tensor->second->shape;
  const std::vector<uint64_t>& key_shape = key->second->shape;
  return shape.size() == 2 && key_shape.size() == 2 && shape[1] == key_shape[1] && shape[0] != shape[1];
}

bool Fits(const SchemeRow& row, const NameIndex& names, absl::Span<const ContainerText> texts) {
  return names.contains(row.present) && (row.also == nullptr || names.contains(row.also)) &&
         (row.absent == nullptr || !names.contains(row.absent)) &&
         (row.as_wide_as_key == nullptr || IsAsWideAsKey(names, row.as_wide_as_key)) &&
         (row.text == nullptr || FindText(texts, row.text).has_value());
}

// The tensor of `role` in the first layer, under any of its names.
const NamedShape* FindInFirstLayer(const NamingScheme& scheme, const NameIndex& names, uint32_t role) {
  for (const RoleName& name : scheme.roles) {
    if (name.role != role) continue;
    const auto found = names.find(StoredName(scheme, name, 0));
    if (found != names.end()) return found->second;
  }
  return nullptr;
}

// RWKV-5.2 has a decay for each channel, 5.1 one for each head.
VersionSet TellGated5(const NamingScheme& scheme, const NameIndex& names) {
  const NamedShape* decay = FindInFirstLayer(scheme, names, SKEIN_ROLE_V5_DECAY);
  if (decay == nullptr) return kV52;
  size_t num_dims = decay->shape.size();
  while (num_dims > 0 && decay->shape[num_dims - 1] == 1) --num_dims;
  return num_dims >= 2 ? kV52 : kV51;
}

absl::StatusOr<Recognised> RecogniseVersion(const NamingScheme& scheme, const NameIndex& names) {
  std::vector<std::string> wanted;
  for (const VersionRow& row : kVersions) {
    if ((row.versions & scheme.versions) == 0) continue;
    if (FindInFirstLayer(scheme, names, row.role) != nullptr) {
      const bool is_gated_5 = row.versions == (kV51 | kV52);
      return Recognised{&scheme, is_gated_5 ? TellGated5(scheme, names) : row.versions};
    }
    for (const RoleName& name : scheme.roles) {
      if (name.role == row.role) wanted.push_back(StoredName(scheme, name, 0));
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("not an RWKV model in the names of ", scheme.name,
                                                 ": expected one of the tensors \"", absl::StrJoin(wanted, "\", \""),
                                                 "\""));
}

// The kind of a file that is no model but may go with one; "" if it is not known.
std::string CompanionText(const NameIndex& names) {
  uint32_t layer;
  for (const auto& [name, tensor] : names) {
    if (IsAdapterPart(SplitAdapterName(name).part)) {
      return "; it is an adapter, which changes a model: give it as the option lora of the model";
    }
    if (ParseStateName(name, &layer)) {
      return "; it is a tuned state, which a model's streams start from: give it as the option state";
    }
  }
  return "";
}

}  // namespace

absl::Status CheckArchitecture(absl::Span<const ContainerText> texts) {
  const auto architecture = FindText(texts, "general.architecture");
  const bool is_known = std::any_of(std::begin(kGgufArchitectures), std::end(kGgufArchitectures),
                                    [&](const char* known) { return architecture == absl::string_view(known); });
  if (is_known || !architecture.has_value()) return absl::OkStatus();
  return NotRun(absl::StrCat("a GGUF file of architecture \"", architecture->substr(0, 64), "\""));
}

absl::StatusOr<Recognised> Recognise(const NameIndex& names, absl::Span<const ContainerText> texts) {
  if (names.empty()) return absl::InvalidArgumentError("not a model: there are no tensors");
  absl::Status status = RefuseWhatIsNotRun(names, texts);
  if (!status.ok()) return status;
  const auto row =
      std::find_if(std::begin(kSchemes), std::end(kSchemes), [&](const SchemeRow& r) { return Fits(r, names, texts); });
  if (row != std::end(kSchemes)) return RecogniseVersion(row->scheme(), names);
  // Any of the names helps the reader. The smallest makes the message the same each time.
  const auto example =
      std::min_element(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return absl::InvalidArgumentError(
      absl::StrCat("not an RWKV model: expected tensors such as \"blocks.0.att.key.weight\" and ",
                   "\"blocks.0.att.time_decay\" or \"blocks.0.att.r_k\", found names such as \"", example->first, "\"",
                   CompanionText(names)));
}

}  // namespace skein
