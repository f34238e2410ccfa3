#include "runtime/vocabulary_choice.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "files/checkpoint/foreign_file.h"

namespace skein {
namespace {

using Plugins = absl::Span<const TokenizerPlugin>;
using MadeTokenizer = absl::StatusOr<std::shared_ptr<const Tokenizer>>;

// Names that vocabularies have beside models, the surest first.
constexpr const char* kFileNames[] = {"rwkv_vocab_v20230424.txt", "vocab.txt", "tokenizer.json", "20B_tokenizer.json"};

// The vocabularies of published models, by the number of rows of their models.
struct PublishedVocabulary {
  uint32_t min_rows;
  uint32_t max_rows;
  const char* models;
  const char* name;  // by which a plugin knows it; nullptr: none carries it
  const char* file;
};
constexpr PublishedVocabulary kPublished[] = {
    // 65,529 tokens, and the end of text. The author's models have 65,536 rows. A model that was resized to its
    // tokenizer has fewer.
    {65529, 65536, "World models", "world", "rwkv_vocab_v20230424.txt"},
    {50277, 50277, "RWKV-4 Pile models", nullptr, "20B_tokenizer.json"},
};

const PublishedVocabulary* FindPublished(uint32_t num_rows) {
  for (const PublishedVocabulary& published : kPublished) {
    if (num_rows >= published.min_rows && num_rows <= published.max_rows) return &published;
  }
  return nullptr;
}

// With the separator at the end; "" if the path has none.
std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

absl::Span<const uint8_t> BytesOf(absl::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

MadeTokenizer OpenBeside(Plugins plugins, const skein_host& host, const std::string& path) {
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, File::Open(path, FileAccess::kMap));
  SKEIN_RETURN_IF_ERROR(RefuseStandIn(path, file->bytes()));
  return Tokenizer::Create(plugins, host, "", file->bytes(), path, VocabularyOrigin::kBeside);
}

void Take(std::shared_ptr<const Tokenizer> tokenizer, VocabularyChoice* choice) {
  choice->origin = VocabularyOrigin::kBeside;
  choice->kind = tokenizer->kind();
  choice->where = tokenizer->where();
  choice->tokenizer = std::move(tokenizer);
}

std::string PassedOver(absl::string_view what) { return absl::StrCat(what, "; the file was passed over"); }

// Takes the first file beside the model that fits. Returns the first of those that do not; nullptr if there is none.
MadeTokenizer ChooseBeside(Plugins plugins, const skein_host& host, const ModelFile& file, VocabularyChoice* choice) {
  std::shared_ptr<const Tokenizer> misfit;
  for (const char* name : kFileNames) {
    const std::string path = FolderOf(file.path()) + name;
    if (!IsRegularFile(path)) continue;
    MadeTokenizer made = OpenBeside(plugins, host, path);
    if (absl::IsResourceExhausted(made.status())) return made.status();
    if (!made.ok()) {
      choice->warnings.push_back(PassedOver(made.status().message()));
      continue;
    }
    const std::string problem = DescribeMisfit((*made)->vocab_size(), file.config().vocab_size);
    if (problem.empty()) {
      Take(*std::move(made), choice);
      return std::shared_ptr<const Tokenizer>();
    }
    // The first may still be taken; MakeTokenizer warns of it then.
    if (misfit == nullptr) {
      misfit = *std::move(made);
    } else {
      choice->warnings.push_back(PassedOver(absl::StrCat(path, ": ", problem)));
    }
  }
  return misfit;
}

// Takes the vocabulary that the rows tell, if a plugin carries it.
void ChooseByRows(Plugins plugins, const PublishedVocabulary& published, VocabularyChoice* choice) {
  if (published.name == nullptr) return;
  const std::optional<TokenizerPlugin> plugin = FindVocabularyName(plugins, published.name);
  if (!plugin) return;
  choice->origin = VocabularyOrigin::kBox;
  choice->kind = plugin->id;
  choice->where = published.name;
}

std::string Absence(const ModelFile& file, const PublishedVocabulary* published,
                    const std::vector<std::string>& warnings) {
  std::string text = absl::StrCat("no vocabulary is in the file, and none that can be used beside it (",
                                  absl::StrJoin(kFileNames, ", "), ")");
  if (published != nullptr) {
    absl::StrAppend(&text, "; ", file.config().vocab_size, " rows are those of ", published->models,
                    ", whose vocabulary is ", published->file,
                    ": put it beside the model, or name it with the option tokenizer");
  } else {
    absl::StrAppend(
        &text, ", and ", file.config().vocab_size,
        " rows are not those of a published one; name a vocabulary file, world or bytes with the option tokenizer");
  }
  for (const std::string& warning : warnings) absl::StrAppend(&text, "; ", warning);
  return text;
}

}  // namespace

absl::StatusOr<VocabularyChoice> ChooseVocabulary(Plugins plugins, const skein_host& host, const ModelFile& file) {
  VocabularyChoice choice;
  if (!file.metadata().tokenizer_kind.empty()) {
    choice.origin = VocabularyOrigin::kModel;
    choice.kind = file.metadata().tokenizer_kind;
    choice.where = file.path();
    return choice;
  }
  if (file.metadata().source_format == "synthetic") {
    choice.absence = "its weights are made up; name a vocabulary with the option tokenizer";
    return choice;
  }
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> misfit, ChooseBeside(plugins, host, file, &choice));
  if (choice.origin) return choice;
  const PublishedVocabulary* published = FindPublished(file.config().vocab_size);
  if (published != nullptr) {
    ChooseByRows(plugins, *published, &choice);
    if (misfit != nullptr) {
      const std::string problem = DescribeMisfit(misfit->vocab_size(), file.config().vocab_size);
      choice.warnings.push_back(PassedOver(absl::StrCat(misfit->where(), ": ", problem)));
    }
  } else if (misfit != nullptr) {
    Take(std::move(misfit), &choice);
  }
  if (!choice.origin) choice.absence = Absence(file, published, choice.warnings);
  return choice;
}

