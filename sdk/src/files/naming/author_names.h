// The names that BlinkDL, rwkv.cpp and web-rwkv have in common, and short forms for the rows of tables.
#ifndef SKEIN_FILES_NAMING_AUTHOR_NAMES_H_
#define SKEIN_FILES_NAMING_AUTHOR_NAMES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "files/naming/scheme.h"

namespace skein {

inline constexpr StoredPart kAsRole = {};
inline constexpr StoredPart kTransposed = {Stored::kTransposed, 0, 1};
inline constexpr StoredPart kReshaped = {Stored::kReshaped, 0, 1};
constexpr StoredPart PartOf(Stored stored, uint8_t part, uint8_t num_parts) { return {stored, part, num_parts}; }

// Tensors with the same name and place in all three schemes.
absl::Span<const RoleName> SharedAuthorNames();

// SharedAuthorNames() and then `own`.
std::vector<RoleName> WithSharedAuthorNames(absl::Span<const RoleName> own);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_AUTHOR_NAMES_H_
