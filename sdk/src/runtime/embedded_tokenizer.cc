#include "runtime/embedded_tokenizer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "files/open.h"
#include "runtime/vocabulary_choice.h"
#include "skein/runtime.h"

namespace skein {
namespace {

// The data of a vocabulary that lies in no model file: of the one that a plugin knows by the name `where`, or of the
// file at that path.
absl::StatusOr<std::string> VocabularyData(Runtime& runtime, const std::string& where) {
  if (const auto named = FindVocabularyName(runtime.plugins().tokenizers(), where)) return OwnVocabulary(*named);
  SKEIN_ASSIGN_OR_RETURN(const auto file, File::Open(where, FileAccess::kRead));
  return std::string(file->bytes().begin(), file->bytes().end());
}

// The tokenizer that `path`, the option `tokenizer` of converting, names. It is made once here, so that the package
// gets one that works.
absl::StatusOr<TokenizerSource> NamedTokenizer(Runtime& runtime, const std::string& path, uint32_t num_rows) {
  SKEIN_ASSIGN_OR_RETURN(const auto tokenizer, runtime.LoadTokenizer(path, ""));
  const std::string problem = DescribeMisfit(tokenizer->vocab_size(), num_rows);
  if (!problem.empty()) runtime.log().Add(SKEIN_LOG_WARNING, absl::StrCat(path, ": ", problem));
  TokenizerSource source = {tokenizer->kind(), ""};
  if (tokenizer->origin() == VocabularyOrigin::kModel) {
    SKEIN_ASSIGN_OR_RETURN(const auto model,
                           OpenModelFile(runtime.plugins().formats(), runtime.host(), path, FileAccess::kMap));
    source.vocabulary.assign(model->vocabulary().begin(), model->vocabulary().end());
  } else {
    SKEIN_ASSIGN_OR_RETURN(source.vocabulary, VocabularyData(runtime, tokenizer->where()));
  }
  return source;
}

}  // namespace

absl::StatusOr<std::optional<TokenizerSource>> TokenizerToEmbed(Runtime& runtime, const std::string& path,
                                                                const ModelFile& in) {
  std::optional<TokenizerSource> source;
  if (!path.empty()) {
    SKEIN_ASSIGN_OR_RETURN(source, NamedTokenizer(runtime, path, in.config().vocab_size));
  } else if (in.metadata().tokenizer_kind.empty()) {
    SKEIN_ASSIGN_OR_RETURN(const ModelTokenizer of_model, runtime.TokenizerOf(in));
    if (of_model.tokenizer == nullptr) return source;
    source = TokenizerSource{of_model.tokenizer->kind(), ""};
    SKEIN_ASSIGN_OR_RETURN(source->vocabulary, VocabularyData(runtime, of_model.tokenizer->where()));
  }
  return source;
}

}  // namespace skein
