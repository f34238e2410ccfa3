// Recognises the version of RWKV in a checkpoint and its naming scheme by names, shapes and metadata.
#ifndef SKEIN_FILES_NAMING_RECOGNISE_H_
#define SKEIN_FILES_NAMING_RECOGNISE_H_

#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "files/naming/named_shape.h"
#include "files/naming/scheme.h"
#include "model/metadata.h"
#include "numbers/roles.h"

namespace skein {

// The tensors of a checkpoint by name.
using NameIndex = std::unordered_map<std::string, const NamedShape*>;

struct Recognised {
  const NamingScheme* scheme;
  VersionSet version;  // one bit
};

// UNIMPLEMENTED: the metadata is that of a GGUF file of another architecture, which it names. Asked before the tensors
// are looked at, since their types may be unknown too.
absl::Status CheckArchitecture(absl::Span<const ContainerText> texts);

// UNIMPLEMENTED: a known variant, experiment or kind of file that this version does not run; names it.
// INVALID_ARGUMENT: nothing known.
absl::StatusOr<Recognised> Recognise(const NameIndex& names, absl::Span<const ContainerText> texts);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_RECOGNISE_H_
