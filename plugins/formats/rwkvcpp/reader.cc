#include "formats/rwkvcpp/reader.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "support/byte_reader.h"

namespace skein::formats {
namespace {

using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

constexpr uint32_t kMagic = 0x67676d66;
constexpr int32_t kOldestVersion = 100;  // its quantised blocks have a layout that rwkv.cpp itself dropped
constexpr int32_t kNewestVersion = 101;
constexpr int32_t kMaxDims = 4;  // of a GGML tensor

struct DataType {
  int32_t number;  // in the file
  uint32_t dtype;  // NONE: not read
  std::string_view name;
};

// Every type that rwkv.cpp ever wrote. It has dropped types 4 to 6. No RWKV model in practice has weights of the other
// types without a dtype.
constexpr DataType kDataTypes[] = {
    {0, SKEIN_DTYPE_F32, "F32"},         {1, SKEIN_DTYPE_F16, "F16"},         {2, SKEIN_DTYPE_GGML_Q4_0, "Q4_0"},
    {3, SKEIN_DTYPE_GGML_Q4_1, "Q4_1"},  {4, SKEIN_DTYPE_NONE, "Q4_1_O"},     {5, SKEIN_DTYPE_NONE, "Q4_2"},
    {6, SKEIN_DTYPE_NONE, "Q4_3"},       {7, SKEIN_DTYPE_GGML_Q5_0, "Q5_0"},  {8, SKEIN_DTYPE_GGML_Q5_1, "Q5_1"},
    {9, SKEIN_DTYPE_GGML_Q8_0, "Q8_0"},  {10, SKEIN_DTYPE_NONE, "Q8_1"},      {11, SKEIN_DTYPE_GGML_Q2_K, "Q2_K"},
    {12, SKEIN_DTYPE_GGML_Q3_K, "Q3_K"}, {13, SKEIN_DTYPE_GGML_Q4_K, "Q4_K"}, {14, SKEIN_DTYPE_GGML_Q5_K, "Q5_K"},
    {15, SKEIN_DTYPE_GGML_Q6_K, "Q6_K"}, {16, SKEIN_DTYPE_NONE, "Q8_K"},
};

// `where` begins the message.
const DataType& FindDataType(int32_t number, int32_t version, const std::string& where) {
  const auto* const end = std::end(kDataTypes);
  const auto* const type =
      std::find_if(std::begin(kDataTypes), end, [&](const DataType& each) { return each.number == number; });
  if (type == end || type->dtype == SKEIN_DTYPE_NONE) {
    FailUnsupported(where + ": expected data of type " + plugin::WeightTypeNames(kDataTypes) + "; found type " +
                    std::to_string(number) + (type == end ? "" : " (" + std::string(type->name) + ")"));
  }
  if (version == kOldestVersion && plugin::BlockSizeOf(type->dtype).elements > 1) {
    FailUnsupported(
        where + ": expected F32 or F16 data in a file of version 100, whose quantised blocks have a layout " +
        "that rwkv.cpp dropped, found " + std::string(type->name) + "; quantise the model again with a newer rwkv.cpp");
  }
  return *type;
}

uint64_t ReadPositive(plugin::ByteReader& reader, const std::string& what) {
  const auto value = reader.Read<int32_t>(what);
  if (value <= 0) FailCorrupt(what + ": expected a positive number, found " + std::to_string(value));
  return static_cast<uint64_t>(value);
}

plugin::Tensor ReadTensor(plugin::ByteReader& reader, int32_t version) {
  const std::string where = "tensor at offset " + std::to_string(reader.position());
  const auto num_dims = reader.Read<int32_t>("dimension count");
  const auto name_bytes = reader.Read<int32_t>("name length");
  const auto type_number = reader.Read<int32_t>("data type");
  if (num_dims < 1 || num_dims > kMaxDims) {
    FailCorrupt(where + ": expected 1 to " + std::to_string(kMaxDims) + " dimensions, found " +
                std::to_string(num_dims));
  }
  if (name_bytes < 1 || name_bytes > static_cast<int64_t>(plugin::CheckpointBuilder::kMaxNameBytes)) {
    FailCorrupt(where + ": expected a name of 1 to " + std::to_string(plugin::CheckpointBuilder::kMaxNameBytes) +
                " bytes, found " + std::to_string(name_bytes));
  }
  plugin::Tensor tensor;
  for (int32_t i = 0; i < num_dims; ++i) tensor.shape.push_back(ReadPositive(reader, where + ": dimension"));
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  tensor.name = reader.TakeText(static_cast<uint64_t>(name_bytes), "tensor name");

  const std::string named = "tensor " + Quote(tensor.name);
  const DataType& type = FindDataType(type_number, version, named);
  const plugin::BlockSize block = plugin::BlockSizeOf(type.dtype);
  if (tensor.shape.back() % block.elements != 0) {
    FailCorrupt(named + ": expected rows of a multiple of " + std::to_string(block.elements) + " elements of " +
                std::string(type.name) + ", found shape " + plugin::ShapeText(tensor.shape));
  }
  const std::optional<uint64_t> elements = plugin::CountElements(tensor.shape);
  const std::optional<uint64_t> bytes =
      elements ? plugin::MultiplyChecked(*elements / block.elements, block.bytes) : std::nullopt;
  if (!bytes || *bytes > reader.remaining()) {
    FailCorrupt(named + ": expected " + (bytes ? std::to_string(*bytes) : "over 2^64") + " bytes for shape " +
                plugin::ShapeText(tensor.shape) + " of " + std::string(type.name) + ", found " +
                std::to_string(reader.remaining()) + " to the end of the file");
  }
  tensor.dtype = type.dtype;
  tensor.stored_type = type.name;
  tensor.strides = plugin::RowMajorStrides(tensor.shape);
  tensor.data = reader.Take(*bytes, "tensor data").data();
  return tensor;
}

}  // namespace

uint32_t RwkvCpp::Probe(std::span<const uint8_t> file, std::string_view path) noexcept {
  uint32_t magic = 0;
  if (file.size() >= sizeof(magic)) {
    std::memcpy(&magic, file.data(), sizeof(magic));
    if (magic == kMagic) return 95;
  }
  return path.ends_with(".bin") ? 10 : 0;  // many formats use the name
}

plugin::Checkpoint RwkvCpp::Read(const plugin::Source& source) {
  plugin::ByteReader reader(source.bytes(), "file");
  const auto magic = reader.Read<uint32_t>("magic number");
  if (magic != kMagic) {
    FailCorrupt("expected magic number " + std::to_string(kMagic) + " of rwkv.cpp, found " + std::to_string(magic));
  }
  const auto version = reader.Read<int32_t>("version");
  if (version < kOldestVersion || version > kNewestVersion) {
    FailUnsupported("expected file version 100 or 101, found " + std::to_string(version));
  }
  plugin::CheckpointBuilder builder;
  builder.AddMetadata("rwkvcpp.version", std::to_string(version));
  for (const char* key : {"rwkvcpp.n_vocab", "rwkvcpp.n_embed", "rwkvcpp.n_layer"}) {
    builder.AddMetadata(key, std::to_string(ReadPositive(reader, key)));
  }
  const DataType& type = FindDataType(reader.Read<int32_t>("data type"), version, "header");
  builder.AddMetadata("rwkvcpp.data_type", std::string(type.name));
  while (reader.remaining() > 0) builder.Add(ReadTensor(reader, version));
  return builder.Finish();
}

}  // namespace skein::formats
