#include "formats/gguf/reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "formats/gguf/metadata.h"
#include "formats/gguf/vocabulary.h"
#include "support/byte_reader.h"

namespace skein::formats {
namespace {

using plugin::ByteReader;
using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

constexpr std::string_view kMagic = "GGUF";
constexpr std::string_view kSwappedMagic = "FUGG";
constexpr uint32_t kOldestVersion = 2;
constexpr uint32_t kNewestVersion = 3;
constexpr uint32_t kDefaultAlignment = 32;
constexpr std::string_view kActivationKey = "adapter.alora.invocation_tokens";
constexpr std::string_view kWorldTokenizer = "rwkv";
constexpr uint64_t kMaxTokens = uint64_t{1} << 20;  // as many as the World tokenizer takes

struct TensorType {
  uint32_t number;  // in the file
  uint32_t dtype;   // NONE: listed, not read
  std::string_view name;
};

constexpr TensorType kTensorTypes[] = {
    {0, SKEIN_DTYPE_F32, "F32"},
    {1, SKEIN_DTYPE_F16, "F16"},
    {2, SKEIN_DTYPE_GGML_Q4_0, "Q4_0"},
    {3, SKEIN_DTYPE_GGML_Q4_1, "Q4_1"},
    {6, SKEIN_DTYPE_GGML_Q5_0, "Q5_0"},
    {7, SKEIN_DTYPE_GGML_Q5_1, "Q5_1"},
    {8, SKEIN_DTYPE_GGML_Q8_0, "Q8_0"},
    {9, SKEIN_DTYPE_NONE, "Q8_1"},
    {10, SKEIN_DTYPE_GGML_Q2_K, "Q2_K"},
    {11, SKEIN_DTYPE_GGML_Q3_K, "Q3_K"},
    {12, SKEIN_DTYPE_GGML_Q4_K, "Q4_K"},
    {13, SKEIN_DTYPE_GGML_Q5_K, "Q5_K"},
    {14, SKEIN_DTYPE_GGML_Q6_K, "Q6_K"},
    {15, SKEIN_DTYPE_NONE, "Q8_K"},
    {16, SKEIN_DTYPE_NONE, "IQ2_XXS"},
    {17, SKEIN_DTYPE_NONE, "IQ2_XS"},
    {18, SKEIN_DTYPE_NONE, "IQ3_XXS"},
    {19, SKEIN_DTYPE_NONE, "IQ1_S"},
    {20, SKEIN_DTYPE_GGML_IQ4_NL, "IQ4_NL"},
    {21, SKEIN_DTYPE_NONE, "IQ3_S"},
    {22, SKEIN_DTYPE_NONE, "IQ2_S"},
    {23, SKEIN_DTYPE_GGML_IQ4_XS, "IQ4_XS"},
    {24, SKEIN_DTYPE_NONE, "I8"},
    {25, SKEIN_DTYPE_NONE, "I16"},
    {26, SKEIN_DTYPE_NONE, "I32"},
    {27, SKEIN_DTYPE_NONE, "I64"},
    {28, SKEIN_DTYPE_F64, "F64"},
    {29, SKEIN_DTYPE_NONE, "IQ1_M"},
    {30, SKEIN_DTYPE_BF16, "BF16"},
    {34, SKEIN_DTYPE_NONE, "TQ1_0"},
    {35, SKEIN_DTYPE_NONE, "TQ2_0"},
    {39, SKEIN_DTYPE_GGML_MXFP4, "MXFP4"},
    {40, SKEIN_DTYPE_NONE, "NVFP4"},
    {41, SKEIN_DTYPE_NONE, "Q1_0"},
    {42, SKEIN_DTYPE_NONE, "Q2_0"},
};

// Types that are younger than this table have a number only.
std::pair<uint32_t, std::string> FindTensorType(uint32_t number) {
  for (const TensorType& type : kTensorTypes) {
    if (type.number == number) return {type.dtype, std::string(type.name)};
  }
  return {SKEIN_DTYPE_NONE, std::string("number ").append(std::to_string(number))};
}

// --- one file ---

// The directory of one file of a model.
struct GgufFile {
  GgufMetadata metadata;
  std::vector<plugin::Tensor> tensors;
};

// Throws unless the file starts as one that is read, and leaves `reader` behind the version.
void ReadStart(ByteReader* reader) {
  const std::string_view magic = reader->TakeText(kMagic.size(), "magic");
  if (magic == kSwappedMagic) FailUnsupported("expected a little-endian GGUF file, found a big-endian one");
  if (magic != kMagic) FailCorrupt("expected the magic \"GGUF\", found " + Quote(magic));
  const auto version = reader->Read<uint32_t>("version");
  if ((version & 0xffff) == 0 && version != 0) {
    FailUnsupported("expected a little-endian GGUF file, found version " + std::to_string(__builtin_bswap32(version)) +
                    " in big-endian order");
  }
  if (version < kOldestVersion || version > kNewestVersion) {
    FailUnsupported("expected GGUF version 2 or 3, found " + std::to_string(version));
  }
}

uint64_t AlignmentOf(const GgufMetadata& metadata) {
  const uint64_t alignment = metadata.FindUnsigned("general.alignment").value_or(kDefaultAlignment);
  constexpr uint64_t kMaxAlignment = uint64_t{1} << 31;
  if (alignment == 0 || alignment > kMaxAlignment || (alignment & (alignment - 1)) != 0) {
    FailCorrupt("general.alignment: expected a power of two of at most 2^31, found " + std::to_string(alignment));
  }
  return alignment;
}

// A tensor of the list, and where its data begins in the data section.
struct ListedTensor {
  plugin::Tensor tensor;
  uint64_t offset;
};

ListedTensor ReadListedTensor(ByteReader* reader) {
  ListedTensor listed;
  plugin::Tensor& tensor = listed.tensor;
  const auto name_bytes = reader->Read<uint64_t>("length of a tensor name");
  const std::string_view name = reader->TakeText(name_bytes, "tensor name");
  plugin::CheckpointBuilder::CheckName(name);
  tensor.name = name;
  const auto num_dims = reader->Read<uint32_t>("dimension count");
  if (num_dims > SKEIN_MAX_DIMS) {
    FailUnsupported("tensor " + Quote(tensor.name) + ": expected at most " + std::to_string(SKEIN_MAX_DIMS) +
                    " dimensions, found " + std::to_string(num_dims));
  }
  for (uint32_t i = 0; i < num_dims; ++i) tensor.shape.push_back(reader->Read<uint64_t>("dimension"));
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  std::tie(tensor.dtype, tensor.stored_type) = FindTensorType(reader->Read<uint32_t>("tensor type"));
  listed.offset = reader->Read<uint64_t>("tensor offset");
  return listed;
}

// Checks `listed` against the data section, and points it there. Gives the bytes that it takes.
std::span<const uint8_t> Place(ListedTensor* listed, std::span<const uint8_t> data, uint64_t alignment) {
  plugin::Tensor& tensor = listed->tensor;
  const std::string where = "tensor " + Quote(tensor.name) + ": ";
  const plugin::BlockSize block = plugin::BlockSizeOf(tensor.dtype);
  const uint64_t row_elements = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (row_elements % block.elements != 0) {
    FailCorrupt(where + "expected rows of a multiple of " + std::to_string(block.elements) + " elements of " +
                tensor.stored_type + ", found shape " + plugin::ShapeText(tensor.shape));
  }
  const std::optional<uint64_t> elements = plugin::CountElements(tensor.shape);
  const std::optional<uint64_t> bytes =
      elements ? plugin::MultiplyChecked(*elements / block.elements, block.bytes) : std::nullopt;
  if (listed->offset % alignment != 0) {
    FailCorrupt(where + "expected an offset that is a multiple of " + std::to_string(alignment) + ", found " +
                std::to_string(listed->offset));
  }
  if (!bytes || listed->offset > data.size() || *bytes > data.size() - listed->offset) {
    FailCorrupt(where + "expected " + (bytes ? std::to_string(*bytes) : "over 2^64") + " bytes for shape " +
                plugin::ShapeText(tensor.shape) + " of " + tensor.stored_type + " at offset " +
                std::to_string(listed->offset) + ", found " + std::to_string(data.size()) + " bytes of data");
  }
  tensor.strides = plugin::RowMajorStrides(tensor.shape);
  if (tensor.dtype == SKEIN_DTYPE_NONE) return {};
  const std::span<const uint8_t> place = data.subspan(listed->offset, *bytes);
  tensor.data = place.data();
  return place;
}

// Tensors that share bytes would let a small file claim to be a large one.
void CheckDisjoint(std::vector<std::pair<std::span<const uint8_t>, std::string_view>> places) {
  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.first.data() < b.first.data(); });
  for (size_t i = 1; i < places.size(); ++i) {
    const auto& [before, name] = places[i - 1];
    if (places[i].first.data() < before.data() + before.size()) {
      FailCorrupt("tensors " + Quote(name) + " and " + Quote(places[i].second) + " overlap");
    }
  }
}

