// The tokenizer that a converted model carries.
#ifndef SKEIN_RUNTIME_EMBEDDED_TOKENIZER_H_
#define SKEIN_RUNTIME_EMBEDDED_TOKENIZER_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "files/convert.h"
#include "model/model_file.h"
#include "runtime/runtime.h"

namespace skein {

// The tokenizer that the output of converting `in` needs so as to hold all that its model is used with: the one of
// `path` (Runtime::LoadTokenizer), or, if `path` is "", that of the model if it is not in its file. nullopt: the one in
// the file stays, or there is none. It is made once, so that the output gets one that works, and the log gets warnings
// about it. The codes of LoadTokenizer.
absl::StatusOr<std::optional<TokenizerSource>> TokenizerToEmbed(Runtime& runtime, const std::string& path,
                                                                const ModelFile& in);

}  // namespace skein

#endif  // SKEIN_RUNTIME_EMBEDDED_TOKENIZER_H_
