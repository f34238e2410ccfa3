#include "files/convert.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "files/checkpoint/checkpoint_writer.h"
#include "files/package/manifest.h"
#include "files/package/package.h"
#include "model/matrix_type.h"
#include "model/tensor.h"
#include "numbers/roles.h"
#include "skein/base.h"
#include "skein/dtype.h"

namespace skein {
namespace {

// The type of the matrices. NONE: each keeps its own.
absl::StatusOr<uint32_t> ParseType(const std::string& type) {
  if (type == "auto") return uint32_t{SKEIN_DTYPE_NONE};
  for (const uint32_t dtype : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    if (type == DtypeName(dtype)) return dtype;
  }
  return absl::InvalidArgumentError(absl::StrCat("type \"", type, "\"; expected auto, f32, f16, bf16, q8 or q4"));
}

absl::StatusOr<uint32_t> ParseLayout(const std::optional<std::string>& layout) {
  if (!layout) return uint32_t{SKEIN_LAYOUT_PANELS};
  for (const uint32_t known : {SKEIN_LAYOUT_ROWS, SKEIN_LAYOUT_PANELS}) {
    if (*layout == LayoutName(known)) return known;
  }
  return absl::InvalidArgumentError(absl::StrCat("layout \"", *layout, "\"; expected panels or rows"));
}

uint32_t TargetType(const TensorSpec& spec, uint32_t matrix_dtype) {
  return matrix_dtype == SKEIN_DTYPE_NONE ? spec.dtype : TypeInModel(spec.role, spec.shape, matrix_dtype, spec.dtype);
}

// Replaces the metadata of the input by the options that are set.
absl::Status ApplyOptions(const ConvertOptions& options, uint32_t matrix_dtype, Manifest* manifest) {
  ModelMetadata& metadata = manifest->metadata;
  if (options.tokenizer) {
    metadata.tokenizer_kind = options.tokenizer->kind;
    manifest->vocabulary = options.tokenizer->vocabulary;
  }
  if (options.name) metadata.name = *options.name;
  if (options.licence) metadata.licence = *options.licence;
  if (options.provenance) metadata.provenance = *options.provenance;
  if (options.example_prompt) metadata.example_prompt = *options.example_prompt;
  if (options.chat_template) metadata.chat_template = *options.chat_template;
  if (options.type != "auto") {
    metadata.compute_dtype = matrix_dtype == SKEIN_DTYPE_F32 ? uint32_t{SKEIN_DTYPE_NONE} : matrix_dtype;
  }
  if (options.trained_length) metadata.trained_length = *options.trained_length;
  if (!options.end_token) return absl::OkStatus();
  if (*options.end_token >= manifest->config.vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat("end_token ", *options.end_token,
                                                   "; expected an id below the vocabulary's size ",
                                                   manifest->config.vocab_size));
  }
  metadata.end_token = *options.end_token;
  return absl::OkStatus();
}

// The description of the output: dimensions, metadata, vocabulary, and type and layout of every tensor.
absl::StatusOr<Manifest> DescribeOutput(const ModelFile& in, const ConvertOptions& options) {
  SKEIN_ASSIGN_OR_RETURN(const uint32_t matrix_dtype, ParseType(options.type));
  SKEIN_ASSIGN_OR_RETURN(const uint32_t layout, ParseLayout(options.layout));
  Manifest manifest;
  manifest.config = in.config();
  manifest.metadata = in.metadata();
  manifest.creator = absl::StrCat("skein ", SKEIN_VERSION_MAJOR, ".", SKEIN_VERSION_MINOR, ".", SKEIN_VERSION_PATCH);
  manifest.vocabulary.assign(in.vocabulary().begin(), in.vocabulary().end());
  SKEIN_RETURN_IF_ERROR(ApplyOptions(options, matrix_dtype, &manifest));
  for (const TensorSpec& spec : in.tensors()) {
    PackedTensor tensor;
    tensor.role = spec.role;
    tensor.layer = spec.layer;
    tensor.dtype = TargetType(spec, matrix_dtype);
    tensor.layout = RoleTakesLayout(spec.role, layout) ? layout : uint32_t{SKEIN_LAYOUT_ROWS};
    tensor.shape = spec.shape;
    manifest.tensors.push_back(std::move(tensor));
  }
  if (!in.initial_state().empty()) manifest.initial_state.emplace();
  return manifest;
}

// Refuses options that a .safetensors checkpoint cannot follow.
absl::Status CheckCheckpointOptions(const ConvertOptions& options) {
  if (options.type == "q8" || options.type == "q4") {
    return absl::InvalidArgumentError(
        absl::StrCat("type ", options.type, ": a .safetensors checkpoint holds f32, f16 and bf16"));
  }
  if (options.layout.has_value() && *options.layout != LayoutName(SKEIN_LAYOUT_ROWS)) {
    return absl::InvalidArgumentError(absl::StrCat("layout ", *options.layout, ": a .safetensors checkpoint has rows"));
  }
  return absl::OkStatus();
}

absl::Status WritePackage(const ModelFile& in, Manifest manifest, const std::string& path, IfExists if_exists,
                          const ProgressScope& scope) {
  SKEIN_ASSIGN_OR_RETURN(manifest.fingerprint, in.Fingerprint());
  const std::vector<PackedTensor> tensors = manifest.tensors;
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<PackageWriter> writer,
                         PackageWriter::Create(path, std::move(manifest), if_exists));
  std::vector<uint8_t> buffer;
  for (size_t i = 0; i < tensors.size(); ++i) {
    SKEIN_ASSIGN_OR_RETURN(const ModelFile::TensorData data, tensors[i].layout == SKEIN_LAYOUT_PANELS
                                                                 ? in.ReadPanels(i, tensors[i].dtype, buffer)
                                                                 : in.ReadTensor(i, tensors[i].dtype, buffer));
    SKEIN_RETURN_IF_ERROR(writer->WriteTensor({static_cast<const uint8_t*>(data.data), data.size_bytes}));
    scope.Advance(in.tensors()[i].size_bytes);
  }
  if (!in.initial_state().empty()) SKEIN_RETURN_IF_ERROR(writer->WriteInitialState(in.initial_state()));
  return writer->Finish();
}

}  // namespace

absl::Status Convert(const ModelFile& in, const std::string& out_path, const ConvertOptions& options,
                     Progress* progress) {
  uint64_t total_bytes = 0;
  for (const TensorSpec& spec : in.tensors()) total_bytes += spec.size_bytes;
  const ProgressScope scope(progress, "converting", total_bytes);
  SKEIN_ASSIGN_OR_RETURN(Manifest manifest, DescribeOutput(in, options));
  const IfExists if_exists = options.overwrite ? IfExists::kReplace : IfExists::kFail;
  if (!absl::EndsWith(out_path, ".safetensors")) {
    return WritePackage(in, std::move(manifest), out_path, if_exists, scope);
  }
  SKEIN_RETURN_IF_ERROR(CheckCheckpointOptions(options));
  return WriteCheckpoint(in, manifest, out_path, if_exists, scope);
}

}  // namespace skein
