#include "files/checkpoint/checkpoint_writer.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/naming/layer_name.h"
#include "files/naming/scheme.h"
#include "nlohmann/json.hpp"
#include "numbers/state_layout.h"

namespace skein {
namespace {

constexpr uint64_t kHeaderAlignment = 8;

// A role in a tensor of the output.
struct OutputPart {
  size_t index;  // in ModelFile::tensors()
  StoredPart part;
};

struct OutputTensor {
  std::string name;
  uint32_t dtype = 0;
  std::vector<uint64_t> shape;
  uint64_t offset = 0;  // from the start of the data
  uint64_t size_bytes = 0;
  std::vector<OutputPart> parts;  // empty: the tensor is the initial state of `layer`
  uint32_t layer = 0;
};

const char* SafetensorsType(uint32_t dtype) {
  return dtype == SKEIN_DTYPE_F16 ? "F16" : dtype == SKEIN_DTYPE_BF16 ? "BF16" : "F32";
}

const RoleName* AuthorName(uint32_t role, VersionSet version) {
  const absl::Span<const RoleName> names = BlinkDlScheme().roles;
  const auto found = std::find_if(names.begin(), names.end(), [&](const RoleName& name) {
    return name.role == role && (name.versions & version) != 0;
  });
  return found == names.end() ? nullptr : found;
}

// The tensors of the output in the order of the model, but for their offsets.
absl::StatusOr<std::vector<OutputTensor>> ListTensors(const ModelFile& in, const Manifest& description) {
  const NamingScheme& scheme = BlinkDlScheme();
  const VersionSet version = VersionOf(in.config());
  std::vector<OutputTensor> tensors;
  std::unordered_map<std::string, size_t> by_name;
  for (size_t i = 0; i < in.tensors().size(); ++i) {
    const TensorSpec& spec = in.tensors()[i];
    const uint32_t packed_dtype = description.tensors[i].dtype;
    const uint32_t dtype = FindDtype(packed_dtype)->block_elements == 1 ? packed_dtype : uint32_t{SKEIN_DTYPE_F32};
    const RoleName* name = AuthorName(spec.role, version);
    if (name == nullptr) {
      return absl::InternalError(absl::StrCat("no name of ", scheme.name, " for ", TensorName(spec.role, spec.layer)));
    }
    std::string stored_name = StoredName(scheme, *name, spec.layer);
    const auto [entry, is_new] = by_name.emplace(stored_name, tensors.size());
    if (is_new) {
      OutputTensor& tensor = tensors.emplace_back();
      tensor.name = std::move(stored_name);
      tensor.dtype = dtype;
      tensor.shape.assign(BlinkDlLeadingOnes(spec.role), 1);
      const std::vector<uint64_t> shape = StoredShape(name->part, spec.shape);
      tensor.shape.insert(tensor.shape.end(), shape.begin(), shape.end());
    }
    OutputTensor& tensor = tensors[entry->second];
    if (tensor.dtype != dtype) tensor.dtype = SKEIN_DTYPE_F32;
    tensor.parts.push_back({i, name->part});
  }
  if (in.initial_state().empty()) return tensors;
  if (!IsWkvOnly(in.config(), in.initial_state())) {
    return absl::FailedPreconditionError(
        "the initial state holds more than the matrices of heads, and a .safetensors checkpoint has no place for that");
  }
  for (uint32_t layer = 0; layer < in.config().num_layers; ++layer) {
    OutputTensor& tensor = tensors.emplace_back();
    tensor.name = absl::StrCat(scheme.layers, layer, ".", scheme.state);
    tensor.dtype = SKEIN_DTYPE_F32;
    tensor.shape = {in.config().num_heads, in.config().head_size, in.config().head_size};
    tensor.layer = layer;
  }
  return tensors;
}

absl::StatusOr<nlohmann::ordered_json> MetadataJson(const Manifest& description) {
  const ModelMetadata& metadata = description.metadata;
  const ModelConfig author;  // with the author's epsilons
  nlohmann::ordered_json json = {{"format", "pt"}};
  const bool has_tokenizer = !metadata.tokenizer_kind.empty();
  const struct {
    const char* key;
    bool present;
    std::string value;
  } texts[] = {
      {"skein.name", !metadata.name.empty(), metadata.name},
      {"skein.licence", !metadata.licence.empty(), metadata.licence},
      {"skein.tokenizer.kind", has_tokenizer, metadata.tokenizer_kind},
      {"skein.tokenizer.vocabulary", has_tokenizer, description.vocabulary},
      {"skein.end_token", metadata.end_token.has_value(), absl::StrCat(metadata.end_token.value_or(0))},
      {"skein.trained_length", metadata.trained_length.has_value(), absl::StrCat(metadata.trained_length.value_or(0))},
      {"skein.chat_template", !metadata.chat_template.empty(), metadata.chat_template},
      {"skein.norm_epsilon", description.config.norm_epsilon != author.norm_epsilon,
       nlohmann::json(description.config.norm_epsilon).dump()},
      {"skein.group_norm_epsilon",
       description.config.generation != 4 && description.config.group_norm_epsilon != author.group_norm_epsilon,
       nlohmann::json(description.config.group_norm_epsilon).dump()},
  };
  for (const auto& text : texts) {
    if (!text.present) continue;
    if (!IsUtf8Text(text.value)) {
      return absl::InvalidArgumentError(absl::StrCat(text.key, ": expected UTF-8 text without NUL"));
    }
    json[text.key] = text.value;
  }
  return json;
}

// The header: its length, and its text padded so that the data is aligned.
absl::StatusOr<std::string> Header(const std::vector<OutputTensor>& tensors, const Manifest& description) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();  // as in describe.cc
  SKEIN_ASSIGN_OR_RETURN(json["__metadata__"], MetadataJson(description));
  for (const OutputTensor& tensor : tensors) {
    json[tensor.name] = {{"dtype", SafetensorsType(tensor.dtype)},
                         {"shape", tensor.shape},
                         {"data_offsets", {tensor.offset, tensor.offset + tensor.size_bytes}}};
  }
  std::string text = json.dump();
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  const uint64_t text_bytes = text.size();
  std::string header(sizeof(text_bytes), '\0');
  std::memcpy(header.data(), &text_bytes, sizeof(text_bytes));  // little-endian, as the machine is
  return header + text;
}

// Puts the elements of a role, packed in `from`, at their places in the output tensor `to`.
void Scatter(const StoredPart& part, absl::Span<const uint64_t> shape, size_t element_bytes, const uint8_t* from,
             uint8_t* to) {
  const PartLayout layout = LayoutInPacked(part, shape);
  const uint64_t num_columns = shape.size() == 1 ? 1 : shape[1];
  const uint64_t column_stride = shape.size() == 1 ? 0 : layout.strides[1];
  for (uint64_t row = 0; row < shape[0]; ++row) {
    for (uint64_t column = 0; column < num_columns; ++column, from += element_bytes) {
      const uint64_t place = layout.offset + row * layout.strides[0] + column * column_stride;
      std::memcpy(to + place * element_bytes, from, element_bytes);
    }
  }
}

absl::Status WriteTensor(const ModelFile& in, const OutputTensor& tensor, uint64_t data_offset, OutputFile* file,
                         const ProgressScope& scope) {
  const uint64_t offset = data_offset + tensor.offset;
  if (tensor.parts.empty()) {
    const std::vector<float> state = ExtractWkv(in.config(), tensor.layer, WkvOrder::kValueKey, in.initial_state());
    return file->WriteAt(offset, state.data(), tensor.size_bytes);
  }
  std::vector<uint8_t> buffer;
  std::vector<uint8_t> assembled;
  for (const OutputPart& part : tensor.parts) {
    SKEIN_ASSIGN_OR_RETURN(const ModelFile::TensorData data, in.ReadTensor(part.index, tensor.dtype, buffer));
    scope.Advance(in.tensors()[part.index].size_bytes);
    if (part.part.stored == Stored::kAsRole) return file->WriteAt(offset, data.data, data.size_bytes);
    assembled.resize(tensor.size_bytes);
    Scatter(part.part, in.tensors()[part.index].shape, FindDtype(tensor.dtype)->block_bytes,
            static_cast<const uint8_t*>(data.data), assembled.data());
  }
  return file->WriteAt(offset, assembled.data(), assembled.size());
}

}  // namespace

absl::Status WriteCheckpoint(const ModelFile& in, const Manifest& description, const std::string& path,
                             IfExists if_exists, const ProgressScope& scope) {
  SKEIN_ASSIGN_OR_RETURN(std::vector<OutputTensor> tensors, ListTensors(in, description));
  uint64_t data_bytes = 0;
  for (OutputTensor& tensor : tensors) {
    if (!PackedBytes(*FindDtype(tensor.dtype), tensor.shape, &tensor.size_bytes)) {
      return absl::InternalError(
          absl::StrCat("tensor \"", tensor.name, "\": ", ShapeText(tensor.shape), " has no size"));
    }
    tensor.offset = data_bytes;
    data_bytes += tensor.size_bytes;
  }
  SKEIN_ASSIGN_OR_RETURN(const std::string header, Header(tensors, description));
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file, OutputFile::Create(path, if_exists));
  SKEIN_RETURN_IF_ERROR(file->WriteAt(0, header.data(), header.size()));
  for (const OutputTensor& tensor : tensors) {
    SKEIN_RETURN_IF_ERROR(WriteTensor(in, tensor, header.size(), file.get(), scope));
  }
  return file->Commit();
}

}  // namespace skein
