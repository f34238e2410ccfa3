// The settings of an adapter's training that merging needs. They lie beside the file, in PEFT's adapter_config.json, or
// in the metadata of a GGUF file. Files of RWKV-PEFT have none.
#ifndef SKEIN_FILES_ADAPTER_ADAPTER_SETTINGS_H_
#define SKEIN_FILES_ADAPTER_ADAPTER_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "files/adapter/module_pattern.h"
#include "files/checkpoint/checkpoint.h"

namespace skein {

struct AdapterSettings {
  std::string source;                      // where they are, for messages: "adapter_config.json"
  std::string kind;                        // "LORA", "MISS", "BONE"
  double alpha = 0;                        // of LORA, positive; 0: the kind has no scale
  uint64_t rank = 0;                       // of the matrices without a pattern; 0: not said
  bool is_rank_stabilised = false;         // the scale is alpha / sqrt(rank), not alpha / rank
  bool has_magnitudes = false;             // DoRA: each product has one
  std::vector<ModulePattern> alphas = {};  // in the place of `alpha`; the first that fits a module counts
  std::vector<ModulePattern> ranks = {};   // in the place of `rank`

  bool has_scale() const { return alpha > 0; }

  // Of a product of `rank` in `module`, which is named as in the file. has_scale() is true.
  double ScaleOf(absl::string_view module, uint64_t rank) const;

  // The same in words: "lora_alpha 8 / r 4".
  std::string ScaleText(absl::string_view module, uint64_t rank) const;

  // INVALID_ARGUMENT: the settings say another rank for `module`.
  absl::Status CheckRank(absl::string_view module, uint64_t rank) const;
};

// The settings in the bytes of an adapter_config.json. The codes of ReadAdapterSettings.
absl::StatusOr<AdapterSettings> ParseAdapterConfig(absl::Span<const uint8_t> bytes);

// The settings of an open adapter; nullopt: there are none. INVALID_ARGUMENT: they are malformed, or a number in them
// makes no sense. UNIMPLEMENTED: a kind of adapter that is not read; names it, and those that are. Messages name the
// file that the settings are in.
absl::StatusOr<std::optional<AdapterSettings>> ReadAdapterSettings(const Checkpoint& adapter);

}  // namespace skein

#endif  // SKEIN_FILES_ADAPTER_ADAPTER_SETTINGS_H_
