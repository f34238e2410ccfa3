// Which of a library's algorithms is the fastest for a product, as measured on one card with one version of the
// library, and the file that keeps it until the next start. Nothing here knows the library: an algorithm is its 64
// bytes. For matrices of codes, which no library takes, the bytes are a choice of expanded_products.h.
#ifndef SKEIN_BACKENDS_CUDA_ALGORITHM_FILE_H_
#define SKEIN_BACKENDS_CUDA_ALGORITHM_FILE_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace skein::cuda {

// A product as far as its speed depends on it.
struct ProductShape {
  uint32_t weight_type;  // WeightType
  uint32_t num_outputs;
  uint32_t num_inputs;
  uint32_t num_rows;

  bool operator==(const ProductShape&) const = default;
  bool operator<(const ProductShape& other) const {
    return std::tie(weight_type, num_outputs, num_inputs, num_rows) <
           std::tie(other.weight_type, other.num_outputs, other.num_inputs, other.num_rows);
  }
};

using Algorithm = std::array<uint64_t, 8>;
using Algorithms = std::map<ProductShape, Algorithm>;

// The text of the file, and what such a text says. nullopt if it is not, to the last byte, what FormatAlgorithms makes.
std::string FormatAlgorithms(const Algorithms& algorithms);
std::optional<Algorithms> ParseAlgorithms(std::string_view text);

// The file for a card and a version of the library, 0 without one, in skein/ under $XDG_CACHE_HOME or else ~/.cache. ""
// if neither is known. A program that runs with more rights than its caller has no file.
std::string AlgorithmFilePath(std::string_view card, uint64_t library_version);

// The algorithms in the file. None if it is missing or damaged: algorithms that it lacks are measured again.
Algorithms ReadAlgorithmFile(const std::string& path);
// Adds to what the file has. Readers and other writers see it before or after, never between. False if the file could
// not be written, which costs no more than time at the next start.
bool AddToAlgorithmFile(const std::string& path, const Algorithms& algorithms);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_ALGORITHM_FILE_H_
