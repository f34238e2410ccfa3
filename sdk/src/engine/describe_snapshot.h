// A snapshot or prefix object in words, as `skein state inspect` prints it.
#ifndef SKEIN_ENGINE_DESCRIBE_SNAPSHOT_H_
#define SKEIN_ENGINE_DESCRIBE_SNAPSHOT_H_

#include <string>

#include "absl/status/statusor.h"
#include "runtime/options.h"

namespace skein {

// `options` are of kind SKEIN_OPTIONS_DESCRIBE. All checksums are compared, whatever `verify` says. The codes of
// File::Open and SummariseSnapshot. Ends with a newline.
absl::StatusOr<std::string> DescribeSnapshot(const std::string& path, const Options& options);

}  // namespace skein

#endif  // SKEIN_ENGINE_DESCRIBE_SNAPSHOT_H_
