#include "files/adapter/adapter_file.h"

#include <utility>
#include <vector>

#include "base/status.h"
#include "files/checkpoint/known_formats.h"
#include "files/checkpoint/model_folder.h"

namespace skein {
namespace {

constexpr const char* kUsualNames[] = {"adapter_model.safetensors", "adapter_model.bin"};

}  // namespace

absl::StatusOr<std::unique_ptr<Checkpoint>> OpenAdapter(absl::Span<const Plugin<skein_format_table>> formats,
                                                        const skein_host& host, const std::string& path,
                                                        FileAccess access) {
  std::vector<std::string> extensions = ModelExtensions(formats);
  extensions.erase(extensions.begin());  // a package is no adapter
  SKEIN_ASSIGN_OR_RETURN(const std::string file_path, ResolveFolder(path, "an adapter", kUsualNames, extensions));
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(file_path, access));
  return Checkpoint::Open(formats, host, std::move(file));
}

}  // namespace skein
