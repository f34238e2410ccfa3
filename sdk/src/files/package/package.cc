#include "files/package/package.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/status.h"
#include "model/tensor.h"
#include "numbers/finite.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"

namespace skein {
namespace {

constexpr uint8_t kMagic[8] = {0x89, 'S', 'K', 'E', 'I', 'N', '\r', '\n'};
constexpr uint32_t kFormatVersion = 1;
constexpr uint64_t kAlignment = 64;
// The largest vocabularies have a few MiB. A parser may need about fifty times this in memory.
constexpr uint64_t kMaxManifestBytes = 16 << 20;

// As it lies in the file.
struct Header {
  uint8_t magic[8];
  uint32_t format_version;
  uint32_t reserved0;
  uint64_t file_bytes;
  uint64_t manifest_bytes;
  uint64_t manifest_checksum;
  uint64_t data_offset;
  uint64_t reserved1;
  uint64_t header_checksum;
};
static_assert(sizeof(Header) == 64);
static_assert(offsetof(Header, header_checksum) == 56);

constexpr uint64_t AlignUp(uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

bool AllZero(absl::Span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

absl::Status CheckHeader(const Header& header, uint64_t actual_bytes) {
  if (header.header_checksum != Checksum(&header, offsetof(Header, header_checksum))) {
    return absl::DataLossError("header: checksum differs");
  }
  if (header.format_version != kFormatVersion) {
    return absl::UnimplementedError(
        absl::StrCat("header: format version ", header.format_version, "; this version reads ", kFormatVersion));
  }
  if (header.file_bytes != actual_bytes) {
    return absl::DataLossError(
        absl::StrCat("header: expected a file of ", header.file_bytes, " bytes, found ", actual_bytes));
  }
  if (header.manifest_bytes > kMaxManifestBytes || header.manifest_bytes > actual_bytes - sizeof(Header)) {
    return absl::DataLossError(absl::StrCat("header: manifest of ", header.manifest_bytes, " bytes; expected at most ",
                                            std::min(kMaxManifestBytes, actual_bytes - sizeof(Header))));
  }
  const uint64_t data_offset = AlignUp(sizeof(Header) + header.manifest_bytes);
  if (header.data_offset != data_offset || data_offset > actual_bytes) {
    return absl::DataLossError(absl::StrCat("header: data at ", header.data_offset, "; expected ", data_offset,
                                            " in a file of ", actual_bytes, " bytes"));
  }
  if (header.reserved0 != 0 || header.reserved1 != 0) return absl::DataLossError("header: reserved bytes are not zero");
  return absl::OkStatus();
}

// A piece of the data, with its name for messages.
struct Piece {
  std::string name;
  uint64_t offset;
  uint64_t size_bytes;
};

std::string PieceName(const PackedTensor& tensor) {
  return absl::StrCat("tensor \"", TensorName(tensor.role, tensor.layer), "\"");
}

constexpr const char* kStateName = "initial_state";

// Checks that every piece is aligned, lies between the start of the data and the end of the file, and overlaps no
// other.
absl::Status CheckOffsets(const Manifest& manifest, uint64_t data_offset, uint64_t file_bytes) {
  std::vector<Piece> pieces;
  for (const PackedTensor& tensor : manifest.tensors) {
    pieces.push_back({PieceName(tensor), tensor.offset, tensor.size_bytes});
  }
  if (manifest.initial_state) {
    pieces.push_back({kStateName, manifest.initial_state->offset, manifest.initial_state->size_bytes});
  }
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.offset < b.offset; });
  uint64_t end = data_offset;
  std::string previous = "the manifest";
  for (const Piece& piece : pieces) {
    if (piece.offset % kAlignment != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("manifest: ", piece.name, ": offset ", piece.offset, "; expected a multiple of ", kAlignment));
    }
    if (piece.offset < end) {
      return absl::InvalidArgumentError(absl::StrCat("manifest: ", piece.name, ": offset ", piece.offset,
                                                     "; expected at least ", end, ", the end of ", previous));
    }
    if (piece.offset > file_bytes || piece.size_bytes > file_bytes - piece.offset) {
      return absl::InvalidArgumentError(absl::StrCat("manifest: ", piece.name, ": bytes ", piece.offset, " + ",
                                                     piece.size_bytes, "; the file ends at ", file_bytes));
    }
    end = piece.offset + piece.size_bytes;
    previous = piece.name;
  }
  return absl::OkStatus();
}

absl::StatusOr<Manifest> ReadChecked(absl::Span<const uint8_t> bytes) {
  if (bytes.size() < sizeof(Header)) {
    return absl::DataLossError(
        absl::StrCat("expected a header of ", sizeof(Header), " bytes, found a file of ", bytes.size()));
  }
  if (!Package::HasMagic(bytes)) return absl::DataLossError("header: expected the magic of a .skein package");
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  SKEIN_RETURN_IF_ERROR(CheckHeader(header, bytes.size()));
  const absl::Span<const uint8_t> manifest_bytes = bytes.subspan(sizeof(Header), header.manifest_bytes);
  if (Checksum(manifest_bytes.data(), manifest_bytes.size()) != header.manifest_checksum) {
    return absl::DataLossError("manifest: checksum differs");
  }
  const uint64_t manifest_end = sizeof(Header) + header.manifest_bytes;
  if (!AllZero(bytes.subspan(manifest_end, header.data_offset - manifest_end))) {
    return absl::DataLossError("manifest: the bytes behind it are not zero");
  }
  SKEIN_ASSIGN_OR_RETURN(Manifest manifest, ParseManifest(manifest_bytes));
  SKEIN_RETURN_IF_ERROR(CheckOffsets(manifest, header.data_offset, header.file_bytes));
  return manifest;
}

}  // namespace

