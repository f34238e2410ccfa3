#include "files/package/manifest.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "base/utf8.h"
#include "model/tensor.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"
#include "skein/backend.h"
#include "skein/v1/manifest.pb.h"

namespace skein {
namespace {

// Each number of the manifest is the number of the plugin boundary.
static_assert(static_cast<int>(v1::ROLE_NONE) == SKEIN_ROLE_NONE);
#define ROLE(number, symbol, ...) static_assert(static_cast<int>(v1::ROLE_##symbol) == (number));
#include "numbers/roles.inc"
#undef ROLE
static_assert(static_cast<int>(v1::DTYPE_F32) == SKEIN_DTYPE_F32);
static_assert(static_cast<int>(v1::DTYPE_F16) == SKEIN_DTYPE_F16);
static_assert(static_cast<int>(v1::DTYPE_BF16) == SKEIN_DTYPE_BF16);
static_assert(static_cast<int>(v1::DTYPE_Q8) == SKEIN_DTYPE_Q8);
static_assert(static_cast<int>(v1::DTYPE_Q4) == SKEIN_DTYPE_Q4);
static_assert(static_cast<int>(v1::LAYOUT_ROWS) == SKEIN_LAYOUT_ROWS);
static_assert(static_cast<int>(v1::LAYOUT_PANELS) == SKEIN_LAYOUT_PANELS);

// Stands in `required_features` if a tensor is in panels: a reader that does not know panels would take it for rows.
constexpr char kPanelsFeature[] = "panels";

std::vector<std::string> FeaturesOf(absl::Span<const PackedTensor> tensors) {
  const bool has_panels = std::any_of(tensors.begin(), tensors.end(),
                                      [](const PackedTensor& tensor) { return tensor.layout == SKEIN_LAYOUT_PANELS; });
  return has_panels ? std::vector<std::string>{kPanelsFeature} : std::vector<std::string>();
}

void WriteArchitecture(const ModelConfig& config, v1::Architecture* out) {
  out->set_generation(config.generation);
  out->set_variant(config.variant);
  out->set_num_layers(config.num_layers);
  out->set_d_model(config.d_model);
  out->set_d_att(config.d_att);
  out->set_d_ffn(config.d_ffn);
  out->set_vocab_size(config.vocab_size);
  out->set_num_heads(config.num_heads);
  out->set_head_size(config.head_size);
  out->set_rank_decay(config.rank_decay);
  out->set_rank_iclr(config.rank_iclr);
  out->set_rank_value(config.rank_value);
  out->set_rank_gate(config.rank_gate);
  out->set_norm_epsilon(config.norm_epsilon);
  out->set_group_norm_epsilon(config.group_norm_epsilon);
  out->set_rank_mix(config.rank_mix);
}

ModelConfig ReadArchitecture(const v1::Architecture& in) {
  // An absent field is 0. Validate refuses that where the field is needed.
  ModelConfig config;
  config.generation = in.generation();
  config.variant = in.variant();
  config.num_layers = in.num_layers();
  config.d_model = in.d_model();
  config.d_att = in.d_att();
  config.d_ffn = in.d_ffn();
  config.vocab_size = in.vocab_size();
  config.num_heads = in.num_heads();
  config.head_size = in.head_size();
  config.rank_decay = in.rank_decay();
  config.rank_iclr = in.rank_iclr();
  config.rank_value = in.rank_value();
  config.rank_gate = in.rank_gate();
  config.norm_epsilon = in.norm_epsilon();
  config.group_norm_epsilon = in.group_norm_epsilon();
  config.rank_mix = in.rank_mix();
  return config;
}

void WriteSampling(const SamplingDefaults& sampling, v1::Sampling* out) {
  if (sampling.temperature) out->set_temperature(*sampling.temperature);
  if (sampling.top_k) out->set_top_k(*sampling.top_k);
  if (sampling.top_p) out->set_top_p(*sampling.top_p);
  if (sampling.min_p) out->set_min_p(*sampling.min_p);
  if (sampling.presence_penalty) out->set_presence_penalty(*sampling.presence_penalty);
  if (sampling.frequency_penalty) out->set_frequency_penalty(*sampling.frequency_penalty);
  if (sampling.penalty_decay) out->set_penalty_decay(*sampling.penalty_decay);
}

void WriteTensor(const PackedTensor& tensor, v1::Tensor* out) {
  out->set_role(static_cast<v1::Role>(tensor.role));
  out->set_layer(tensor.layer);
  out->set_dtype(static_cast<v1::Dtype>(tensor.dtype));
  if (tensor.layout != SKEIN_LAYOUT_ROWS) out->set_layout(static_cast<v1::Layout>(tensor.layout));
  for (const uint64_t dim : tensor.shape) out->add_shape(dim);
  out->set_offset(tensor.offset);
  out->set_size_bytes(tensor.size_bytes);
  out->set_checksum(tensor.checksum);
}

// All but the tokenizer.
void WriteMetadata(const ModelMetadata& metadata, v1::Manifest* out) {
  if (!metadata.chat_template.empty()) out->set_chat_template(metadata.chat_template);
  if (metadata.end_token.has_value()) out->set_end_token(*metadata.end_token);
  for (const uint32_t token : metadata.stop_tokens) out->add_stop_tokens(token);
  if (metadata.trained_length.has_value()) out->set_trained_length(*metadata.trained_length);
  if (metadata.compute_dtype != SKEIN_DTYPE_NONE) {
    out->set_compute_type(static_cast<v1::Dtype>(metadata.compute_dtype));
  }
  WriteSampling(metadata.sampling, out->mutable_default_sampling());
  out->set_name(metadata.name);
  out->set_licence(metadata.licence);
  out->set_provenance(metadata.provenance);
  out->set_example_prompt(metadata.example_prompt);
}

absl::StatusOr<SamplingDefaults> ReadSampling(const v1::Sampling& in) {
  SamplingDefaults sampling;
  if (in.has_top_k()) sampling.top_k = in.top_k();
  const struct {
    const char* field;
    bool present;
    double value;
    std::optional<double>* out;
  } numbers[] = {
      {"temperature", in.has_temperature(), in.temperature(), &sampling.temperature},
      {"top_p", in.has_top_p(), in.top_p(), &sampling.top_p},
      {"min_p", in.has_min_p(), in.min_p(), &sampling.min_p},
      {"presence_penalty", in.has_presence_penalty(), in.presence_penalty(), &sampling.presence_penalty},
      {"frequency_penalty", in.has_frequency_penalty(), in.frequency_penalty(), &sampling.frequency_penalty},
      {"penalty_decay", in.has_penalty_decay(), in.penalty_decay(), &sampling.penalty_decay},
  };
  for (const auto& number : numbers) {
    if (!number.present) continue;
    if (!std::isfinite(number.value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("default_sampling.", number.field, " ", number.value, "; expected a finite number"));
    }
    *number.out = number.value;
  }
  return sampling;
}

absl::Status ReadMetadata(const v1::Manifest& in, const ModelConfig& config, ModelMetadata* metadata) {
  const struct {
    const char* field;
    const std::string& value;
    std::string* out;
  } texts[] = {
      {"name", in.name(), &metadata->name},
      {"licence", in.licence(), &metadata->licence},
      {"provenance", in.provenance(), &metadata->provenance},
      {"example_prompt", in.example_prompt(), &metadata->example_prompt},
      {"chat_template", in.chat_template(), &metadata->chat_template},
      {"tokenizer.kind", in.tokenizer().kind(), &metadata->tokenizer_kind},
  };
  for (const auto& text : texts) {
    if (!IsUtf8Text(text.value)) {
      return absl::InvalidArgumentError(absl::StrCat(text.field, ": expected UTF-8 text without NUL"));
    }
    *text.out = text.value;
  }
  if (in.has_end_token()) metadata->end_token = in.end_token();
  metadata->stop_tokens.assign(in.stop_tokens().begin(), in.stop_tokens().end());
  for (size_t i = 0; i <= metadata->stop_tokens.size(); ++i) {
    const bool is_end = i == metadata->stop_tokens.size();
    const uint32_t token = is_end ? metadata->end_token.value_or(0) : metadata->stop_tokens[i];
    if (token >= config.vocab_size) {
      return absl::InvalidArgumentError(absl::StrCat(is_end ? "end_token " : "stop_tokens: ", token,
                                                     "; expected less than vocab_size ", config.vocab_size));
    }
  }
  if (in.has_trained_length()) {
    if (in.trained_length() == 0) return absl::InvalidArgumentError("trained_length 0; expected at least 1");
    metadata->trained_length = in.trained_length();
  }
  metadata->compute_dtype = static_cast<uint32_t>(in.compute_type());
  if (metadata->compute_dtype != SKEIN_DTYPE_NONE && metadata->compute_dtype != SKEIN_DTYPE_F16 &&
      metadata->compute_dtype != SKEIN_DTYPE_BF16 && metadata->compute_dtype != SKEIN_DTYPE_Q8 &&
      metadata->compute_dtype != SKEIN_DTYPE_Q4) {
    return absl::UnimplementedError(
        absl::StrCat("compute_type ", DtypeName(metadata->compute_dtype), "; this version knows f16, bf16, q8 and q4"));
  }
  SKEIN_ASSIGN_OR_RETURN(metadata->sampling, ReadSampling(in.default_sampling()));
  return absl::OkStatus();
}

absl::StatusOr<PackedTensor> ReadTensor(const v1::Tensor& in, const ExpectedTensor& expected,
                                        const ModelConfig& config) {
  const std::string name = TensorName(expected.role->role, expected.layer);
  PackedTensor tensor;
  tensor.role = expected.role->role;
  tensor.layer = expected.layer;
  tensor.dtype = static_cast<uint32_t>(in.dtype());
  const DtypeInfo* dtype = FindDtype(tensor.dtype);
  const bool is_readable = dtype != nullptr && dtype->dtype == dtype->value_dtype;
  if (!is_readable || (dtype->block_elements > 1 && !expected.role->is_matrix)) {
    return absl::UnimplementedError(absl::StrCat("tensor \"", name, "\": element ", DtypeName(tensor.dtype),
                                                 "; this version reads f32, f16, bf16, and in matrices q8 and q4"));
  }
  tensor.shape.assign(in.shape().begin(), in.shape().end());
  const std::vector<uint64_t> shape = RoleShape(*expected.role, config);
  if (tensor.shape != shape) {
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", name, "\": expected ", ShapeText(shape),
                                                   " by the architecture, found ", ShapeText(tensor.shape)));
  }
  tensor.layout = static_cast<uint32_t>(in.layout());
  if (!RoleTakesLayout(tensor.role, tensor.layout)) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor \"", name, "\": found ", LayoutName(tensor.layout),
                     "; expected rows in a tensor that is no matrix or is the embedding"));
  }
  uint64_t size_bytes = 0;
  if (!LayoutBytes(tensor.dtype, tensor.layout, shape, &size_bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", name, "\": ", dtype->name, " ", ShapeText(shape),
                                                   " in ", LayoutName(tensor.layout), " has no size"));
  }
  tensor.offset = in.offset();
  tensor.size_bytes = in.size_bytes();
  tensor.checksum = in.checksum();
  if (tensor.size_bytes != size_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", name, "\": expected ", size_bytes, " bytes for ",
                                                   dtype->name, " ", ShapeText(shape), " in ",
                                                   LayoutName(tensor.layout), ", found ", tensor.size_bytes));
  }
  if (in.shard() != 0) {
    return absl::UnimplementedError(absl::StrCat("tensor \"", name, "\": lies in a shard file; not supported yet"));
  }
  return tensor;
}

