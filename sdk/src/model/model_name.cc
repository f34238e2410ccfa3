#include "model/model_name.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "base/utf8.h"

namespace skein {
namespace {

// Names that programs give to every model.
constexpr absl::string_view kCommonNames[] = {"model",   "pytorch_model", "consolidated", "checkpoint", "weights",
                                              "unknown", "untitled",      "none",         "null"};
constexpr absl::string_view kCommonPrefixes[] = {"ggml-model", "mp_rank_"};

constexpr absl::string_view kModelExtensions[] = {".skein", ".pth",  ".pt",   ".bin", ".safetensors",
                                                  ".st",    ".gguf", ".ckpt", ".ggml"};

constexpr size_t kMinChecksumDigits = 32;

bool IsDigits(absl::string_view text) { return std::all_of(text.begin(), text.end(), absl::ascii_isdigit); }

// A checksum in hexadecimal, such as Git's or a UUID.
bool IsChecksum(absl::string_view name) {
  absl::ConsumePrefix(&name, "sha256-");
  const std::string digits = absl::StrReplaceAll(name, {{"-", ""}});
  return digits.size() >= kMinChecksumDigits && std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit);
}

// "x" of "x-00001-of-00002"; any other name as it is.
absl::string_view WithoutShard(absl::string_view name) {
  constexpr absl::string_view kOf = "-of-";
  const size_t of = name.rfind(kOf);
  if (of == absl::string_view::npos) return name;
  const absl::string_view before = name.substr(0, of);
  const size_t number = before.find_last_not_of("0123456789") + 1;
  const absl::string_view count = name.substr(of + kOf.size());
  if (number == of || count.empty() || !IsDigits(count)) return name;
  const absl::string_view base = before.substr(0, number);
  return base.substr(0, base.find_last_not_of("-_.") + 1);
}

// Extensions have letters only: "rwkv-4.2b" ends in none.
absl::string_view WithoutExtension(absl::string_view name) {
  absl::ConsumeSuffix(&name, ".index.json");
  const size_t dot = name.rfind('.');
  if (dot == absl::string_view::npos || dot == 0 || dot + 1 == name.size()) return name;
  const absl::string_view letters = name.substr(dot + 1);
  return std::all_of(letters.begin(), letters.end(), absl::ascii_isalpha) ? name.substr(0, dot) : name;
}

bool SaysNothing(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(WithoutShard(name));
  const auto is = [&](absl::string_view common) { return lower == common; };
  const auto begins = [&](absl::string_view common) { return absl::StartsWith(lower, common); };
  return lower.empty() || IsChecksum(lower) || std::any_of(std::begin(kCommonNames), std::end(kCommonNames), is) ||
         std::any_of(std::begin(kCommonPrefixes), std::end(kCommonPrefixes), begins);
}

// Some converters state the name of the file that they read.
absl::string_view WithoutModelExtension(absl::string_view name) {
  for (const absl::string_view extension : kModelExtensions) {
    if (absl::EndsWithIgnoreCase(name, extension)) return name.substr(0, name.size() - extension.size());
  }
  return name;
}

std::string StemOf(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return std::string(WithoutShard(WithoutExtension(name)));
}

// `path` without symbolic links; empty if it cannot be followed.
std::filesystem::path RealPath(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path real = std::filesystem::canonical(path, error);
  return error ? std::filesystem::path() : real;
}

// The cache of Hugging Face has models--OWNER--NAME/snapshots/CHECKSUM/.
std::string FolderName(const std::string& path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  folder = RealPath(folder.empty() ? "." : folder);
  if (IsChecksum(folder.filename().string()) && folder.parent_path().filename() == "snapshots") {
    const std::string repository = folder.parent_path().parent_path().filename().string();
    const size_t owner_end = repository.rfind("--");
    if (absl::StartsWith(repository, "models--")) return repository.substr(owner_end + 2);
  }
  return folder.filename().string();
}

}  // namespace

ModelName NameModel(absl::string_view stated, const std::string& path) {
  const std::string stem = StemOf(path);
  const auto named = [](absl::string_view name, NameSource source) { return ModelName{ReplaceNonUtf8(name), source}; };
  stated = WithoutModelExtension(absl::StripAsciiWhitespace(stated));
  if (!SaysNothing(stated)) return named(stated, NameSource::kStated);
  if (!SaysNothing(stem)) return named(stem, NameSource::kFile);
  const std::string folder = FolderName(path);
  if (!SaysNothing(folder)) return named(folder, NameSource::kFolder);
  const std::string target = StemOf(RealPath(path));
  return named(SaysNothing(target) ? stem : target, NameSource::kFile);
}

bool IsNamedByItsFolder(const std::string& path) { return SaysNothing(StemOf(path)); }

absl::string_view NameSourceText(const ModelMetadata& metadata) {
  switch (metadata.name_source) {
    case NameSource::kNone:
      return "";
    case NameSource::kStated:
      return metadata.source_format == "package" ? "manifest" : "metadata";
    case NameSource::kFile:
      return "file name";
    case NameSource::kFolder:
      return "folder name";
  }
  return "";
}

}  // namespace skein
