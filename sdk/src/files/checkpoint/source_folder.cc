#include "files/checkpoint/source_folder.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "files/checkpoint/foreign_file.h"

namespace skein {
namespace {

constexpr size_t kMaxOpenFiles = 1024;

// The callback of skein_source. No exception may reach the plugin.
int32_t OpenSiblingForPlugin(void* context, const char* name, const skein_source** sibling, skein_message* message) {
  const auto fail = [&](int32_t code, const char* text) {
    if (message != nullptr) std::snprintf(message->text, sizeof(message->text), "%s", text);
    return code;
  };
  if (name == nullptr || sibling == nullptr) return fail(SKEIN_INVALID_ARGUMENT, "open_sibling: NULL argument");
  *sibling = nullptr;
  try {
    absl::StatusOr<const skein_source*> source = static_cast<SourceFolder*>(context)->OpenSibling(name);
    if (!source.ok()) {
      const std::string text(source.status().message());
      return fail(static_cast<int32_t>(source.status().code()), text.c_str());
    }
    *sibling = *source;
    return SKEIN_OK;
  } catch (const std::exception& error) {
    return fail(SKEIN_RESOURCE_EXHAUSTED, error.what());
  }
}

bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos &&
         name.find('\\') == std::string::npos && name.find("..") == std::string::npos;
}

}  // namespace

SourceFolder::SourceFolder(std::unique_ptr<File> main)
    : access_(main->access()), folder_(main->path().substr(0, main->path().rfind('/') + 1)) {
  const MutexLock lock(mutex_);
  const std::string name = main->path().substr(folder_.size());
  main_ = Add(name, std::move(main));
}

SourceFolder::OpenFile* SourceFolder::Add(std::string name, std::unique_ptr<File> file) {
  OpenFile& open = files_.emplace_back();
  open.name = std::move(name);
  open.file = std::move(file);
  open.source = {};
  open.source.struct_size = sizeof(open.source);
  open.source.path = open.file->path().c_str();
  open.source.size_bytes = open.file->bytes().size();
  open.source.data = open.file->bytes().data();
  open.source.context = this;
  open.source.open_sibling = OpenSiblingForPlugin;
  return &open;
}

absl::StatusOr<const skein_source*> SourceFolder::OpenSibling(const std::string& name) {
  if (!IsPlainFileName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path(), ": names the file \"", name, "\" beside it; expected a plain file name"));
  }
  const MutexLock lock(mutex_);
  for (const OpenFile& open : files_) {
    if (open.name == name) return &open.source;
  }
  if (files_.size() >= kMaxOpenFiles) {
    return absl::ResourceExhaustedError(absl::StrCat(path(), ": more than ", kMaxOpenFiles, " files belong to it"));
  }
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(folder_ + name, access_));
  SKEIN_RETURN_IF_ERROR(RefuseStandIn(file->path(), file->bytes()));
  return &Add(name, std::move(file))->source;
}

bool SourceFolder::Contains(const void* data, uint64_t size_bytes) const {
  const MutexLock lock(mutex_);
  const auto begin = reinterpret_cast<uintptr_t>(data);
  return std::any_of(files_.begin(), files_.end(), [&](const OpenFile& open) {
    const auto file = reinterpret_cast<uintptr_t>(open.source.data);
    return begin >= file && size_bytes <= open.source.size_bytes && begin - file <= open.source.size_bytes - size_bytes;
  });
}

uint64_t SourceFolder::TotalBytes() const {
  const MutexLock lock(mutex_);
  uint64_t total = 0;
  for (const OpenFile& open : files_) total += open.source.size_bytes;
  return total;
}

}  // namespace skein
