// The small models that the tests of numbers run over, and the tolerances of those tests. Free of any test framework.
#ifndef SKEIN_TESTS_CONFORMANCE_MODEL_SHAPES_H_
#define SKEIN_TESTS_CONFORMANCE_MODEL_SHAPES_H_

#include <cstdint>
#include <vector>

#include "tests/conformance/synthetic_model.h"

namespace skein::conformance {

// The largest difference of a float32 path from float64. The first token of an empty state is the most delicate: its
// output is one outer product, which the group norm scales up.
constexpr double kTolerance = 3e-4;
constexpr double kFirstTokenTolerance = 5e-4;
// The largest difference of two ways to the same result within one backend.
constexpr double kSameTolerance = 1e-4;

// The shapes of one generation: head sizes from 5 to 64 and one head, odd widths, every matrix type; before RWKV-7 also
// a time-mix that is wider or narrower than the model.
std::vector<SyntheticShape> ShapesOf(uint32_t generation);
std::vector<SyntheticShape> AllShapes();
// One small model per version: two layers, and before RWKV-7 a time-mix of another width than the model. The first
// matrix, the embedding, is float32.
std::vector<SyntheticShape> SmallShapes();

// The largest |found - expected|; infinite if the sizes differ, NaN if one is.
double MaxDifference(const std::vector<float>& found, const std::vector<float>& expected);

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_MODEL_SHAPES_H_
