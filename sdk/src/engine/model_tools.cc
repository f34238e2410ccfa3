#include "engine/model_tools.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "model/convert.h"
#include "model/describe.h"
#include "model/model_file.h"

namespace skein {

absl::Status ConvertModel(Runtime& runtime, const std::string& in_path, const std::string& out_path,
                          const Options* options) {
  const Options defaults(SKEIN_OPTIONS_CONVERT);
  if (options == nullptr) options = &defaults;
  ConvertOptions convert;
  convert.type = options->Text("type").value_or("auto");
  convert.name = options->Text("name");
  convert.licence = options->Text("licence");
  convert.provenance = options->Text("provenance");
  convert.example_prompt = options->Text("prompt");
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
  return Convert(runtime.plugins(), runtime.host(), in_path, out_path, convert, &runtime.progress());
}

absl::StatusOr<std::string> DescribeModel(Runtime& runtime, const std::string& path, const Options* options) {
  const Options defaults(SKEIN_OPTIONS_DESCRIBE);
  if (options == nullptr) options = &defaults;
  const std::string format = options->Text("format").value_or("text");
  if (format != "text" && format != "json") {
    return absl::InvalidArgumentError(absl::StrCat("option format: \"", format, "\"; expected text or json"));
  }
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<ModelFile> file,
                         ModelFile::Open(runtime.plugins(), runtime.host(), path, FileAccess::kMap));
  if (options->Int("verify").value_or(0) != 0) SKEIN_RETURN_IF_ERROR(file->Verify(&runtime.progress()));
  return format == "json" ? DescribeJson(*file) : DescribeText(*file);
}

}  // namespace skein
