// Files that are something else than a model: told by their bytes, so that an error says what was found.
#ifndef SKEIN_FILES_CHECKPOINT_FOREIGN_FILE_H_
#define SKEIN_FILES_CHECKPOINT_FOREIGN_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace skein {

// INVALID_ARGUMENT: what lies under `path` stands in for the file that was meant, whatever that was: a pointer of Git
// LFS to a file that was not downloaded, or a page of HTML or XML that a server sent. Every file that belongs to a
// model is asked: the model, shards, config.json, vocabularies.
absl::Status RefuseStandIn(const std::string& path, absl::Span<const uint8_t> bytes);

// Names the kind of a file that no format reads, such as "a gzip archive, which is to be unpacked first"; "" for bytes
// of no known kind. Looks at the first bytes only.
std::string ForeignKind(absl::Span<const uint8_t> bytes);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_FOREIGN_FILE_H_
