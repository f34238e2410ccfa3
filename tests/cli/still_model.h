// A model whose layers add nothing to the embedding: each token's successor depends on that token alone. A test chooses
// the embedding and the head.
#ifndef SKEIN_TESTS_CLI_STILL_MODEL_H_
#define SKEIN_TESTS_CLI_STILL_MODEL_H_

#include <cstdint>
#include <functional>
#include <string>

namespace skein {

inline constexpr uint32_t kStillModelWidth = 64;  // also the head size: one head

// The element at a row and column of a matrix [vocab_size, kStillModelWidth].
using MatrixElement = std::function<float(uint32_t row, uint32_t column)>;

// An RWKV-7 model of two layers, as the content of a .safetensors file. The head reads the embedding row as follows. A
// row with one 1 arrives with a positive number there and 0 elsewhere. A row of zeros arrives with the same positive
// number in every column.
std::string StillModel(uint32_t vocab_size, const MatrixElement& embedding, const MatrixElement& head);

}  // namespace skein

#endif  // SKEIN_TESTS_CLI_STILL_MODEL_H_
