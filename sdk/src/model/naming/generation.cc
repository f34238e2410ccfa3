#include "model/naming/generation.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace skein {
namespace {

// A generation or variant by the first name that betrays it. Order matters: later rows are tested only if no earlier
// one fits.
struct Telltale {
  const char* name;
  const char* also;  // must be there too; nullptr: nothing
  const char* model;
};

// Variants of generation 7, on top of att.r_k.
constexpr Telltale kVariants[] = {
    {"blocks.0.qkv.ennk.weight", nullptr, "RWKV-8 rc00 hybrid"},
    {"blocks.0.ffn.enn.weight", nullptr, "RWKV-8 rc00"},
    {"blocks.0.qkv.qq.weight", "blocks.0.qkv.k1", "RWKV-7b (DeepEmbed and attention)"},
    {"blocks.0.ffn.s_emb.weight", nullptr, "RWKV-7a (DeepEmbed)"},
};

constexpr Telltale kOthers[] = {
    {"blocks.0.att.time_maa_rkvw_w1", nullptr, "RWKV-6b or 6c"},
    {"blocks.0.att.gate_w1", "blocks.0.att.time_maa_x", "RWKV-6a"},
    {"blocks.0.att.time_maa_x", "blocks.0.att.time_maa_w1", "RWKV-6 (x060)"},
    {"blocks.0.att.time_mix_x", nullptr, "RWKV-6 (x060) in web-rwkv's names"},
    {"blocks.0.rosa.rosa_qkv.emb", nullptr, "RWKV-8 (ROSA)"},
    {"rosa1.rosa_qkv.emb", nullptr, "an RWKV-8 (ROSA) experiment"},
    {"rwkv1.r_k", nullptr, "an RWKV-8 (ROSA) experiment"},
    {"model.embeddings.weight", nullptr, "a model in Hugging Face's (fla) names"},
    {"rwkv.embeddings.weight", nullptr, "a model in Hugging Face's names"},
    {"token_embd.weight", nullptr, "a model in GGUF's names"},
};

absl::Status NotSupported(absl::string_view model) {
  return absl::UnimplementedError(absl::StrCat(model, ": not supported yet; this version runs RWKV-7 (x070)"));
}

// Number of dimensions larger than 1.
size_t NumRealDims(const NamedShape& tensor) {
  return static_cast<size_t>(std::count_if(tensor.shape.begin(), tensor.shape.end(), [](uint64_t d) { return d > 1; }));
}

}  // namespace

absl::Status CheckGeneration(const NameIndex& names) {
  const auto has = [&](const char* name) { return names.contains(name); };
  const auto fits = [&](const Telltale& row) { return has(row.name) && (row.also == nullptr || has(row.also)); };

  if (has("blocks.0.att.r_k")) {
    for (const Telltale& row : kVariants) {
      if (fits(row)) return NotSupported(row.model);
    }
    return absl::OkStatus();
  }
  for (const Telltale& row : kOthers) {
    if (fits(row)) return NotSupported(row.model);
  }
  const auto decay = names.find("blocks.0.att.time_decay");
  if (decay != names.end()) {
    if (has("blocks.0.att.ln_x.weight")) {
      if (!has("blocks.0.att.gate.weight")) return NotSupported("RWKV-5.0");
      // With heads of one element 5.2 would look like 5.1; there are no such models, and both are refused.
      return NotSupported(NumRealDims(*decay->second) >= 2 ? "RWKV-5.2" : "RWKV-5.1");
    }
    if (has("blocks.0.att.time_first")) return NotSupported("RWKV-4");
  }
  if (names.empty()) return absl::InvalidArgumentError("not a model: there are no tensors");
  // Any of the names helps; the smallest makes the message the same each time.
  const auto example =
      std::min_element(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return absl::InvalidArgumentError(
      absl::StrCat("not an RWKV model: expected tensors such as \"blocks.0.att.r_k\", found names such as \"",
                   example->first, "\""));
}

}  // namespace skein
