#include "files/state_file.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "files/checkpoint/checkpoint.h"
#include "files/running_state.h"
#include "files/tuned_state.h"

namespace skein {

absl::StatusOr<std::vector<float>> ReadStateFile(absl::Span<const Plugin<skein_format_table>> formats,
                                                 const skein_host& host, const std::string& path,
                                                 const ModelConfig& config) {
  if (absl::EndsWith(path, ".st")) {
    return absl::UnimplementedError(
        absl::StrCat(path,
                     ": tuned states in .st files are transposed by their converter, and the file does not say; "
                     "expected the .pth or .safetensors that training wrote"));
  }
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(path, FileAccess::kMap));
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<Checkpoint> checkpoint,
                         Checkpoint::Open(formats, host, std::move(file)));
  absl::StatusOr<std::vector<float>> state =
      IsTensorList(checkpoint->tensors()) ? ReadRunningState(*checkpoint, config) : ReadTunedState(*checkpoint, config);
  if (!state.ok()) return Annotate(state.status(), path);
  return state;
}

}  // namespace skein
