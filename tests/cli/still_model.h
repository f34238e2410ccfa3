// A model whose layers add nothing to the embedding: each token's successor depends on that token alone. A test chooses
// the embedding and the head.
#ifndef SKEIN_TESTS_CLI_STILL_MODEL_H_
#define SKEIN_TESTS_CLI_STILL_MODEL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace skein {

inline constexpr uint32_t kStillModelWidth = 64;  // also the head size: one head

// The element at a row and column of a matrix [vocab_size, kStillModelWidth].
using MatrixElement = std::function<float(uint32_t row, uint32_t column)>;

// A tensor of float32 with the name and shape that the models' author gives it.
struct StillTensor {
  std::string name;
  std::vector<uint32_t> shape;
  std::vector<float> values;
};

// The tensors of an RWKV-7 model of two layers. The head reads the embedding row as follows. A row with one 1 arrives
// with a positive number there and 0 elsewhere. A row of zeros arrives with the same positive number in every column.
std::vector<StillTensor> StillModel(uint32_t vocab_size, const MatrixElement& embedding, const MatrixElement& head);

// The content of a file with these tensors.
std::string AsSafetensors(const std::vector<StillTensor>& tensors);
std::string AsPth(const std::vector<StillTensor>& tensors);
// In llama.cpp's names and shapes. `texts` are entries of its metadata beside the architecture's.
std::string AsGguf(const std::vector<StillTensor>& tensors,
                   const std::vector<std::pair<std::string, std::string>>& texts);

}  // namespace skein

#endif  // SKEIN_TESTS_CLI_STILL_MODEL_H_
