#include "files/checkpoint/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "files/checkpoint/foreign_file.h"
#include "files/checkpoint/known_formats.h"
#include "files/checkpoint/source_folder.h"
#include "files/naming/recognise.h"
#include "files/package/package.h"
#include "model/tensor.h"
#include "plugin/message.h"
#include "plugin/table_rules.h"

namespace skein {
namespace {

constexpr uint64_t kMaxTensors = 1 << 20;
constexpr size_t kMaxNameBytes = 4096;
constexpr uint64_t kMaxTexts = 1 << 16;
constexpr uint64_t kMaxTextBytes = 256 << 20;  // a vocabulary has a few MiB
// A tensor may be this many times larger than its file: deflate compresses by at most this factor. The limit is needed
// because a stride of 0 could make a tensor of any size out of a few bytes.
constexpr uint64_t kMaxExpansion = 1032;

// A plugin that is less sure than this knows nothing but the file's name.
constexpr uint32_t kSureByContent = 25;
// And one that is less sure than this has seen a container that other formats share, such as a zip.
constexpr uint32_t kSureOfFormat = 50;

struct Choice {
  const Plugin<skein_format_table>* format = nullptr;  // nullptr: no plugin recognises the file
  uint32_t score = 0;
};

Choice ChooseFormat(absl::Span<const Plugin<skein_format_table>> formats, const skein_source& source) {
  Choice best;
  for (const Plugin<skein_format_table>& format : formats) {
    if (!CheckTable(format.table).ok()) continue;
    const uint32_t score = format.table->probe(&source);
    if (score > best.score) best = {&format, score};
  }
  return best;
}

// `kind` is "" for bytes that no one knows.
absl::Status NotAModel(absl::Span<const Plugin<skein_format_table>> formats, const skein_source& source,
                       const std::string& kind) {
  const absl::string_view first_bytes(reinterpret_cast<const char*>(source.data),
                                      std::min<uint64_t>(8, source.size_bytes));
  return absl::InvalidArgumentError(
      absl::StrCat(source.path, ": not a model file: expected ", KnownFormatsText(formats), "; found ",
                   kind.empty() ? absl::StrCat("a file whose first bytes are ", absl::BytesToHexString(first_bytes),
                                               " (\"", absl::CHexEscape(first_bytes), "\")")
                                : kind));
}

// The same error, and what could have been given instead.
absl::Status WithKnownFormats(const absl::Status& status, absl::Span<const Plugin<skein_format_table>> formats) {
  return absl::Status(status.code(),
                      absl::StrCat(status.message(), "; files that are read: ", KnownFormatsText(formats)));
}

// The bytes from the first element to the end of the last. False: they do not fit.
bool ReachBytes(const DtypeInfo& dtype, const CheckpointTensor& tensor, uint64_t* reach_bytes) {
  if (dtype.block_elements > 1) return PackedBytes(dtype, tensor.shape, reach_bytes);
  uint64_t last = 0;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    uint64_t step;
    if (tensor.shape[i] == 0) {
      *reach_bytes = 0;
      return true;
    }
    if (__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &step) ||
        __builtin_add_overflow(last, step, &last)) {
      return false;
    }
  }
  uint64_t count;
  return !__builtin_add_overflow(last, 1, &count) &&
         !__builtin_mul_overflow(count, uint64_t{dtype.block_bytes}, reach_bytes);
}

}  // namespace

Checkpoint::Checkpoint(const Plugin<skein_format_table>& format, std::unique_ptr<SourceFolder> folder)
    : format_(format), folder_(std::move(folder)) {}

Checkpoint::~Checkpoint() {
  if (handle_ != nullptr) format_.table->close(handle_);
}