GgufFile ReadFile(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes, "file");
  ReadStart(&reader);
  const auto num_tensors = reader.Read<uint64_t>("tensor count");
  const auto num_keys = reader.Read<uint64_t>("metadata count");
  GgufFile file{.metadata = GgufMetadata(&reader, num_keys), .tensors = {}};

  if (num_tensors > plugin::CheckpointBuilder::kMaxTensors) {
    throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED, "expected at most " +
                                                      std::to_string(plugin::CheckpointBuilder::kMaxTensors) +
                                                      " tensors, found " + std::to_string(num_tensors));
  }
  std::vector<ListedTensor> listed;
  for (uint64_t i = 0; i < num_tensors; ++i) listed.push_back(ReadListedTensor(&reader));

  const uint64_t alignment = AlignmentOf(file.metadata);
  const uint64_t data_start = (reader.position() + alignment - 1) / alignment * alignment;
  const std::span<const uint8_t> data = bytes.subspan(std::min<uint64_t>(data_start, bytes.size()));
  std::vector<std::pair<std::span<const uint8_t>, std::string_view>> places;
  for (ListedTensor& tensor : listed) {
    const std::span<const uint8_t> place = Place(&tensor, data, alignment);
    if (!place.empty()) places.emplace_back(place, tensor.tensor.name);
  }
  CheckDisjoint(std::move(places));
  for (ListedTensor& tensor : listed) file.tensors.push_back(std::move(tensor.tensor));
  return file;
}

