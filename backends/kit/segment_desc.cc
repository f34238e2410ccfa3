#include "kit/segment_desc.h"

#include <string>

#include "numbers/roles.h"
#include "support/boundary.h"

namespace skein::kit {
namespace {

// Far above every model, and low enough that the size of each tensor fits 64 bits.
constexpr uint32_t kMaxWidth = 1u << 20;
constexpr uint32_t kMaxVocabulary = 1u << 24;
constexpr uint32_t kMaxLayers = 1u << 12;
constexpr uint32_t kMaxStepTokens = 1u << 20;

void CheckRange(const char* what, uint32_t found, uint32_t low, uint32_t high) {
  if (found >= low && found <= high) return;
  throw plugin::Error(SKEIN_INVALID_ARGUMENT, std::string("segment: expected ") + what + " from " +
                                                  std::to_string(low) + " to " + std::to_string(high) + ", found " +
                                                  std::to_string(found));
}

void CheckEqual(const char* what, uint64_t found, uint64_t expected) {
  if (found == expected) return;
  throw plugin::Error(SKEIN_INVALID_ARGUMENT, std::string("segment: expected ") + what + " " +
                                                  std::to_string(expected) + ", found " + std::to_string(found));
}

// `type` 0 stands for no type in particular.
void CheckType(const char* what, uint32_t type, uint32_t offered) {
  if (type == SKEIN_DTYPE_NONE || (type < 32 && (offered >> type & 1) != 0)) return;
  throw plugin::Error(SKEIN_UNIMPLEMENTED,
                      std::string("segment: the device has no ") + what + " type " + std::to_string(type));
}

void CheckGeneration(const skein_backend_model& model, const skein_backend_device& device) {
  if (VersionOf(model) != 0 && (device.generations >> model.generation & 1) != 0) return;
  throw plugin::Error(SKEIN_UNIMPLEMENTED, "segment: the device does not run RWKV generation " +
                                               std::to_string(model.generation) + ", variant " +
                                               std::to_string(model.variant));
}

void CheckHeads(const skein_backend_model& model) {
  if (model.generation == 4) {
    CheckEqual("in generation 4 num_heads", model.num_heads, 0);
    CheckEqual("in generation 4 head_size", model.head_size, 0);
    return;
  }
  CheckRange("head_size", model.head_size, 1, model.d_att);
  CheckEqual("num_heads * head_size = d_att", uint64_t{model.num_heads} * model.head_size, model.d_att);
}

// Of a segment with layers. The first layer has no value residual, so a segment of that layer alone does without its
// rank.
void CheckRanks(const skein_segment_desc& desc) {
  constexpr uint32_t kAnyLayer = 0xFFFFFFFFu;
  const VersionSet version = VersionOf(desc.model);
  for (const Dim rank : kRanks) {
    const uint32_t low = HasDim(version, rank, desc.first_layer + desc.num_layers) ? 1 : 0;
    const uint32_t high = HasDim(version, rank, kAnyLayer) ? kMaxWidth : 0;
    CheckRange(DimField(rank), DimSize(rank, desc.model), low, high);
  }
}

}  // namespace

void CheckSegmentDesc(const skein_segment_desc& desc, const skein_backend_device& device) {
  const skein_backend_model& model = desc.model;
  CheckGeneration(model, device);
  CheckType("compute", desc.compute_type, device.compute_types);
  CheckType("weight", desc.weight_type, device.weight_types);
  CheckType("state", desc.state_type, device.state_types | 1u << SKEIN_DTYPE_F32);

  CheckRange("num_layers of the model", model.num_layers, 1, kMaxLayers);
  CheckRange("d_model", model.d_model, 1, kMaxWidth);
  CheckRange("d_ffn", model.d_ffn, 1, kMaxWidth);
  CheckRange("vocab_size", model.vocab_size, 1, kMaxVocabulary);
  CheckRange("d_att", model.d_att, 1, kMaxWidth);
  if (model.generation == 7) CheckEqual("in generation 7 d_att = d_model", model.d_att, model.d_model);
  CheckHeads(model);

  CheckRange("first_layer", desc.first_layer, 0, model.num_layers);
  CheckRange("num_layers", desc.num_layers, 0, model.num_layers - desc.first_layer);
  if (desc.num_layers > 0) CheckRanks(desc);

  constexpr uint32_t kEnds = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;
  CheckEqual("no flags but EMBEDDING, HEAD and DETERMINISTIC:", desc.flags & ~(kEnds | SKEIN_SEGMENT_DETERMINISTIC), 0);
  if (desc.flags & SKEIN_SEGMENT_EMBEDDING) CheckEqual("with the embedding, first_layer", desc.first_layer, 0);
  if (desc.flags & SKEIN_SEGMENT_HEAD) {
    CheckEqual("with the head, layers up to", desc.first_layer + desc.num_layers, model.num_layers);
  }
  if ((desc.flags & kEnds) == 0) {
    CheckRange("num_layers without embedding and head", desc.num_layers, 1, model.num_layers);
  }
  if ((desc.flags & SKEIN_SEGMENT_DETERMINISTIC) != 0 && (device.features & SKEIN_FEATURE_DETERMINISTIC) == 0) {
    throw plugin::Error(SKEIN_UNIMPLEMENTED, "segment: the device has no deterministic segments");
  }

  CheckRange("max_tokens", desc.max_tokens, 1, kMaxStepTokens);
  CheckRange("max_entries", desc.max_entries, 1, kMaxStepTokens);
  CheckRange("num_slots", desc.num_slots, 0, SKEIN_SLOT_NONE - 1);
  if (desc.num_adapters != 0) throw plugin::Error(SKEIN_UNIMPLEMENTED, "segment: the device has no adapters");
}

}  // namespace skein::kit