absl::StatusOr<std::unique_ptr<Checkpoint>> Checkpoint::Open(absl::Span<const Plugin<skein_format_table>> formats,
                                                             const skein_host& host, std::unique_ptr<File> file) {
  SKEIN_RETURN_IF_ERROR(RefuseStandIn(file->path(), file->bytes()));
  auto folder = std::make_unique<SourceFolder>(std::move(file));
  const skein_source& source = folder->main();
  if (source.size_bytes == 0) return NotAModel(formats, source, "an empty file");
  // Where a package is taken, it is opened as one.
  if (Package::HasMagic({source.data, static_cast<size_t>(source.size_bytes)})) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.path, ": is a .skein package, a whole model; expected a file with an adapter or a state"));
  }
  const Choice choice = ChooseFormat(formats, source);
  const std::string kind =
      choice.score < kSureByContent ? ForeignKind({source.data, static_cast<size_t>(source.size_bytes)}) : "";
  if (choice.format == nullptr) return NotAModel(formats, source, kind);
  const Plugin<skein_format_table>& format = *choice.format;
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint(format, std::move(folder)));
  skein_message message = {};
  const int32_t code = format.table->open(&host, &source, &checkpoint->handle_, &message);
  if (code != SKEIN_OK) {
    checkpoint->handle_ = nullptr;
    if (!kind.empty()) return NotAModel(formats, source, kind);
    const absl::Status refusal = FromPlugin(code, message, format.id);
    return choice.score < kSureOfFormat ? WithKnownFormats(refusal, formats) : refusal;
  }
  if (checkpoint->handle_ == nullptr) {
    return absl::InternalError(
        absl::StrCat(format.id, ": opened ", checkpoint->folder_->path(), " without a checkpoint"));
  }
  SKEIN_RETURN_IF_ERROR(checkpoint->ReadTexts());
  SKEIN_RETURN_IF_ERROR(Annotate(CheckArchitecture(checkpoint->texts()), checkpoint->folder_->path()));
  SKEIN_RETURN_IF_ERROR(checkpoint->ReadDirectory());
  return checkpoint;
}

absl::Status Checkpoint::ReadDirectory() {
  const uint64_t count = format_.table->tensor_count(handle_);
  if (count > kMaxTensors) {
    return absl::DataLossError(
        absl::StrCat(folder_->path(), ": expected at most ", kMaxTensors, " tensors, found ", count));
  }
  for (uint64_t i = 0; i < count; ++i) {
    SKEIN_ASSIGN_OR_RETURN(CheckpointTensor tensor, ReadInfo(i));
    tensors_.push_back(std::move(tensor));
  }
  return absl::OkStatus();
}

absl::Status Checkpoint::Defect(uint64_t index, const std::string& what) const {
  return absl::InternalError(absl::StrCat(format_.id, ": ", folder_->path(), ": tensor ", index, ": ", what));
}

absl::StatusOr<CheckpointTensor> Checkpoint::ReadInfo(uint64_t index) const {
  skein_tensor_info info = {};
  info.struct_size = sizeof(info);
  skein_message message = {};
  const int32_t code = format_.table->tensor_info(handle_, index, &info, &message);
  if (code != SKEIN_OK) return FromPlugin(code, message, format_.id);

  // The plugin has checked all this. It is checked again because everything from here on relies on it to read memory.
  if (info.name == nullptr || strnlen(info.name, kMaxNameBytes) == kMaxNameBytes) {
    return Defect(index, "has no usable name");
  }
  if (info.num_dims > SKEIN_MAX_DIMS) return Defect(index, absl::StrCat("has ", info.num_dims, " dimensions"));
  CheckpointTensor tensor;
  tensor.name = info.name;
  tensor.dtype = info.dtype;
  tensor.shape.assign(info.shape, info.shape + info.num_dims);
  SKEIN_RETURN_IF_ERROR(CheckType(index, tensor));
  SKEIN_RETURN_IF_ERROR(ComputeSize(index, &tensor));
  SKEIN_RETURN_IF_ERROR(Place(index, info, &tensor));
  return tensor;
}

absl::Status Checkpoint::CheckType(uint64_t index, const CheckpointTensor& tensor) const {
  if (tensor.dtype == SKEIN_DTYPE_NONE && SKEIN_HAS(skein_format_table, format_.table, tensor_read)) {
    // Only the container has a name for this type: the plugin's refusal to read the tensor tells it.
    uint8_t nowhere = 0;
    skein_message message = {};
    SKEIN_RETURN_IF_ERROR(
        FromPlugin(format_.table->tensor_read(handle_, index, &nowhere, 0, &message), message, format_.id));
  }
  const DtypeInfo* dtype = FindDtype(tensor.dtype);
  // Types with padded rows (Q8, Q4) occur in packages only.
  if (dtype != nullptr && !dtype->pads_rows) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(folder_->path(), ": tensor \"", tensor.name, "\": element ",
                                               DtypeName(tensor.dtype), " cannot be used as weights"));
}