// --- models split into several files ---

// "-00002-of-00005.gguf", for part 1 of 5.
std::string SplitSuffix(uint64_t part, uint64_t count) {
  const auto five_digits = [](uint64_t number) {
    const std::string digits = std::to_string(number);
    return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
  };
  return std::string("-").append(five_digits(part + 1)).append("-of-").append(five_digits(count)).append(".gguf");
}

void CheckSplitNumber(const GgufMetadata& metadata, std::string_view key, uint64_t expected) {
  const uint64_t found = metadata.FindUnsigned(key).value_or(0);
  if (found != expected) {
    FailCorrupt(std::string(key) + ": expected " + std::to_string(expected) + ", found " + std::to_string(found));
  }
}

// One file of several, and the model's other files.
class Split {
 public:
  // `metadata` is that of the file behind `source`. Throws UNIMPLEMENTED if the name of `source` does not end as its
  // number has it.
  Split(const plugin::Source& source, const GgufMetadata& metadata, uint64_t count)
      : source_(source), count_(count), number_(metadata.FindUnsigned("split.no").value_or(0)) {
    const std::string suffix = number_ < count_ ? SplitSuffix(number_, count_) : "";
    if (suffix.empty() || !source.file_name().ends_with(suffix)) {
      FailUnsupported("is file " + std::to_string(number_ + 1) + " of the " + std::to_string(count_) +
                      " of a model; expected a name that ends in \"" +
                      SplitSuffix(std::min(number_, count_ - 1), count_) + "\", by which the others are found");
    }
    stem_ = source.file_name().substr(0, source.file_name().size() - suffix.size());
  }

  // The tensors of all files, in their order, and the metadata of the first. `opened` is the one that was opened.
  GgufFile ReadAll(GgufFile opened) const {
    const uint64_t num_tensors = opened.metadata.FindUnsigned("split.tensors.count").value_or(0);
    std::vector<GgufFile> files;
    for (uint64_t part = 0; part < count_; ++part) {
      if (part != number_) files.push_back(ReadPart(part, num_tensors));
    }
    files.insert(files.begin() + static_cast<ptrdiff_t>(number_), std::move(opened));
    GgufFile whole = std::move(files[0]);
    for (size_t i = 1; i < files.size(); ++i) {
      std::move(files[i].tensors.begin(), files[i].tensors.end(), std::back_inserter(whole.tensors));
    }
    CheckSplitNumber(whole.metadata, "split.tensors.count", whole.tensors.size());
    return whole;
  }

