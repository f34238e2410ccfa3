#include "model/synthetic_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/parallel.h"
#include "base/status.h"
#include "numbers/half.h"
#include "numbers/quantised.h"
#include "numbers/roles.h"

namespace skein {
namespace {

constexpr absl::string_view kPrefix = "synthetic:";
constexpr uint32_t kDefaultHeadSize = 64;
constexpr uint32_t kDefaultVocabSize = 65536;

// --- dimensions ---

struct NamedShape {
  const char* name;
  uint32_t d_model, num_layers;
  uint32_t rank_decay, rank_iclr, rank_value, rank_gate;
};

// As published.
constexpr NamedShape kShapes[] = {
    {"0.1B", 768, 12, 64, 64, 32, 128},  {"0.4B", 1024, 24, 64, 64, 32, 128},   {"1.5B", 2048, 24, 96, 96, 64, 256},
    {"2.9B", 2560, 32, 96, 96, 64, 320}, {"7.2B", 4096, 32, 128, 128, 96, 480},
};

struct Letter {
  const char* letter;  // as in backend.h
  uint32_t ModelConfig::*field;
};

constexpr Letter kLetters[] = {
    {"C", &ModelConfig::d_model},     {"L", &ModelConfig::num_layers},   {"F", &ModelConfig::d_ffn},
    {"N", &ModelConfig::head_size},   {"V", &ModelConfig::vocab_size},   {"R_w", &ModelConfig::rank_decay},
    {"R_a", &ModelConfig::rank_iclr}, {"R_v", &ModelConfig::rank_value}, {"R_g", &ModelConfig::rank_gate},
};

// factor * C ^ power, rounded to a multiple of 32: the authors of RWKV-7 choose the ranks of a new width so.
uint32_t DefaultRank(uint32_t d_model, double factor, double power) {
  const double blocks = std::round(factor * std::pow(d_model, power) / 32);
  return static_cast<uint32_t>(std::max(1.0, blocks)) * 32;
}

// Gives every dimension that is 0 its default.
void FillDefaults(ModelConfig* config) {
  const auto fill = [](uint32_t& field, uint32_t value) { field = field == 0 ? value : field; };
  fill(config->d_ffn, 4 * config->d_model);
  fill(config->head_size, kDefaultHeadSize);
  fill(config->vocab_size, kDefaultVocabSize);
  fill(config->rank_decay, DefaultRank(config->d_model, 1.8, 0.5));
  fill(config->rank_iclr, DefaultRank(config->d_model, 1.8, 0.5));
  fill(config->rank_value, DefaultRank(config->d_model, 1.3, 0.5));
  fill(config->rank_gate, DefaultRank(config->d_model, 0.6, 0.8));
  config->d_att = config->d_model;
  config->num_heads = config->d_model / config->head_size;
  if (config->num_layers == 1) config->rank_value = 0;  // no value residual
}

absl::Status ParseLetters(absl::string_view shape, ModelConfig* config) {
  for (const absl::string_view piece : absl::StrSplit(shape, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(piece, absl::MaxSplits('=', 1));
    const auto letter = std::find_if(std::begin(kLetters), std::end(kLetters),
                                     [&](const Letter& known) { return parts.first == known.letter; });
    uint32_t value = 0;
    if (letter == std::end(kLetters) || !absl::SimpleAtoi(parts.second, &value) || value == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "shape \"", shape, "\": expected 0.1B, 0.4B, 1.5B, 2.9B, 7.2B, or a list of C=, L=, F=, N=, V=, R_w=, R_a=, ",
          "R_v=, R_g= with positive numbers, found \"", piece, "\""));
    }
    config->*letter->field = value;
  }
  if (config->d_model == 0 || config->num_layers == 0) {
    return absl::InvalidArgumentError(absl::StrCat("shape \"", shape, "\": expected C= and L= in it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ModelConfig> ParseShape(absl::string_view shape) {
  ModelConfig config;
  const auto named = std::find_if(std::begin(kShapes), std::end(kShapes),
                                  [&](const NamedShape& known) { return shape == known.name; });
  if (named != std::end(kShapes)) {
    config.d_model = named->d_model;
    config.num_layers = named->num_layers;
    config.rank_decay = named->rank_decay;
    config.rank_iclr = named->rank_iclr;
    config.rank_value = named->rank_value;
    config.rank_gate = named->rank_gate;
  } else {
    SKEIN_RETURN_IF_ERROR(ParseLetters(shape, &config));
  }
  FillDefaults(&config);
  SKEIN_RETURN_IF_ERROR(Annotate(config.Validate(), absl::StrCat("shape \"", shape, "\"")));
  return config;
}

// --- values ---

// A value is centre + step * code. The code is an integer from -8 to 7.
struct ValueRange {
  float centre;
  float step;
};

constexpr int kLowestCode = -8;
constexpr int kNumCodes = 16;

// The ranges of vectors, chosen so that a model of noise keeps its activations in bounds. Vectors that are not in the
// list are 0.
constexpr struct {
  uint32_t role;
  ValueRange range;
} kVectors[] = {
    {SKEIN_ROLE_EMBEDDING_NORM_W, {1, 0}},     {SKEIN_ROLE_OUTPUT_NORM_W, {1, 0}},
    {SKEIN_ROLE_TIME_NORM_W, {1, 0}},          {SKEIN_ROLE_CHANNEL_NORM_W, {1, 0}},
    {SKEIN_ROLE_TIME_GROUP_NORM_W, {1, 0}},    {SKEIN_ROLE_V7_MIX_R, {0.5f, 0x1p-4f}},
    {SKEIN_ROLE_V7_MIX_W, {0.5f, 0x1p-4f}},    {SKEIN_ROLE_V7_MIX_K, {0.5f, 0x1p-4f}},
    {SKEIN_ROLE_V7_MIX_V, {0.5f, 0x1p-4f}},    {SKEIN_ROLE_V7_MIX_A, {0.5f, 0x1p-4f}},
    {SKEIN_ROLE_V7_MIX_G, {0.5f, 0x1p-4f}},    {SKEIN_ROLE_V7_CHANNEL_MIX, {0.5f, 0x1p-4f}},
    {SKEIN_ROLE_V7_DECAY_BIAS, {-2, 0x1p-2f}}, {SKEIN_ROLE_V7_KEY_K, {0.875f, 0x1p-7f}},
    {SKEIN_ROLE_V7_KEY_A, {1, 0x1p-7f}},       {SKEIN_ROLE_V7_BONUS, {0, 0x1p-6f}},
};

ValueRange RangeOf(const TensorSpec& spec) {
  if (IsMatrixRole(spec.role)) {
    // Evenly distributed codes have a root mean square of 4.64. With this step, products with inputs of size 1 have
    // about size 1.
    const double num_inputs = static_cast<double>(spec.shape.back());
    return {0, static_cast<float>(std::exp2(-std::round(std::log2(4.64 * std::sqrt(num_inputs)))))};
  }
  const auto found =
      std::find_if(std::begin(kVectors), std::end(kVectors), [&](const auto& row) { return row.role == spec.role; });
  return found == std::end(kVectors) ? ValueRange{0, 0} : found->range;
}

// Sixteen codes, stored as code - kLowestCode in four bits each. Every row of a tensor starts with a word, so that word
// i of row r has the index r * (words of a row) + i. The generator is SplitMix64 (Steele, Lea, Flood, 2014).
uint64_t CodeWord(const TensorSpec& spec, uint64_t word_index) {
  uint64_t z = (uint64_t{spec.role} << 48) + (uint64_t{spec.layer} << 36) + word_index;
  z = (z + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

constexpr uint64_t kCodesPerWord = 16;
constexpr uint64_t kZeroCodes = 0x8888888888888888u;

// Calls `take(first, word)` for all words of a row of `num_columns` elements. Elements behind the end of the row are 0.
template <typename Take>
void VisitRow(const TensorSpec& spec, uint64_t row, uint64_t num_columns, Take take) {
  const uint64_t num_words = (num_columns + kCodesPerWord - 1) / kCodesPerWord;
  for (uint64_t i = 0; i < num_words; ++i) {
    uint64_t word = CodeWord(spec, row * num_words + i);
    const uint64_t left = num_columns - i * kCodesPerWord;
    if (left < kCodesPerWord) {
      const uint64_t mask = (uint64_t{1} << 4 * left) - 1;
      word = (word & mask) | (kZeroCodes & ~mask);
    }
    take(i * kCodesPerWord, word);
  }
}

// Writes a row in a plain type, whose elements have the size of Bits. `values` has an element for each code.
template <typename Bits>
void WritePlainRow(const TensorSpec& spec, uint64_t row, uint64_t num_columns, const Bits (&values)[kNumCodes],
                   uint8_t* out) {
  VisitRow(spec, row, num_columns, [&](uint64_t first, uint64_t word) {
    Bits run[kCodesPerWord];
    for (uint64_t i = 0; i < kCodesPerWord; ++i) run[i] = values[word >> 4 * i & 15];
    const uint64_t count = std::min(kCodesPerWord, num_columns - first);
    std::memcpy(out + first * sizeof(Bits), run, count * sizeof(Bits));
  });
}

// Writes rows [first_row, last_row) as `dtype`, which is plain. The first of them begins at `out`.
template <typename Bits>
void WritePlainRows(const TensorSpec& spec, uint64_t first_row, uint64_t last_row, uint32_t dtype, uint8_t* out) {
  const ValueRange range = RangeOf(spec);
  float numbers[kNumCodes];
  for (int i = 0; i < kNumCodes; ++i) numbers[i] = range.centre + range.step * static_cast<float>(i + kLowestCode);
  Bits values[kNumCodes];
  RoundFloats(numbers, kNumCodes, dtype, values);
  const uint64_t num_columns = spec.shape.back();
  for (uint64_t row = first_row; row < last_row; ++row) {
    WritePlainRow(spec, row, num_columns, values, out + (row - first_row) * num_columns * sizeof(Bits));
  }
}

// Writes rows [first_row, last_row) of a matrix as Q8 or Q4, from `out` on. The nibbles of a word have the order of
// those in Q4.
void WriteQuantisedRows(const TensorSpec& spec, uint64_t first_row, uint64_t last_row, uint32_t dtype, uint8_t* out) {
  const bool is_q8 = dtype == SKEIN_DTYPE_Q8;
  const uint64_t group_elements = LayoutOf(dtype).group_size;
  const uint64_t group_bytes = LayoutOf(dtype).group_bytes;
  const uint64_t num_columns = spec.shape.back();
  const uint64_t num_groups = LayoutOf(dtype).NumGroups(num_columns);
  const uint16_t scale = F32ToF16(RangeOf(spec).step);
  for (uint64_t row = first_row; row < last_row; ++row) {
    uint8_t* const groups = out + (row - first_row) * num_groups * group_bytes;
    for (uint64_t group = 0; group < num_groups; ++group) {
      std::memcpy(groups + group * group_bytes, &scale, sizeof(scale));
      std::memset(groups + group * group_bytes + sizeof(scale), is_q8 ? 0 : 0x88, group_bytes - sizeof(scale));
    }
    VisitRow(spec, row, num_columns, [&](uint64_t first, uint64_t word) {
      uint8_t* const codes = groups + first / group_elements * group_bytes + sizeof(scale);
      const uint64_t place = first % group_elements;
      if (!is_q8) {
        std::memcpy(codes + place / 2, &word, sizeof(word));
        return;
      }
      for (uint64_t i = 0; i < kCodesPerWord; ++i) {
        codes[place + i] = static_cast<uint8_t>(static_cast<int>(word >> 4 * i & 15) + kLowestCode);
      }
    });
  }
}

uint64_t NumRows(const TensorSpec& spec) { return spec.shape.size() == 1 ? 1 : spec.shape[0]; }

void WriteRows(const TensorSpec& spec, uint64_t first_row, uint64_t last_row, uint32_t dtype, uint8_t* out) {
  switch (dtype) {
    case SKEIN_DTYPE_Q8:
    case SKEIN_DTYPE_Q4:
      return WriteQuantisedRows(spec, first_row, last_row, dtype, out);
    case SKEIN_DTYPE_F32:
      return WritePlainRows<uint32_t>(spec, first_row, last_row, dtype, out);
    default:
      return WritePlainRows<uint16_t>(spec, first_row, last_row, dtype, out);
  }
}

std::vector<TensorSpec> SpecsOf(const ModelConfig& config) {
  std::vector<TensorSpec> specs;
  for (const ExpectedTensor& expected : ExpectedTensors(config)) {
    TensorSpec& spec = specs.emplace_back();
    spec.role = expected.role->role;
    spec.layer = expected.layer;
    spec.dtype = IsMatrixRole(spec.role) ? SKEIN_DTYPE_BF16 : SKEIN_DTYPE_F32;
    spec.stored_dtype = spec.dtype;
    spec.shape = RoleShape(*expected.role, config);
    spec.source_name = TensorName(spec.role, spec.layer);
    PackedBytes(*FindDtype(spec.dtype), spec.shape, &spec.size_bytes);  // fits: the config is valid
  }
  return specs;
}

class SyntheticWeights final : public WeightSource {
 public:
  SyntheticWeights(const skein_host& host, const ModelConfig& config) : host_(host), specs_(SpecsOf(config)) {}

  absl::Span<const TensorSpec> tensors() const override { return specs_; }

  absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const override {
    const TensorSpec& spec = specs_[index];
    scratch.resize(spec.size_bytes);
    WriteRows(spec, 0, NumRows(spec), spec.dtype, scratch.data());
    return StoredTensor{{spec.dtype, spec.shape, PackedStrides(spec.shape), scratch.data()}};
  }

  bool Generate(size_t index, uint32_t dtype, std::vector<uint8_t>& buffer) const override {
    const TensorSpec& spec = specs_[index];
    uint64_t size_bytes = 0;
    PackedBytes(*FindDtype(dtype), spec.shape, &size_bytes);  // fits: the config is valid
    buffer.resize(size_bytes);
    constexpr uint64_t kElementsPerTurn = 1 << 18;
    const uint64_t num_rows = NumRows(spec);
    const uint64_t row_bytes = size_bytes / num_rows;
    const uint64_t rows_per_turn = std::max<uint64_t>(1, kElementsPerTurn / spec.shape.back());
    const absl::Status written = ParallelFor(host_, (num_rows + rows_per_turn - 1) / rows_per_turn, [&](size_t turn) {
      const uint64_t first_row = turn * rows_per_turn;
      WriteRows(spec, first_row, std::min(num_rows, first_row + rows_per_turn), dtype,
                buffer.data() + first_row * row_bytes);
      return absl::OkStatus();
    });
    return written.ok();
  }

  std::optional<absl::Status> VisitValues(
      size_t index, absl::FunctionRef<absl::Status(absl::Span<const float>)> visit) const override {
    const TensorSpec& spec = specs_[index];
    constexpr uint64_t kElementsPerPiece = 1 << 13;  // stays in the cache
    const uint64_t num_rows = NumRows(spec);
    const uint64_t rows_per_piece = std::max<uint64_t>(1, kElementsPerPiece / spec.shape.back());
    std::vector<float> piece(rows_per_piece * spec.shape.back());
    for (uint64_t row = 0; row < num_rows; row += rows_per_piece) {
      const uint64_t end = std::min(num_rows, row + rows_per_piece);
      WriteRows(spec, row, end, SKEIN_DTYPE_F32, reinterpret_cast<uint8_t*>(piece.data()));
      SKEIN_RETURN_IF_ERROR(visit(absl::MakeConstSpan(piece).first((end - row) * spec.shape.back())));
    }
    return absl::OkStatus();
  }

 private:
  const skein_host& host_;
  const std::vector<TensorSpec> specs_;
};

}  // namespace

bool IsSyntheticPath(absl::string_view path) { return absl::StartsWith(path, kPrefix); }

absl::StatusOr<ModelContents> OpenSynthetic(const skein_host& host, const std::string& path) {
  ModelContents contents;
  SKEIN_ASSIGN_OR_RETURN(contents.config, ParseShape(absl::string_view(path).substr(kPrefix.size())));
  contents.path = path;
  contents.metadata.name = path;
  contents.metadata.source_format = "synthetic";
  contents.weights = std::make_unique<SyntheticWeights>(host, contents.config);
  return contents;
}

}  // namespace skein
