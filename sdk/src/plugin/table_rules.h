// The members that every table of a kind must offer. The registry refuses a plugin whose table lacks one. Code that
// gets a table from elsewhere checks it by the same rules.
#ifndef SKEIN_PLUGIN_TABLE_RULES_H_
#define SKEIN_PLUGIN_TABLE_RULES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "skein/backend.h"
#include "skein/plugin.h"

namespace skein {

// FAILED_PRECONDITION: `table` is NULL, `kind` is no SKEIN_PLUGIN_*, the table ends before a required member or lacks
// one, it has some of the functions of fences and not all, or it has none of them but one that needs them. The message
// begins with "its" and names the member. A newer plugin's table may be longer than ours, and an older plugin's
// shorter.
absl::Status CheckTable(uint32_t kind, const void* table);

inline absl::Status CheckTable(const skein_backend_table* table) { return CheckTable(SKEIN_PLUGIN_BACKEND, table); }
inline absl::Status CheckTable(const skein_format_table* table) { return CheckTable(SKEIN_PLUGIN_FORMAT, table); }
inline absl::Status CheckTable(const skein_tokenizer_table* table) { return CheckTable(SKEIN_PLUGIN_TOKENIZER, table); }

// Whether a backend's steps may end after they return: the table has all functions of fences.
bool HasFences(const skein_backend_table& table);

}  // namespace skein

#endif  // SKEIN_PLUGIN_TABLE_RULES_H_
