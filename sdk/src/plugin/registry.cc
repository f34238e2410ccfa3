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

namespace skein {
namespace {

// A member of a table that a plugin must offer; listed in the order of the table.
struct RequiredMember {
  const char* name;
  size_t offset;
};

struct TableRule {
  uint32_t kind;
  const char* name;
  const RequiredMember* members;
  size_t num_members;
};

constexpr RequiredMember kBackendMembers[] = {
#define SKEIN_MEMBER(name) \
  { #name, offsetof(skein_backend_table, name) }
    SKEIN_MEMBER(device_count),    SKEIN_MEMBER(device_info),    SKEIN_MEMBER(device_open), SKEIN_MEMBER(device_close),
    SKEIN_MEMBER(query),           SKEIN_MEMBER(segment_create), SKEIN_MEMBER(put_tensor),  SKEIN_MEMBER(seal),
    SKEIN_MEMBER(segment_destroy), SKEIN_MEMBER(state_init),     SKEIN_MEMBER(state_copy),  SKEIN_MEMBER(state_export),
    SKEIN_MEMBER(state_import),    SKEIN_MEMBER(step),
#undef SKEIN_MEMBER
};
constexpr RequiredMember kFormatMembers[] = {
#define SKEIN_MEMBER(name) \
  { #name, offsetof(skein_format_table, name) }
    SKEIN_MEMBER(extensions), SKEIN_MEMBER(probe),        SKEIN_MEMBER(open),
    SKEIN_MEMBER(close),      SKEIN_MEMBER(tensor_count), SKEIN_MEMBER(tensor_info),
#undef SKEIN_MEMBER
};
constexpr RequiredMember kTokenizerMembers[] = {
#define SKEIN_MEMBER(name) \
  { #name, offsetof(skein_tokenizer_table, name) }
    SKEIN_MEMBER(probe),      SKEIN_MEMBER(create), SKEIN_MEMBER(destroy),
    SKEIN_MEMBER(vocab_size), SKEIN_MEMBER(encode), SKEIN_MEMBER(decode),
#undef SKEIN_MEMBER
};
constexpr TableRule kTableRules[] = {
    {SKEIN_PLUGIN_BACKEND, "backend", kBackendMembers, std::size(kBackendMembers)},
    {SKEIN_PLUGIN_FORMAT, "format", kFormatMembers, std::size(kFormatMembers)},
    {SKEIN_PLUGIN_TOKENIZER, "tokenizer", kTokenizerMembers, std::size(kTokenizerMembers)},
};

// A table may be longer than ours (a newer plugin) or shorter (an older one), as long as what every plugin of the kind
// must offer is there.
absl::Status CheckTable(uint32_t kind, const void* table) {
  if (table == nullptr) return absl::FailedPreconditionError("its table is NULL");
  for (const TableRule& rule : kTableRules) {
    if (rule.kind != kind) continue;
    const uint32_t struct_size = *static_cast<const uint32_t*>(table);
    const absl::Span<const RequiredMember> members(rule.members, rule.num_members);
    const size_t needed_bytes = members.back().offset + sizeof(void*);
    if (struct_size < needed_bytes) {
      return absl::FailedPreconditionError(absl::StrCat("its ", rule.name, " table has ", struct_size,
                                                        " bytes; expected at least ", needed_bytes, ", up to ",
                                                        members.back().name));
    }
    for (const RequiredMember& member : members) {
      const void* value = *reinterpret_cast<const void* const*>(static_cast<const char*>(table) + member.offset);
      if (value == nullptr) {
        return absl::FailedPreconditionError(
            absl::StrCat("its ", rule.name, " table does not offer ", member.name, ", which is required"));
      }
    }
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("its kind is ", kind, "; expected 1 (backend), 2 (format) or 3 (tokenizer)"));
}

bool IsPluginId(const char* id) {
  const size_t length = strnlen(id, 64);
  if (length == 0 || length == 64) return false;
  return std::all_of(id, id + length, [](char c) {
    return std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) || c == '-' ||
           c == '_' || c == '.';
  });
}

// Loads and asks one file. On failure `record` holds what was learnt before.
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
  message.text[sizeof(message.text) - 1] = '\0';
  if (code != SKEIN_OK) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": declined to load: ", message.text[0] != '\0' ? message.text : "gave no reason"));
  }
  record.kind = answer.kind;
  if (answer.version != nullptr) record.version = answer.version;
  if (answer.description != nullptr) record.description = answer.description;
  if (answer.id == nullptr || !IsPluginId(answer.id)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": its id is missing or not made of a-z, 0-9, '-', '_' and '.'"));
  }
  record.id = answer.id;
  if (answer.abi < offer.abi_min || answer.abi > offer.abi_max) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": plugin \"", record.id, "\" speaks plugin ABI ",
                                                      answer.abi, "; expected ", offer.abi_min, " to ", offer.abi_max));
  }
  absl::Status table = CheckTable(answer.kind, answer.table);
  if (!table.ok()) return Annotate(table, absl::StrCat(path, ": plugin \"", record.id, "\""));
  record.abi = answer.abi;
  record.table = answer.table;
  return absl::OkStatus();
}

}  // namespace

void PluginRegistry::LoadFolder(const std::string& folder) {
  const std::vector<std::string> names = ListFolder(folder).value_or(std::vector<std::string>());
  for (const std::string& name : names) {
    if (name == ".so" || !absl::EndsWith(name, ".so")) continue;
    // A refusal is kept in the record, which is where a host looks for it.
    LoadFile(absl::StrCat(folder, "/", name)).IgnoreError();
  }
}

absl::Status PluginRegistry::LoadFile(const std::string& path) {
  PluginRecord record;
  record.path = path;
  // Outside the lock: a plugin's constructors may take their time.
  absl::Status status = Negotiate(path, record);
  const MutexLock lock(mutex_);
  if (status.ok()) {
    for (const PluginRecord& other : records_) {
      if (other.table != nullptr && other.kind == record.kind && other.id == record.id) {
        status = absl::AlreadyExistsError(
            absl::StrCat(path, ": plugin \"", record.id, "\" is loaded already, from ", other.path));
        record.table = nullptr;
        record.abi = 0;
        break;
      }
    }
  }
  record.reason = std::string(status.message());
  records_.push_back(std::move(record));
  return status;
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
      plugins.push_back({record.id, static_cast<const Table*>(record.table)});
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
