// Which vocabulary a model is used with where its host names none, and whether a vocabulary fits a model.
#ifndef SKEIN_RUNTIME_VOCABULARY_CHOICE_H_
#define SKEIN_RUNTIME_VOCABULARY_CHOICE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/model_file.h"
#include "tokenizer/tokenizer.h"

namespace skein {

struct VocabularyChoice {
  std::optional<VocabularyOrigin> origin;        // not set: there is none
  std::string kind;                              // id of the plugin
  std::string where;                             // path of the vocabulary or of the model, or the vocabulary's name
  std::string absence;                           // why there is none, and what to do
  std::vector<std::string> warnings;             // for the user: what does not fit, what was passed over
  std::shared_ptr<const Tokenizer> tokenizer{};  // where it had to be made for choosing, as for files beside the model
};

// Chooses, in this order:
//   the vocabulary in the model's file;
//   the first file beside it that fits the rows: rwkv_vocab_v20230424.txt, vocab.txt, tokenizer.json,
//   20B_tokenizer.json;
//   by the number of rows the one that a plugin carries;
//   the first file beside it that does not fit, unless the rows are those of a published vocabulary.
// A file beside the model that cannot be read is passed over. Where any was, a warning says so. What is wrong with the
// vocabulary in the model's file is left to MakeTokenizer. RESOURCE_EXHAUSTED: no memory; there is no other failure.
absl::StatusOr<VocabularyChoice> ChooseVocabulary(absl::Span<const TokenizerPlugin> plugins, const skein_host& host,
                                                  const ModelFile& file);

// The tokenizer of a choice; nullptr if there is none. Adds a warning to the choice if it does not fit the model. The
// codes of Tokenizer::Create.
absl::StatusOr<std::shared_ptr<const Tokenizer>> MakeTokenizer(absl::Span<const TokenizerPlugin> plugins,
                                                               const skein_host& host, const ModelFile& file,
                                                               VocabularyChoice* choice);

// The misfit of a vocabulary whose ids are below `num_ids` to a model with `num_rows` rows: it has more ids, or
// far fewer, than padding explains. "": none.
std::string DescribeMisfit(uint32_t num_ids, uint32_t num_rows);

}  // namespace skein

#endif  // SKEIN_RUNTIME_VOCABULARY_CHOICE_H_
