#include "files/open.h"

#include <utility>

#include "absl/strings/match.h"
#include "base/status.h"
#include "files/checkpoint/checkpoint_weights.h"
#include "files/checkpoint/foreign_file.h"
#include "files/checkpoint/model_folder.h"
#include "files/package/package.h"
#include "files/package/package_weights.h"
#include "files/state_file.h"
#include "model/model_name.h"
#include "model/synthetic_weights.h"

namespace skein {
namespace {

using Formats = absl::Span<const Plugin<skein_format_table>>;

absl::StatusOr<ModelContents> OpenContainer(Formats formats, const skein_host& host, const std::string& path,
                                            FileAccess access) {
  if (IsSyntheticPath(path)) return OpenSynthetic(host, path);
  SKEIN_ASSIGN_OR_RETURN(const std::string file_path, ResolveModelPath(path, formats));
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(file_path, access));
  SKEIN_RETURN_IF_ERROR(RefuseStandIn(file_path, file->bytes()));
  // The name decides only where the magic is gone, so that the error for a damaged package says what it is.
  if (Package::HasMagic(file->bytes()) || (absl::EndsWith(file_path, ".skein") && !file->bytes().empty())) {
    return OpenPackage(host, std::move(file));
  }
  return OpenCheckpoint(formats, host, std::move(file));
}

absl::StatusOr<ModelContents> OpenContents(Formats formats, const skein_host& host, const std::string& path,
                                           FileAccess access) {
  SKEIN_ASSIGN_OR_RETURN(ModelContents contents, OpenContainer(formats, host, path, access));
  ModelName name = NameModel(contents.metadata.name, contents.path);
  contents.metadata.name = std::move(name.name);
  contents.metadata.name_source = name.source;
  return contents;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelFile>> OpenModelFile(Formats formats, const skein_host& host,
                                                         const std::string& path, FileAccess access,
                                                         const ModelChanges& changes) {
  SKEIN_ASSIGN_OR_RETURN(ModelContents contents, OpenContents(formats, host, path, access));
  if (!changes.adapters.empty()) {
    SKEIN_RETURN_IF_ERROR(MergeAdapters(formats, host, changes.adapters, access, &contents));
  }
  if (!changes.state_path.empty()) {
    SKEIN_ASSIGN_OR_RETURN(contents.initial_state, ReadStateFile(formats, host, changes.state_path, contents.config));
  }
  return std::make_unique<ModelFile>(host, std::move(contents));
}

}  // namespace skein
