// Packages. The input is a manifest. It is read as it is, and again in a package with the right checksums, so that the
// code behind the checksums is reached.
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/file.h"
#include "files/package/manifest.h"
#include "files/package/package.h"
#include "files/package/package_weights.h"
#include "model/model_file.h"
#include "numbers/roles.h"
#include "tests/fuzz/format_fuzzer.h"

namespace {

constexpr size_t kHeaderBytes = 64;
constexpr size_t kDataBytes = 1 << 18;  // enough for the tensors of the seeds, in panels too

void Put(std::vector<uint8_t>* bytes, size_t at, uint64_t number) {
  std::memcpy(bytes->data() + at, &number, sizeof(number));
}

// The layout is that of sdk/src/files/package/package.h.
std::vector<uint8_t> PackageAround(const uint8_t* manifest, size_t size) {
  const size_t data_offset = (kHeaderBytes + size + 63) / 64 * 64;
  std::vector<uint8_t> file(data_offset + kDataBytes);
  std::memcpy(file.data(), "\x89SKEIN\r\n\1\0\0\0\0\0\0\0", 16);
  Put(&file, 16, file.size());
  Put(&file, 24, size);
  Put(&file, 32, XXH3_64bits(manifest, size));
  Put(&file, 40, data_offset);
  Put(&file, 56, XXH3_64bits(file.data(), 56));
  std::memcpy(file.data() + kHeaderBytes, manifest, size);
  return file;
}

skein_host SerialHost() {
  skein_host host = {};
  host.struct_size = sizeof(host);
  host.parallel_for = [](void*, uint64_t count, void (*work)(void*, uint64_t), void* argument) {
    for (uint64_t i = 0; i < count; ++i) work(argument, i);
  };
  return host;
}

// Reads every tensor as a loader does, in rows and in panels. The data may be any bytes, so NaN and infinity may be
// refused.
void ReadEverything(std::unique_ptr<skein::File> file) {
  const skein_host host = SerialHost();
  auto contents = skein::OpenPackage(host, std::move(file));
  if (!contents.ok()) return;  // its initial state holds NaN or infinity
  const skein::ModelFile model(host, *std::move(contents));
  std::vector<uint8_t> buffer;
  for (size_t i = 0; i < model.tensors().size(); ++i) {
    const skein::TensorSpec& spec = model.tensors()[i];
    static_cast<void>(model.ReadTensor(i, SKEIN_DTYPE_F32, buffer).ok());
    if (!skein::RoleTakesLayout(spec.role, SKEIN_LAYOUT_PANELS)) continue;
    const auto panels = model.ReadPanels(i, spec.dtype, buffer);
    skein::fuzz::Require(!panels.ok() || panels->mapped == (spec.layout == SKEIN_LAYOUT_PANELS));
  }
}

absl::StatusOr<std::unique_ptr<skein::File>> Map(int file) {
  return skein::File::Open("/proc/self/fd/" + std::to_string(file), skein::FileAccess::kMap);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::StatusOr<skein::Manifest> manifest = skein::ParseManifest(absl::MakeConstSpan(data, size));
  if (manifest.ok()) skein::fuzz::Require(manifest->config.Validate().ok());

  const std::vector<uint8_t> bytes = PackageAround(data, size);
  const int file = memfd_create("package", 0);
  skein::fuzz::Require(file >= 0 && write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  auto opened = Map(file);
  skein::fuzz::Require(opened.ok());
  const auto package = skein::Package::Open(*std::move(opened));
  skein::fuzz::Require(manifest.ok() || !package.ok());
  if (package.ok()) {
    for (size_t i = 0; i < (*package)->manifest().tensors.size(); ++i) {
      // The checksum may be wrong. The bytes must be readable.
      static_cast<void>((*package)->CheckTensor(i).ok());
    }
    auto again = Map(file);
    skein::fuzz::Require(again.ok());
    ReadEverything(*std::move(again));
  }
  close(file);
  return 0;
}
