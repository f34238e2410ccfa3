#include "tests/cli/byte_model.h"

#include <cstdint>
#include <cstdio>
#include <vector>

#include "tests/cli/still_model.h"

namespace skein {
namespace {

constexpr uint32_t kVocabSize = 257;  // the end of text, and the bytes

std::string Vocabulary() {
  std::string lines;
  char line[32];
  for (uint32_t byte = 0; byte < 256; ++byte) {
    std::snprintf(line, sizeof(line), "%u b'\\x%02x' 1\n", byte + 1, byte);
    lines += line;
  }
  return lines;
}

ByteModel Write(const TestFolder& folder, const std::string& name, const MatrixElement& head) {
  const std::vector<StillTensor> model = StillModel(
      kVocabSize, [](uint32_t, uint32_t) { return 0.0f; }, head);
  return {folder.Write(name, AsSafetensors(model)), folder.Write("bytes.txt", Vocabulary())};
}

}  // namespace

ByteModel WriteByteModel(const TestFolder& folder, unsigned char byte) {
  const uint32_t token = 1u + byte;
  return Write(folder, "says-one-byte.safetensors",
               [token](uint32_t row, uint32_t) { return row == token ? 4.0f : 0.0f; });
}

ByteModel WriteNoiseModel(const TestFolder& folder) {
  return Write(folder, "says-noise.safetensors", [](uint32_t, uint32_t) { return 0.0f; });
}

}  // namespace skein
