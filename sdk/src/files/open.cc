#include "files/open.h"

#include <utility>

#include "absl/strings/match.h"
#include "base/status.h"
#include "files/checkpoint/checkpoint_weights.h"
#include "files/checkpoint/model_folder.h"
#include "files/package/package.h"
#include "files/package/package_weights.h"
#include "model/synthetic_weights.h"

namespace skein {

absl::StatusOr<std::unique_ptr<ModelFile>> OpenModelFile(absl::Span<const Plugin<skein_format_table>> formats,
                                                         const skein_host& host, const std::string& path,
                                                         FileAccess access) {
  if (SyntheticWeights::IsPath(path)) return SyntheticWeights::Open(host, path);
  SKEIN_ASSIGN_OR_RETURN(const std::string file_path, ResolveModelPath(path, formats));
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(file_path, access));
  // The name decides only where the magic is gone, so that a damaged package is called one.
  if (Package::HasMagic(file->bytes()) || absl::EndsWith(file_path, ".skein")) {
    return PackageWeights::Open(host, std::move(file));
  }
  return CheckpointWeights::Open(formats, host, std::move(file));
}

}  // namespace skein
