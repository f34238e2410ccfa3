#include "runtime/options.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

constexpr double kMaxCount = 9007199254740992.0;  // 2^53: exact as a double
constexpr uint32_t kI64 = SKEIN_OPTION_I64;
constexpr uint32_t kF64 = SKEIN_OPTION_F64;
constexpr uint32_t kStr = SKEIN_OPTION_STR;

constexpr OptionKey kRuntimeKeys[] = {
    {"threads", kI64, "0", "threads that compute, the caller's own included; 0: one per core of this process", 0, 1024},
    {"plugin_path", kStr, "", "folders searched for plugins before all others, separated by ':'", 0, 0},
    {"search", kI64, "1", "1: search the plugin folders; 0: load only what is named", 0, 1},
};
constexpr OptionKey kModelKeys[] = {
    {"device", kStr, "", "device name, or a split by layers such as cpu=0-11,reference=12-23; empty: the best", 0, 0},
    {"type", kStr, "auto", "auto (as the file was made for), f32, f16, bf16, q8 or q4, as the device offers", 0, 0},
    {"tokenizer", kStr, "", "vocabulary file, or bytes; empty: the one in the file", 0, 0},
    {"lora", kStr, "", "adapters to merge: FILE or FILE:SCALE, one a line", 0, 0},
    {"state", kStr, "", "tuned initial state that streams start from; empty: the one in the file, else zero", 0, 0},
    {"mmap", kI64, "1", "1: map the file; 0: read it into memory", 0, 1},
    {"max_streams", kI64, "64", "streams of the model at a time", 1, 65536},
    {"max_batch_tokens", kI64, "512", "tokens in one step", 1, 65536},
};
constexpr OptionKey kConvertKeys[] = {
    {"type", kStr, "auto", "type of the matrices: auto (as in the file), f32, f16, bf16, q8 or q4", 0, 0},
    {"layout", kStr, "panels", "of the matrices in a package: panels (mapped as they lie) or rows", 0, 0},
    {"tokenizer", kStr, "", "vocabulary file to embed, or bytes", 0, 0},
    {"name", kStr, "", "name recorded in the manifest", 0, 0},
    {"licence", kStr, "", "licence recorded in the manifest", 0, 0},
    {"provenance", kStr, "", "where the weights come from, recorded in the manifest", 0, 0},
    {"prompt", kStr, "", "example prompt recorded in the manifest", 0, 0},
    {"chat_template", kStr, "", "world, g1, raven or instruct, recorded in the manifest", 0, 0},
    {"lora", kStr, "", "adapters to merge: FILE or FILE:SCALE, one a line", 0, 0},
    {"state", kStr, "", "tuned initial state to embed", 0, 0},
    {"end_token", kI64, "", "token that ends a text, recorded in the manifest", 0, 4294967294.0},
    {"overwrite", kI64, "0", "1: replace the output if it exists", 0, 1},
};
constexpr OptionKey kDescribeKeys[] = {
    {"format", kStr, "text", "text or json", 0, 0},
    {"verify", kI64, "0", "1: read all data and compare the checksums", 0, 1},
};
constexpr OptionKey kTokenizerKeys[] = {
    {"kind", kStr, "", "tokenizer plugin to use; empty: by content", 0, 0},
};
constexpr OptionKey kStreamKeys[] = {
    {"state", kStr, "", "tuned initial state of the stream; empty: the model's", 0, 0},
};
constexpr OptionKey kRequestKeys[] = {
    {"max_tokens", kI64, "256", "tokens to generate at most", 1, kMaxCount},
    {"temperature", kF64, "1", "0: greedy; applied after the filters", 0, 100},
    {"top_k", kI64, "0", "keep the k most probable tokens; 0: off", 0, 4294967295.0},
    {"top_p", kF64, "0.85", "keep the smallest set of tokens with at least this probability; 1: off", 0, 1},
    {"min_p", kF64, "0", "keep tokens with at least this share of the most probable one's probability; 0: off", 0, 1},
    {"presence_penalty", kF64, "0", "subtracted once from the logit of every token generated before", -100, 100},
    {"frequency_penalty", kF64, "0", "subtracted for every (decayed) occurrence of a token", -100, 100},
    {"penalty_decay", kF64, "0.996", "factor on all occurrences for every token generated", 0, 1},
    {"seed", kI64, "0", "of the random numbers: same seed, same tokens", -9.3e18, 9.3e18},
    {"sample_index", kI64, "0", "i for the i-th of several samples with one seed", 0, kMaxCount},
    {"stop_at_end", kI64, "1", "1: the end-of-text token stops; 0: it is a token like any other", 0, 1},
    {"window", kI64, "0", "tokens delivered and not acknowledged at which the request waits; 0: polling acknowledges",
     0, kMaxCount},
};