MadeTokenizer MakeTokenizer(Plugins plugins, const skein_host& host, const ModelFile& file, VocabularyChoice* choice) {
  if (!choice->origin) return std::shared_ptr<const Tokenizer>();
  if (choice->tokenizer == nullptr) {
    const absl::Span<const uint8_t> vocabulary =
        *choice->origin == VocabularyOrigin::kModel ? file.vocabulary() : BytesOf(choice->where);
    SKEIN_ASSIGN_OR_RETURN(choice->tokenizer,
                           Tokenizer::Create(plugins, host, choice->kind, vocabulary, choice->where, *choice->origin));
  }
  const std::string problem = DescribeMisfit(choice->tokenizer->vocab_size(), file.config().vocab_size);
  if (!problem.empty()) choice->warnings.push_back(absl::StrCat(choice->where, ": ", problem));
  return choice->tokenizer;
}

std::string DescribeMisfit(uint32_t num_ids, uint32_t num_rows) {
  // Rows are added to make their number a multiple of 64, 128 or 256.
  constexpr uint32_t kMaxPadding = 256;
  std::string problem;
  if (num_ids > num_rows) {
    problem = absl::StrCat("the vocabulary has ids up to ", num_ids - 1, ", but the model has ", num_rows,
                           " rows: it has no row for the others");
  } else if (num_rows - num_ids > kMaxPadding || num_ids < num_rows - num_ids) {
    problem = absl::StrCat("the vocabulary has ids up to ", num_ids == 0 ? 0 : num_ids - 1, ", but the model has ",
                           num_rows, " rows: it was probably trained with another vocabulary");
  }
  const PublishedVocabulary* published = problem.empty() ? nullptr : FindPublished(num_rows);
  if (published != nullptr) {
    absl::StrAppend(
        &problem, "; that of ", published->models, " is ",
        published->name != nullptr ? absl::StrCat("\"", published->name, "\", in the box") : published->file);
  }
  return problem;
}

}  // namespace skein