bool Package::HasMagic(absl::Span<const uint8_t> bytes) {
  return bytes.size() >= sizeof(kMagic) && std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) == 0;
}

absl::StatusOr<std::unique_ptr<Package>> Package::Open(std::unique_ptr<File> file) {
  absl::StatusOr<Manifest> manifest = ReadChecked(file->bytes());
  if (!manifest.ok()) return Annotate(manifest.status(), file->path());
  return std::unique_ptr<Package>(new Package(std::move(file), *std::move(manifest)));
}

absl::Span<const uint8_t> Package::TensorBytes(size_t index) const {
  const PackedTensor& tensor = manifest_.tensors[index];
  return file_->bytes().subspan(tensor.offset, tensor.size_bytes);
}

absl::Status Package::CheckData(const std::string& what, uint64_t offset, uint64_t size_bytes,
                                uint64_t checksum) const {
  const auto damaged = [&](const char* how) {
    return absl::DataLossError(
        absl::StrCat(file_->path(), ": ", what, " at bytes ", offset, " + ", size_bytes, ": ", how));
  };
  if (Checksum(file_->bytes().data() + offset, size_bytes) != checksum) return damaged("checksum differs");
  const uint64_t end = offset + size_bytes;
  const uint64_t padded_end = std::min<uint64_t>(AlignUp(end), file_->bytes().size());
  if (!AllZero(file_->bytes().subspan(end, padded_end - end))) return damaged("the bytes behind it are not zero");
  return absl::OkStatus();
}

absl::Status Package::CheckTensor(size_t index) const {
  const PackedTensor& tensor = manifest_.tensors[index];
  return CheckData(PieceName(tensor), tensor.offset, tensor.size_bytes, tensor.checksum);
}

absl::StatusOr<std::vector<float>> Package::ReadInitialState() const {
  std::vector<float> values;
  if (!manifest_.initial_state) return values;
  const PackedState& state = *manifest_.initial_state;
  SKEIN_RETURN_IF_ERROR(CheckData(kStateName, state.offset, state.size_bytes, state.checksum));
  values.resize(state.size_bytes / sizeof(float));
  std::memcpy(values.data(), file_->bytes().data() + state.offset, state.size_bytes);
  if (!AllFinite(values)) {
    return absl::DataLossError(absl::StrCat(file_->path(), ": ", kStateName, ": a value is not finite"));
  }
  return values;
}

PackageWriter::PackageWriter(std::unique_ptr<OutputFile> file, Manifest manifest, uint64_t manifest_bytes,
                             uint64_t file_bytes)
    : file_(std::move(file)),
      manifest_bytes_(manifest_bytes),
      file_bytes_(file_bytes),
      manifest_(std::move(manifest)) {}