// Reads every tensor of the config, each once, in the config's order.
absl::Status ReadTensors(const v1::Manifest& in, const ModelConfig& config, std::vector<PackedTensor>* tensors) {
  std::map<std::pair<uint32_t, uint32_t>, const v1::Tensor*> by_role;
  for (int i = 0; i < in.tensors_size(); ++i) {
    const v1::Tensor& tensor = in.tensors(i);
    const uint32_t role = static_cast<uint32_t>(tensor.role());
    if (FindRole(role) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", i, ": expected a role of a model, found role ", role));
    }
    if (!by_role.emplace(std::make_pair(role, tensor.layer()), &tensor).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor \"", TensorName(role, tensor.layer()), "\" is there twice"));
    }
  }
  for (const ExpectedTensor& expected : ExpectedTensors(config)) {
    const auto found = by_role.find({expected.role->role, expected.layer});
    if (found == by_role.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor \"", TensorName(expected.role->role, expected.layer), "\" is missing"));
    }
    SKEIN_ASSIGN_OR_RETURN(PackedTensor tensor, ReadTensor(*found->second, expected, config));
    tensors->push_back(std::move(tensor));
    by_role.erase(found);
  }
  if (by_role.empty()) return absl::OkStatus();
  const auto& [role, layer] = by_role.begin()->first;
  return absl::InvalidArgumentError(absl::StrCat("tensor \"", TensorName(role, layer), "\" (role ", role, "): an ",
                                                 config.VersionName(), " model of ", config.num_layers,
                                                 " layers has no such tensor"));
}