constexpr OptionKey kChatKeys[] = {
    {"template", kStr, "", "world, g1, raven or instruct; empty: the model's", 0, 0},
    {"think", kStr, "", "on, off or none: what think block an answer begins with; empty: as the template has it", 0, 0},
};

const char* TypeName(uint32_t type) { return type == kI64 ? "an integer" : type == kF64 ? "a real number" : "a text"; }

}  // namespace

bool IsOptionsKind(uint32_t kind) { return kind >= SKEIN_OPTIONS_RUNTIME && kind <= SKEIN_OPTIONS_CHAT; }

absl::Span<const OptionKey> OptionKeys(uint32_t kind) {
  switch (kind) {
    case SKEIN_OPTIONS_RUNTIME:
      return kRuntimeKeys;
    case SKEIN_OPTIONS_MODEL:
      return kModelKeys;
    case SKEIN_OPTIONS_CONVERT:
      return kConvertKeys;
    case SKEIN_OPTIONS_DESCRIBE:
      return kDescribeKeys;
    case SKEIN_OPTIONS_TOKENIZER:
      return kTokenizerKeys;
    case SKEIN_OPTIONS_STREAM:
      return kStreamKeys;
    case SKEIN_OPTIONS_REQUEST:
      return kRequestKeys;
    case SKEIN_OPTIONS_CHAT:
      return kChatKeys;
    default:
      return {};
  }
}

absl::Status Options::Set(const std::string& key, Value value) {
  std::string known;
  for (const OptionKey& option : OptionKeys(kind_)) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", option.name);
    if (key != option.name) continue;
    if (option.type == kF64 && std::holds_alternative<int64_t>(value)) {
      value = static_cast<double>(std::get<int64_t>(value));
    }
    const uint32_t type =
        static_cast<uint32_t>(value.index()) + 1;  // the alternatives are in the order of SKEIN_OPTION_*
    if (type != option.type) {
      return absl::InvalidArgumentError(
          absl::StrCat("option ", key, ": found ", TypeName(type), "; expected ", TypeName(option.type)));
    }
    if (type != kStr) {
      const double number = type == kI64 ? static_cast<double>(std::get<int64_t>(value)) : std::get<double>(value);
      // Written so that NaN is out of every range.
      if (!(number >= option.min_value && number <= option.max_value)) {
        return absl::InvalidArgumentError(absl::StrCat("option ", key, ": found ", number, "; expected ",
                                                       option.min_value, " to ", option.max_value));
      }
    }
    values_[key] = std::move(value);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("option \"", key, "\": no such key; expected ",
                                                 known.empty() ? "none: this kind has no keys" : known));
}

absl::Status Options::SetInt(const std::string& key, int64_t value) { return Set(key, value); }
absl::Status Options::SetReal(const std::string& key, double value) { return Set(key, value); }
absl::Status Options::SetText(const std::string& key, std::string value) { return Set(key, std::move(value)); }

void Options::Assign(const Options& other) {
  for (const auto& [key, value] : other.values_) values_[key] = value;
}

std::optional<int64_t> Options::Int(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  return std::get<int64_t>(found->second);
}

std::optional<double> Options::Real(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  return std::get<double>(found->second);
}

std::optional<std::string> Options::Text(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  return std::get<std::string>(found->second);
}

}  // namespace skein
