// Packages. The input is the manifest: read as it is, and again in a package around it whose checksums are right, so
// that what they protect is reached.
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/file.h"
#include "model/manifest.h"
#include "model/package.h"
#include "tests/fuzz/format_fuzzer.h"

namespace {

constexpr size_t kHeaderBytes = 64;
constexpr size_t kDataBytes = 1 << 14;  // enough for the tensors of the seeds

void Put(std::vector<uint8_t>* bytes, size_t at, uint64_t number) {
  std::memcpy(bytes->data() + at, &number, sizeof(number));
}

// The layout is that of sdk/src/model/package.h.
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::StatusOr<skein::Manifest> manifest = skein::ParseManifest(absl::MakeConstSpan(data, size));
  if (manifest.ok()) skein::fuzz::Require(manifest->config.Validate().ok());

  const std::vector<uint8_t> bytes = PackageAround(data, size);
  const int file = memfd_create("package", 0);
  skein::fuzz::Require(file >= 0 && write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  auto opened = skein::File::Open(path, skein::FileAccess::kMap);
  skein::fuzz::Require(opened.ok());
  const auto package = skein::Package::Open(*std::move(opened));
  skein::fuzz::Require(manifest.ok() || !package.ok());
  if (package.ok()) {
    for (size_t i = 0; i < (*package)->manifest().tensors.size(); ++i) {
      // Its checksum may be anything; that it can be read is what counts.
      static_cast<void>((*package)->CheckTensor(i).ok());
    }
  }
  close(file);
  return 0;
}
