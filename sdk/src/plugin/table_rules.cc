#include "plugin/table_rules.h"

#include <cstddef>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace skein {
namespace {

// A member of a table that a plugin must offer; listed in the order of the table.
struct RequiredMember {
  const char* name;
  size_t offset;
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

struct TableRule {
  uint32_t kind;
  const char* name;
  absl::Span<const RequiredMember> members;
};

constexpr TableRule kTableRules[] = {
    {.kind = SKEIN_PLUGIN_BACKEND, .name = "backend", .members = kBackendMembers},
    {.kind = SKEIN_PLUGIN_FORMAT, .name = "format", .members = kFormatMembers},
    {.kind = SKEIN_PLUGIN_TOKENIZER, .name = "tokenizer", .members = kTokenizerMembers},
};

const TableRule* FindRule(uint32_t kind) {
  for (const TableRule& rule : kTableRules) {
    if (rule.kind == kind) return &rule;
  }
  return nullptr;
}

const void* ValueOf(const void* table, const RequiredMember& member) {
  return *reinterpret_cast<const void* const*>(static_cast<const char*>(table) + member.offset);
}

absl::Status CheckMembers(const TableRule& rule, const void* table) {
  const uint32_t struct_size = *static_cast<const uint32_t*>(table);
  const size_t needed_bytes = rule.members.back().offset + sizeof(void*);
  if (struct_size < needed_bytes) {
    return absl::FailedPreconditionError(absl::StrCat("its ", rule.name, " table has ", struct_size,
                                                      " bytes; expected at least ", needed_bytes, ", up to ",
                                                      rule.members.back().name));
  }
  for (const RequiredMember& member : rule.members) {
    if (ValueOf(table, member) != nullptr) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("its ", rule.name, " table does not offer ", member.name, ", which is required"));
  }
  return absl::OkStatus();
}

uint32_t NumFenceFunctions(const skein_backend_table& table) {
  return (SKEIN_HAS(skein_backend_table, &table, fence_done) ? 1u : 0u) +
         (SKEIN_HAS(skein_backend_table, &table, fence_wait) ? 1u : 0u) +
         (SKEIN_HAS(skein_backend_table, &table, fence_release) ? 1u : 0u);
}

// Without fence_wait a step cannot be waited for, without fence_release every step leaks.
absl::Status CheckFences(const skein_backend_table& table) {
  const uint32_t num_offered = NumFenceFunctions(table);
  const char* needs_them = nullptr;
  if (SKEIN_HAS(skein_backend_table, &table, state_import_begin)) needs_them = "state_import_begin";
  if (SKEIN_HAS(skein_backend_table, &table, state_export_begin)) needs_them = "state_export_begin";
  if (num_offered == 0 && needs_them != nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("its backend table offers ", needs_them,
                                                      "; expected fence_done, fence_wait and fence_release too"));
  }
  if (num_offered == 0 || num_offered == 3) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("its backend table offers ", num_offered,
                   " of fence_done, fence_wait and fence_release; expected all three or none"));
}

}  // namespace

absl::Status CheckTable(uint32_t kind, const void* table) {
  if (table == nullptr) return absl::FailedPreconditionError("its table is NULL");
  const TableRule* rule = FindRule(kind);
  if (rule == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("its kind is ", kind, "; expected 1 (backend), 2 (format) or 3 (tokenizer)"));
  }
  absl::Status status = CheckMembers(*rule, table);
  if (!status.ok() || kind != SKEIN_PLUGIN_BACKEND) return status;
  return CheckFences(*static_cast<const skein_backend_table*>(table));
}

bool HasFences(const skein_backend_table& table) { return NumFenceFunctions(table) == 3; }

}  // namespace skein
