#include "runtime/model_tools.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "chat/model_template.h"
#include "chat/template.h"
#include "files/adapter/adapter.h"
#include "files/adapter/adapter_file.h"
#include "files/checkpoint/checkpoint.h"
#include "files/companion.h"
#include "files/convert.h"
#include "files/describe.h"
#include "files/open.h"
#include "files/package/output_file.h"
#include "runtime/embedded_tokenizer.h"
#include "runtime/option_keys.h"
#include "runtime/vocabulary_choice.h"

namespace skein {
namespace {

// Describes a file that changes a model without being one; nullopt for any other file. RESOURCE_EXHAUSTED, and the
// codes of VerifyCompanion.
absl::StatusOr<std::optional<Companion>> FindCompanion(Runtime& runtime, const std::string& path, bool verify) {
  // A state is a file; an adapter may be a folder.
  const absl::StatusOr<std::unique_ptr<Checkpoint>> checkpoint =
      OpenAdapter(runtime.plugins().formats(), runtime.host(), path, FileAccess::kMap);
  if (absl::IsResourceExhausted(checkpoint.status())) return checkpoint.status();
  if (!checkpoint.ok()) return std::nullopt;
  std::optional<Companion> companion = DescribeCompanion(**checkpoint, path);
  if (companion && verify) SKEIN_RETURN_IF_ERROR(VerifyCompanion(runtime.host(), **checkpoint, path));
  return companion;
}

// Every setting but the tokenizer, for which a file must be read.
absl::StatusOr<ConvertOptions> ConvertOptionsOf(const Options& options) {
  ConvertOptions convert;
  convert.type = options[convert_options::kType];
  convert.layout = options.Find(convert_options::kLayout);
  convert.name = options.Find(convert_options::kName);
  convert.licence = options.Find(convert_options::kLicence);
  convert.provenance = options.Find(convert_options::kProvenance);
  convert.example_prompt = options.Find(convert_options::kPrompt);
  convert.chat_template = options.Find(convert_options::kChatTemplate);
  if (convert.chat_template) SKEIN_RETURN_IF_ERROR(FindChatTemplate(*convert.chat_template).status());
  if (const auto end_token = options.Find(convert_options::kEndToken)) {
    convert.end_token = static_cast<uint32_t>(*end_token);
  }
  if (const auto trained_length = options.Find(convert_options::kTrainedLength)) {
    convert.trained_length = static_cast<uint32_t>(*trained_length);
  }
  convert.overwrite = options[convert_options::kOverwrite] != 0;
  return convert;
}

// The vocabulary of a model, for its description.
absl::StatusOr<DescribedVocabulary> DescribeVocabulary(Runtime& runtime, const ModelFile& file) {
  const std::vector<TokenizerPlugin> plugins = runtime.plugins().tokenizers();
  SKEIN_ASSIGN_OR_RETURN(VocabularyChoice choice, ChooseVocabulary(plugins, runtime.host(), file));
  const absl::StatusOr<std::shared_ptr<const Tokenizer>> made = MakeTokenizer(plugins, runtime.host(), file, &choice);
  if (absl::IsResourceExhausted(made.status())) return made.status();
  DescribedVocabulary described;
  described.notes = std::move(choice.warnings);
  if (!made.ok()) described.notes.emplace_back(made.status().message());
  if (!choice.origin) {
    described.notes = {std::move(choice.absence)};
    return described;
  }
  described.kind = std::move(choice.kind);
  described.origin = OriginName(*choice.origin);
  described.where = std::move(choice.where);
  return described;
}

// The template that a manifest gets where none is named. A checkpoint may hold a text in some template language, which
// no manifest takes. The vocabulary alone is embedded, and tells the reader as much as it tells here.
std::string TemplateToRecord(const ModelFile& in, const ConvertOptions& convert) {
  const std::string& kind = convert.tokenizer ? convert.tokenizer->kind : in.metadata().tokenizer_kind;
  const RecognisedTemplate known = RecogniseFileTemplate(in, kind, convert.name.value_or(""));
  return known.clue == ChatClue::kNone || known.clue == ChatClue::kVocabulary ? ""
                                                                              : std::string(known.chat_template->name);
}

// The conversations of a model, for its description.
DescribedTemplate DescribeTemplate(const ModelFile& file, const std::string& tokenizer_kind) {
  const RecognisedTemplate known = RecogniseFileTemplate(file, tokenizer_kind);
  if (known.chat_template == nullptr) return {};
  const bool is_manifest = known.clue == ChatClue::kTemplateName && file.metadata().source_format == "package";
  return {std::string(known.chat_template->name), is_manifest ? "manifest" : std::string(ChatClueText(known.clue))};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelFile>> OpenModelFile(Runtime& runtime, const std::string& path, FileAccess access,
                                                         const ChangeOptions& options) {
  ModelChanges changes;
  SKEIN_ASSIGN_OR_RETURN(changes.adapters, ParseAdapters(options.lora));
  changes.state_path = options.state;
  return OpenModelFile(runtime.plugins().formats(), runtime.host(), path, access, changes);
}

absl::Status ConvertModel(Runtime& runtime, const std::string& in_path, const std::string& out_path,
                          const Options& options) {
  SKEIN_ASSIGN_OR_RETURN(ConvertOptions convert, ConvertOptionsOf(options));
  SKEIN_RETURN_IF_ERROR(OutputFile::Check(out_path, convert.overwrite ? IfExists::kReplace : IfExists::kFail));
  const ChangeOptions changes = {.lora = options[convert_options::kLora], .state = options[convert_options::kState]};
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<ModelFile> in,
                         OpenModelFile(runtime, in_path, FileAccess::kMap, changes));
  SKEIN_ASSIGN_OR_RETURN(convert.tokenizer, TokenizerToEmbed(runtime, options[convert_options::kTokenizer], *in));
  if (!convert.chat_template) convert.chat_template = TemplateToRecord(*in, convert);
  return Convert(*in, out_path, convert, &runtime.progress());
}

absl::StatusOr<std::string> DescribeModel(Runtime& runtime, const std::string& path, const Options& options) {
  const std::string format = options[describe_options::kFormat];
  if (format != "text" && format != "json") {
    return absl::InvalidArgumentError(absl::StrCat("option format: \"", format, "\"; expected text or json"));
  }
  const absl::StatusOr<std::unique_ptr<ModelFile>> opened =
      OpenModelFile(runtime.plugins().formats(), runtime.host(), path, FileAccess::kMap);
  const bool verify = options[describe_options::kVerify] != 0;
  if (absl::IsInvalidArgument(opened.status())) {
    SKEIN_ASSIGN_OR_RETURN(const std::optional<Companion> companion, FindCompanion(runtime, path, verify));
    if (companion) return format == "json" ? companion->json : companion->text;
  }
  SKEIN_RETURN_IF_ERROR(opened.status());
  const std::unique_ptr<ModelFile>& file = *opened;
  if (verify) SKEIN_RETURN_IF_ERROR(file->Verify(&runtime.progress()));
  Decisions decisions;
  SKEIN_ASSIGN_OR_RETURN(decisions.vocabulary, DescribeVocabulary(runtime, *file));
  decisions.chat = DescribeTemplate(*file, decisions.vocabulary.kind);
  return format == "json" ? DescribeJson(*file, decisions) : DescribeText(*file, decisions);
}

}  // namespace skein