absl::Status Checkpoint::ComputeSize(uint64_t index, CheckpointTensor* tensor) const {
  const DtypeInfo& dtype = *FindDtype(tensor->dtype);
  if (!PackedBytes(dtype, tensor->shape, &tensor->size_bytes)) {
    return Defect(index,
                  absl::StrCat("\"", tensor->name, "\" ", dtype.name, " ", ShapeText(tensor->shape), " has no size"));
  }
  if (tensor->size_bytes / kMaxExpansion <= folder_->TotalBytes()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(folder_->path(), ": tensor \"", tensor->name, "\": claims ",
                                          tensor->size_bytes, " bytes in a file of ", folder_->TotalBytes()));
}

absl::Status Checkpoint::Place(uint64_t index, const skein_tensor_info& info, CheckpointTensor* tensor) const {
  const DtypeInfo& dtype = *FindDtype(tensor->dtype);
  if (info.data == nullptr || dtype.block_elements > 1) {
    tensor->strides = PackedStrides(tensor->shape);
  } else {
    tensor->strides.assign(info.strides, info.strides + info.num_dims);
  }
  if (info.data == nullptr) {
    if (SKEIN_HAS(skein_format_table, format_.table, tensor_read)) return absl::OkStatus();
    return Defect(index, "has neither data nor a reader");
  }
  uint64_t reach_bytes;
  if (!ReachBytes(dtype, *tensor, &reach_bytes) || !folder_->Contains(info.data, reach_bytes)) {
    return Defect(index, absl::StrCat("\"", tensor->name, "\" reaches outside its file"));
  }
  tensor->data = static_cast<const uint8_t*>(info.data);
  return absl::OkStatus();
}

absl::Status Checkpoint::ReadTexts() {
  if (!SKEIN_HAS(skein_format_table, format_.table, metadata_count) ||
      !SKEIN_HAS(skein_format_table, format_.table, metadata)) {
    return absl::OkStatus();
  }
  const uint64_t count = format_.table->metadata_count(handle_);
  if (count > kMaxTexts) {
    return absl::DataLossError(
        absl::StrCat(folder_->path(), ": expected at most ", kMaxTexts, " entries of metadata, found ", count));
  }
  for (uint64_t i = 0; i < count; ++i) {
    const char* key = nullptr;
    const char* value = nullptr;
    uint64_t value_bytes = 0;
    skein_message message = {};
    const int32_t code = format_.table->metadata(handle_, i, &key, &value, &value_bytes, &message);
    if (code != SKEIN_OK) return FromPlugin(code, message, format_.id);
    if (key == nullptr || strnlen(key, kMaxNameBytes) == kMaxNameBytes || value_bytes > kMaxTextBytes ||
        (value == nullptr && value_bytes > 0)) {
      return absl::InternalError(
          absl::StrCat(format_.id, ": ", folder_->path(), ": metadata ", i, ": has no usable key and value"));
    }
    texts_.push_back({key, absl::string_view(value, value_bytes)});
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Span<const uint8_t>> Checkpoint::OpenSibling(const std::string& name) const {
  SKEIN_ASSIGN_OR_RETURN(const skein_source* source, folder_->OpenSibling(name));
  return absl::Span<const uint8_t>(source->data, source->size_bytes);
}

absl::StatusOr<const uint8_t*> Checkpoint::Look(size_t index, std::vector<uint8_t>& buffer) const {
  const CheckpointTensor& tensor = tensors_[index];
  skein_message message = {};
  int32_t code = SKEIN_OK;
  if (tensor.data == nullptr) {
    buffer.resize(tensor.size_bytes);
    code = format_.table->tensor_read(handle_, index, buffer.data(), buffer.size(), &message);
  } else if (SKEIN_HAS(skein_format_table, format_.table, tensor_check)) {
    code = format_.table->tensor_check(handle_, index, &message);
  }
  SKEIN_RETURN_IF_ERROR(FromPlugin(code, message, format_.id));
  return tensor.data == nullptr ? buffer.data() : tensor.data;
}

}  // namespace skein
