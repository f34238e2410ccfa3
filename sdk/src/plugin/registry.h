// The plugins of one runtime: found, asked, loaded or refused with a reason.
#ifndef SKEIN_PLUGIN_REGISTRY_H_
#define SKEIN_PLUGIN_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "skein/backend.h"
#include "skein/plugin.h"

namespace skein {

// One file that was looked at. A loaded plugin stays loaded, and its table valid, until the process ends.
struct PluginRecord {
  std::string path;
  std::string id;  // "" if it was refused before it named its id
  std::string version;
  std::string description;
  std::string reason;  // why it was refused; "" if loaded
  uint32_t kind = 0;   // SKEIN_PLUGIN_*
  uint32_t abi = 0;
  uint32_t num_threads = 0;     // that the plugin starts on its own, beside the runtime's
  const void* table = nullptr;  // nullptr if refused
  bool is_own = false;          // lies in the folder beside libskein
  bool is_duplicate = false;    // refused because its id was loaded already: no defect
};

// A loaded plugin of one kind. `Table` is the C table of that kind.
template <typename Table>
struct Plugin {
  std::string id;
  const Table* table;
  uint32_t num_threads = 0;  // as in the record, and so is the next
  bool is_own = false;
};

enum class PluginOrigin {
  kOwn,    // the folder beside libskein
  kGiven,  // a folder or file that the host or the user named
};

// Threads: any.
class PluginRegistry {
 public:
  // Looks at every *.so of `folder` in order of name. A missing folder counts as an empty one.
  void LoadFolder(const std::string& folder, PluginOrigin origin = PluginOrigin::kGiven);
  // Loads one file. The record is kept in either case. A file that is refused again has one record, that of the last
  // time. The codes are those of skein_runtime_load_plugin.
  absl::Status LoadFile(const std::string& path, PluginOrigin origin = PluginOrigin::kGiven);

  std::vector<PluginRecord> records() const;

  std::vector<Plugin<skein_backend_table>> backends() const;
  std::vector<Plugin<skein_format_table>> formats() const;
  std::vector<Plugin<skein_tokenizer_table>> tokenizers() const;

 private:
  template <typename Table>
  std::vector<Plugin<Table>> OfKind(uint32_t kind) const;
  // ALREADY_EXISTS: a plugin of its kind and id is loaded.
  absl::Status CheckIdIsFree(const PluginRecord& record) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(PluginRecord record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::vector<PluginRecord> records_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_PLUGIN_REGISTRY_H_
