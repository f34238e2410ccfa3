#include "runtime/model_tools.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "chat/model_template.h"
#include "chat/template.h"
#include "files/adapter.h"
#include "files/checkpoint/checkpoint.h"
#include "files/companion.h"
#include "files/convert.h"
#include "files/describe.h"
#include "files/open.h"

namespace skein {
namespace {

// What a file is that changes a model and is none; nullopt for any other.
std::optional<Companion> FindCompanion(Runtime& runtime, const std::string& path) {
  absl::StatusOr<std::unique_ptr<File>> file = File::Open(path, FileAccess::kMap);
  if (!file.ok()) return std::nullopt;
  const absl::StatusOr<std::unique_ptr<Checkpoint>> checkpoint =
      Checkpoint::Open(runtime.plugins().formats(), runtime.host(), *std::move(file));
  return checkpoint.ok() ? DescribeCompanion(**checkpoint, path) : std::nullopt;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelFile>> OpenModelFile(Runtime& runtime, const std::string& path,
                                                         const Options& options, FileAccess access) {
  ModelChanges changes;
  SKEIN_ASSIGN_OR_RETURN(changes.adapters, ParseAdapters(options.Text("lora").value_or("")));
  changes.state_path = options.Text("state").value_or("");
  return OpenModelFile(runtime.plugins().formats(), runtime.host(), path, access, changes);
}

absl::Status ConvertModel(Runtime& runtime, const std::string& in_path, const std::string& out_path,
                          const Options* options) {
  const Options defaults(SKEIN_OPTIONS_CONVERT);
  if (options == nullptr) options = &defaults;
  ConvertOptions convert;
  convert.type = options->Text("type").value_or("auto");
  convert.layout = options->Text("layout");
  convert.name = options->Text("name");
  convert.licence = options->Text("licence");
  convert.provenance = options->Text("provenance");
  convert.example_prompt = options->Text("prompt");
  convert.chat_template = options->Text("chat_template");
  if (convert.chat_template) SKEIN_RETURN_IF_ERROR(FindChatTemplate(*convert.chat_template).status());
  if (const auto end_token = options->Int("end_token")) convert.end_token = static_cast<uint32_t>(*end_token);
  convert.overwrite = options->Int("overwrite").value_or(0) != 0;
  const std::string tokenizer_path = options->Text("tokenizer").value_or("");
  if (!tokenizer_path.empty()) {
    // Made once here, so that what is embedded is known to work.
    SKEIN_ASSIGN_OR_RETURN(const auto tokenizer, runtime.LoadTokenizer(tokenizer_path, ""));
    convert.tokenizer = TokenizerSource{tokenizer->kind(), ""};
    if (tokenizer_path != "bytes") {
      SKEIN_ASSIGN_OR_RETURN(const auto file, File::Open(tokenizer_path, FileAccess::kRead));
      convert.tokenizer->vocabulary.assign(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
    }
  }
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<ModelFile> in,
                         OpenModelFile(runtime, in_path, *options, FileAccess::kMap));
  if (!convert.chat_template && !in->metadata().chat_template.empty()) {
    // A manifest names a template; a checkpoint may hold a text in some template language.
    const ChatTemplate* known = FindFileChatTemplate(*in, in->metadata().tokenizer_kind);
    convert.chat_template = known != nullptr ? std::string(known->name) : "";
  }
  return Convert(*in, out_path, convert, &runtime.progress());
}

absl::StatusOr<std::string> DescribeModel(Runtime& runtime, const std::string& path, const Options* options) {
  const Options defaults(SKEIN_OPTIONS_DESCRIBE);
  if (options == nullptr) options = &defaults;
  const std::string format = options->Text("format").value_or("text");
  if (format != "text" && format != "json") {
    return absl::InvalidArgumentError(absl::StrCat("option format: \"", format, "\"; expected text or json"));
  }
  const absl::StatusOr<std::unique_ptr<ModelFile>> opened =
      OpenModelFile(runtime.plugins().formats(), runtime.host(), path, FileAccess::kMap);
  if (absl::IsInvalidArgument(opened.status())) {
    if (const std::optional<Companion> companion = FindCompanion(runtime, path)) {
      return format == "json" ? companion->json : companion->text;
    }
  }
  SKEIN_RETURN_IF_ERROR(opened.status());
  const std::unique_ptr<ModelFile>& file = *opened;
  if (options->Int("verify").value_or(0) != 0) SKEIN_RETURN_IF_ERROR(file->Verify(&runtime.progress()));
  return format == "json" ? DescribeJson(*file) : DescribeText(*file);
}

}  // namespace skein