absl::StatusOr<PackedState> ReadInitialState(const v1::InitialState& in, const ModelConfig& config) {
  const uint64_t size_bytes = StateFloats(config) * sizeof(float);
  if (in.size_bytes() != size_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("initial_state: expected ", size_bytes, " bytes by the architecture, found ", in.size_bytes()));
  }
  return PackedState{in.offset(), in.size_bytes(), in.checksum()};
}

bool IsFingerprint(const std::string& text) {
  return text.size() == 32 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

absl::StatusOr<Manifest> ReadManifest(const v1::Manifest& in) {
  for (const std::string& feature : in.required_features()) {
    if (feature == kPanelsFeature) continue;
    return absl::UnimplementedError(
        absl::StrCat("needs the feature \"", EscapeText(feature), "\", which this version does not have"));
  }
  Manifest manifest;
  if (!in.has_architecture()) return absl::DataLossError("architecture is missing");
  manifest.config = ReadArchitecture(in.architecture());
  SKEIN_RETURN_IF_ERROR(manifest.config.Validate());
  SKEIN_RETURN_IF_ERROR(ReadMetadata(in, manifest.config, &manifest.metadata));
  SKEIN_RETURN_IF_ERROR(ReadTensors(in, manifest.config, &manifest.tensors));
  const std::vector<std::string> features = FeaturesOf(manifest.tensors);
  if (!std::equal(features.begin(), features.end(), in.required_features().begin(), in.required_features().end())) {
    return absl::InvalidArgumentError(absl::StrCat("required_features: expected [", absl::StrJoin(features, ", "),
                                                   "] by the layouts of the tensors, found [",
                                                   absl::StrJoin(in.required_features(), ", "), "]"));
  }
  if (in.has_initial_state()) {
    SKEIN_ASSIGN_OR_RETURN(manifest.initial_state, ReadInitialState(in.initial_state(), manifest.config));
  }
  if (!IsFingerprint(in.source_fingerprint())) {
    return absl::InvalidArgumentError("source_fingerprint: expected 32 lower-case hex digits");
  }
  manifest.fingerprint = in.source_fingerprint();
  manifest.vocabulary = in.tokenizer().vocabulary();
  manifest.creator = EscapeText(in.creator());
  return manifest;
}

}  // namespace