 private:
  GgufFile ReadPart(uint64_t part, uint64_t num_tensors) const {
    return plugin::ReadSibling(source_, stem_ + SplitSuffix(part, count_), [&](const plugin::Source& sibling) {
      GgufFile file = ReadFile(sibling.bytes());
      CheckSplitNumber(file.metadata, "split.no", part);
      CheckSplitNumber(file.metadata, "split.count", count_);
      CheckSplitNumber(file.metadata, "split.tensors.count", num_tensors);
      return file;
    });
  }

  const plugin::Source source_;
  const uint64_t count_;
  const uint64_t number_;  // from 0
  std::string stem_;
};

// --- what the host understands ---

void AddVocabulary(const GgufMetadata& metadata, plugin::CheckpointBuilder* builder) {
  if (metadata.FindString("tokenizer.ggml.model") != kWorldTokenizer) return;
  const GgufValue* tokens = metadata.FindArray("tokenizer.ggml.tokens", GgufType::kString);
  if (tokens == nullptr) return;
  if (tokens->count > kMaxTokens) {
    throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED, "tokenizer.ggml.tokens: expected at most " +
                                                      std::to_string(kMaxTokens) + " tokens, found " +
                                                      std::to_string(tokens->count));
  }
  std::vector<int32_t> types;
  if (const GgufValue* array = metadata.FindArray("tokenizer.ggml.token_type", GgufType::kInt32); array != nullptr) {
    types.resize(array->count);
    if (!types.empty()) std::memcpy(types.data(), array->bytes.data(), array->bytes.size());
  }
  builder->AddMetadata("skein.tokenizer.kind", "world");
  builder->AddMetadata("skein.tokenizer.vocabulary", WorldVocabularyFile(GgufStrings(*tokens), types));
}

void AddMetadata(const GgufMetadata& metadata, plugin::CheckpointBuilder* builder) {
  for (const auto& [key, value] : metadata.entries()) {
    if (std::optional<std::string> text = GgufText(value)) builder->AddMetadata(std::string(key), std::move(*text));
  }
  const auto add = [&](const char* key, std::optional<std::string> text) {
    if (text) builder->AddMetadata(key, std::move(*text));
  };
  const auto add_count = [&](const char* key, std::optional<uint64_t> number) {
    if (number) builder->AddMetadata(key, std::to_string(*number));
  };
  add("skein.name", metadata.FindString("general.name"));
  add("skein.licence", metadata.FindString("general.license"));
  add("skein.chat_template", metadata.FindString("tokenizer.chat_template"));
  add_count("skein.end_token", metadata.FindUnsigned("tokenizer.ggml.eos_token_id"));
  if (const std::optional<std::string> architecture = metadata.FindString("general.architecture")) {
    add("skein.norm_epsilon", metadata.FindNumber(*architecture + ".attention.layer_norm_epsilon"));
    const std::optional<uint64_t> rescale_every = metadata.FindUnsigned(*architecture + ".rescale_every_n_layers");
    if (rescale_every != 0u) add_count("skein.rescale_every", rescale_every);
  }
  AddVocabulary(metadata, builder);
}

}  // namespace

uint32_t Gguf::Probe(std::span<const uint8_t> file, std::string_view path) noexcept {
  if (file.size() >= kMagic.size()) {
    const std::string_view magic(reinterpret_cast<const char*>(file.data()), kMagic.size());
    if (magic == kMagic || magic == kSwappedMagic) return 95;
  }
  return path.ends_with(".gguf") ? 20 : 0;  // so that a damaged file is refused with this format's message
}

plugin::Checkpoint Gguf::Read(const plugin::Source& source) {
  GgufFile file = ReadFile(source.bytes());
  const uint64_t num_files = file.metadata.FindUnsigned("split.count").value_or(1);
  if (num_files > 1) {
    const Split split(source, file.metadata, num_files);
    file = split.ReadAll(std::move(file));
  }
  if (file.metadata.Find(kActivationKey) != nullptr) {
    FailUnsupported("metadata " + Quote(kActivationKey) +
                    ": an activated LoRA acts from certain tokens on, so it cannot be merged; expected a plain one");
  }
  plugin::CheckpointBuilder builder;
  AddMetadata(file.metadata, &builder);
  for (plugin::Tensor& tensor : file.tensors) builder.Add(std::move(tensor));
  plugin::Checkpoint checkpoint = builder.Finish();
  checkpoint.weight_types = plugin::WeightTypeNames(kTensorTypes);
  return checkpoint;
}

}  // namespace skein::formats
