#include "plugin/registry.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "base/status.h"
#include "plugin/dynamic_library.h"
#include "plugin/message.h"
#include "plugin/table_rules.h"

namespace skein {
namespace {

// More than any machine has a use for. A plugin that declares more has filled the field by mistake.
constexpr uint32_t kMostThreads = 1024;

bool IsPluginId(const char* id) {
  const size_t length = strnlen(id, 64);
  if (length == 0 || length == 64) return false;
  return std::all_of(id, id + length, [](char c) {
    return std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) || c == '-' ||
           c == '_' || c == '.';
  });
}

// Loads one file and calls its entry. On failure `record` keeps the fields that were known before.
absl::Status Negotiate(const std::string& path, PluginRecord& record) {
  SKEIN_ASSIGN_OR_RETURN(const DynamicLibrary library, DynamicLibrary::Load(path));
  auto entry = reinterpret_cast<skein_plugin_entry_fn>(library.Symbol("skein_plugin_entry"));
  if (entry == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": expected a skein plugin; found a shared object without skein_plugin_entry"));
  }
  skein_plugin_offer offer = {};
  offer.struct_size = sizeof(offer);
  offer.abi_min = SKEIN_PLUGIN_ABI;
  offer.abi_max = SKEIN_PLUGIN_ABI;
  offer.host_version = SKEIN_VERSION_STRING;
  skein_plugin_answer answer = {};
  answer.struct_size = sizeof(answer);
  skein_message message = {};
  const int32_t code = entry(&offer, &answer, &message);
  if (code != SKEIN_OK) {
    const std::string reason = TextOf(message.text);
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": declined to load: ", reason.empty() ? "gave no reason" : reason));
  }
  record.kind = answer.kind;
  record.version = TextAt(answer.version);
  record.description = TextAt(answer.description);
  if (answer.id == nullptr || !IsPluginId(answer.id)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": its id is missing or not made of a-z, 0-9, '-', '_' and '.'"));
  }
  record.id = answer.id;
  if (answer.abi < offer.abi_min || answer.abi > offer.abi_max) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": plugin \"", record.id, "\" speaks plugin ABI ",
                                                      answer.abi, "; expected ", offer.abi_min, " to ", offer.abi_max));
  }
  if (answer.num_threads > kMostThreads) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": plugin \"", record.id, "\" declares ",
                                                      answer.num_threads, " threads of its own; expected at most ",
                                                      kMostThreads));
  }
  const absl::Status table = CheckTable(answer.kind, answer.table);
  if (!table.ok()) return Annotate(table, absl::StrCat(path, ": plugin \"", record.id, "\""));
  record.abi = answer.abi;
  record.num_threads = answer.num_threads;
  record.table = answer.table;
  return absl::OkStatus();
}

}  // namespace

void PluginRegistry::LoadFolder(const std::string& folder, PluginOrigin origin) {
  const std::vector<std::string> names = ListFolder(folder).value_or(std::vector<std::string>());
  for (const std::string& name : names) {
    if (name == ".so" || !absl::EndsWith(name, ".so")) continue;
    // A refusal is kept in the record, where a host looks for it.
    LoadFile(absl::StrCat(folder, "/", name), origin).IgnoreError();
  }
}

absl::Status PluginRegistry::LoadFile(const std::string& path, PluginOrigin origin) {
  PluginRecord record;
  record.is_own = origin == PluginOrigin::kOwn;
  record.path = path;
  // Outside the lock: a plugin's constructors may take their time.
  absl::Status status = Negotiate(path, record);
  const MutexLock lock(mutex_);
  if (status.ok()) status = CheckIdIsFree(record);
  if (absl::IsAlreadyExists(status)) {
    record.table = nullptr;
    record.abi = 0;
    record.is_duplicate = true;
  }
  record.reason = std::string(status.message());
  Keep(std::move(record));
  return status;
}

absl::Status PluginRegistry::CheckIdIsFree(const PluginRecord& record) const {
  for (const PluginRecord& other : records_) {
    if (other.table == nullptr || other.kind != record.kind || other.id != record.id) continue;
    return absl::AlreadyExistsError(
        absl::StrCat(record.path, ": plugin \"", record.id, "\" is loaded already, from ", other.path));
  }
  return absl::OkStatus();
}

void PluginRegistry::Keep(PluginRecord record) {
  const auto known = std::find_if(records_.begin(), records_.end(), [&record](const PluginRecord& other) {
    return other.table == nullptr && other.path == record.path;
  });
  if (known == records_.end()) {
    records_.push_back(std::move(record));
  } else {
    *known = std::move(record);
  }
}

std::vector<PluginRecord> PluginRegistry::records() const {
  const MutexLock lock(mutex_);
  return records_;
}

template <typename Table>
std::vector<Plugin<Table>> PluginRegistry::OfKind(uint32_t kind) const {
  const MutexLock lock(mutex_);
  std::vector<Plugin<Table>> plugins;
  for (const PluginRecord& record : records_) {
    if (record.table != nullptr && record.kind == kind) {
      plugins.push_back({record.id, static_cast<const Table*>(record.table), record.num_threads, record.is_own});
    }
  }
  return plugins;
}

std::vector<Plugin<skein_backend_table>> PluginRegistry::backends() const {
  return OfKind<skein_backend_table>(SKEIN_PLUGIN_BACKEND);
}
std::vector<Plugin<skein_format_table>> PluginRegistry::formats() const {
  return OfKind<skein_format_table>(SKEIN_PLUGIN_FORMAT);
}
std::vector<Plugin<skein_tokenizer_table>> PluginRegistry::tokenizers() const {
  return OfKind<skein_tokenizer_table>(SKEIN_PLUGIN_TOKENIZER);
}

}  // namespace skein