std::string SerializeManifest(const Manifest& manifest) {
  v1::Manifest out;
  for (const std::string& feature : FeaturesOf(manifest.tensors)) out.add_required_features(feature);
  out.set_creator(manifest.creator);
  WriteArchitecture(manifest.config, out.mutable_architecture());
  for (const PackedTensor& tensor : manifest.tensors) WriteTensor(tensor, out.add_tensors());
  out.set_source_fingerprint(manifest.fingerprint);
  if (!manifest.metadata.tokenizer_kind.empty()) {
    out.mutable_tokenizer()->set_kind(manifest.metadata.tokenizer_kind);
    out.mutable_tokenizer()->set_vocabulary(manifest.vocabulary);
  }
  if (manifest.initial_state.has_value()) {
    out.mutable_initial_state()->set_offset(manifest.initial_state->offset);
    out.mutable_initial_state()->set_size_bytes(manifest.initial_state->size_bytes);
    out.mutable_initial_state()->set_checksum(manifest.initial_state->checksum);
  }
  WriteMetadata(manifest.metadata, &out);
  return out.SerializeAsString();
}

absl::StatusOr<Manifest> ParseManifest(absl::Span<const uint8_t> bytes) {
  v1::Manifest in;
  if (bytes.size() > INT_MAX || !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("manifest: not a serialised skein.v1.Manifest");
  }
  absl::StatusOr<Manifest> manifest = ReadManifest(in);
  if (!manifest.ok()) return Annotate(manifest.status(), "manifest");
  return manifest;
}

}  // namespace skein