absl::StatusOr<std::unique_ptr<PackageWriter>> PackageWriter::Create(const std::string& path, Manifest manifest,
                                                                     IfExists if_exists) {
  for (PackedTensor& tensor : manifest.tensors) {
    if (!LayoutBytes(tensor.dtype, tensor.layout, tensor.shape, &tensor.size_bytes)) {
      return absl::InvalidArgumentError(absl::StrCat("tensor \"", TensorName(tensor.role, tensor.layer),
                                                     "\": ", DtypeName(tensor.dtype), " ", ShapeText(tensor.shape),
                                                     " in ", LayoutName(tensor.layout), " cannot be stored"));
    }
  }
  if (manifest.initial_state) manifest.initial_state->size_bytes = StateFloats(manifest.config) * sizeof(float);
  const std::string serialized = SerializeManifest(manifest);
  if (serialized.size() > kMaxManifestBytes) {
    return absl::InvalidArgumentError(absl::StrCat("manifest of ", serialized.size(), " bytes (vocabulary ",
                                                   manifest.vocabulary.size(), "); expected at most ",
                                                   kMaxManifestBytes));
  }
  // A manifest that readers would refuse is refused before anything is written.
  const absl::StatusOr<Manifest> read_back =
      ParseManifest({reinterpret_cast<const uint8_t*>(serialized.data()), serialized.size()});
  if (!read_back.ok()) return read_back.status();

  uint64_t offset = AlignUp(sizeof(Header) + serialized.size());
  for (PackedTensor& tensor : manifest.tensors) {
    tensor.offset = offset;
    offset = AlignUp(offset + tensor.size_bytes);
  }
  if (manifest.initial_state) {
    manifest.initial_state->offset = offset;
    offset = AlignUp(offset + manifest.initial_state->size_bytes);
  }
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<OutputFile> file, OutputFile::Create(path, if_exists));
  return std::unique_ptr<PackageWriter>(
      new PackageWriter(std::move(file), std::move(manifest), serialized.size(), offset));
}

absl::Status PackageWriter::WriteTensor(absl::Span<const uint8_t> bytes) {
  if (next_tensor_ == manifest_.tensors.size()) return absl::FailedPreconditionError("every tensor is written");
  PackedTensor& tensor = manifest_.tensors[next_tensor_];
  if (bytes.size() != tensor.size_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", TensorName(tensor.role, tensor.layer), "\": expected ",
                                                   tensor.size_bytes, " bytes, found ", bytes.size()));
  }
  SKEIN_RETURN_IF_ERROR(file_->WriteAt(tensor.offset, bytes.data(), bytes.size()));
  tensor.checksum = Checksum(bytes.data(), bytes.size());
  ++next_tensor_;
  return absl::OkStatus();
}

absl::Status PackageWriter::WriteInitialState(absl::Span<const float> state) {
  const uint64_t size_bytes = state.size() * sizeof(float);
  if (!manifest_.initial_state || size_bytes != manifest_.initial_state->size_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(kStateName, ": expected ",
                                                   manifest_.initial_state ? manifest_.initial_state->size_bytes : 0,
                                                   " bytes, found ", size_bytes));
  }
  SKEIN_RETURN_IF_ERROR(file_->WriteAt(manifest_.initial_state->offset, state.data(), size_bytes));
  manifest_.initial_state->checksum = Checksum(state.data(), size_bytes);
  has_state_ = true;
  return absl::OkStatus();
}

absl::Status PackageWriter::Finish() {
  if (next_tensor_ != manifest_.tensors.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat("expected ", manifest_.tensors.size(), " tensors, found ", next_tensor_));
  }
  if (manifest_.initial_state && !has_state_) {
    return absl::FailedPreconditionError(absl::StrCat(kStateName, ": is not written"));
  }
  const std::string serialized = SerializeManifest(manifest_);
  if (serialized.size() != manifest_bytes_) {
    return absl::InternalError(
        absl::StrCat("manifest: expected ", manifest_bytes_, " bytes, found ", serialized.size()));
  }
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.format_version = kFormatVersion;
  header.file_bytes = file_bytes_;
  header.manifest_bytes = manifest_bytes_;
  header.manifest_checksum = Checksum(serialized.data(), serialized.size());
  header.data_offset = AlignUp(sizeof(Header) + manifest_bytes_);
  header.header_checksum = Checksum(&header, offsetof(Header, header_checksum));
  SKEIN_RETURN_IF_ERROR(file_->SetSize(file_bytes_));
  SKEIN_RETURN_IF_ERROR(file_->WriteAt(0, &header, sizeof(header)));
  SKEIN_RETURN_IF_ERROR(file_->WriteAt(sizeof(header), serialized.data(), serialized.size()));
  return file_->Commit();
}

}  // namespace skein
