#include "engine/disk_states.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/status.h"
#include "devices/device_memory.h"
#include "numbers/state_layout.h"
#include "runtime/option_keys.h"

namespace skein {
namespace {

constexpr uint64_t kFewestHostStates = 4;

// A checksum of all that decides the numbers of a state, in 32 hex digits.
absl::StatusOr<std::string> IdentityOf(const ModelFile& file, const ModelPlacement& placement, const Options& options) {
  SKEIN_ASSIGN_OR_RETURN(const std::string fingerprint, file.Fingerprint());
  const absl::Span<const float> initial = file.initial_state();
  const std::string text =
      absl::StrCat(fingerprint, "\n", placement.text, "\n", placement.settings.precision.name, "\n",
                   options[model_options::kStateType], "\n", options[model_options::kDeterministic], "\n",
                   ChecksumHex128(initial.data(), initial.size() * sizeof(float)));
  return ChecksumHex128(text.data(), text.size());
}

}  // namespace

absl::StatusOr<std::shared_ptr<StateDisk>> OpenDiskStates(const ModelFile& file, const ModelPlacement& placement,
                                                          uint64_t max_host_states, const Options& options) {
  DiskOptions disk;
  disk.folder = options[model_options::kStateFolder];
  if (disk.folder.empty()) return nullptr;
  disk.state_bytes = StateFloats(file.config()) * sizeof(float);
  if (max_host_states < kFewestHostStates) {
    return absl::InvalidArgumentError(absl::StrCat(
        model_options::kStateFolder.name, ": states come and go through host memory, and ",
        model_options::kStateHostMemory.name, " has room for ", max_host_states, " of them; expected at least ",
        kFewestHostStates, ": ", BytesText((kFewestHostStates + 1) * disk.state_bytes)));
  }
  SKEIN_ASSIGN_OR_RETURN(disk.budget_bytes,
                         ParseSize(options[model_options::kStateDisk], model_options::kStateDisk.name));
  disk.keeps_labelled = options[model_options::kPrefixCache] != 0;
  SKEIN_ASSIGN_OR_RETURN(disk.identity, IdentityOf(file, placement, options));
  absl::StatusOr<std::shared_ptr<StateDisk>> opened = StateDisk::Open(disk);
  if (!opened.ok()) return Annotate(opened.status(), model_options::kStateFolder.name);
  return opened;
}

}  // namespace skein
