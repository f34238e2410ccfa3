// A complete RWKV-7 checkpoint of a few hundred numbers, as its author's names have it.
#ifndef SKEIN_TESTS_UNIT_MODEL_TINY_MODEL_H_
#define SKEIN_TESTS_UNIT_MODEL_TINY_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/naming/naming.h"
#include "tests/unit/model/fake_format.h"

namespace skein::testing {

// L 2, C 8, F 12, V 5, H 2, N 4, ranks 3, 2, 1, 6: no two widths alike.
ModelConfig TinyConfig();

// Its tensors in BlinkDL's names and shapes, float32. Every value is a different multiple of 1/64, exact in float16 but
// not in bfloat16.
std::vector<FakeTensor> TinyBlinkDl();

// The same model as rwkv.cpp stores it: low-rank factors turned, mix vectors fused.
std::vector<FakeTensor> TinyRwkvCpp();

std::vector<NamedShape> NamesOf(const std::vector<FakeTensor>& tensors);

// The tensor of that name; the test fails if there is none.
FakeTensor& Find(std::vector<FakeTensor>& tensors, const std::string& name);
void Remove(std::vector<FakeTensor>& tensors, const std::string& name);
std::vector<float> Floats(const FakeTensor& tensor);

}  // namespace skein::testing

#endif  // SKEIN_TESTS_UNIT_MODEL_TINY_MODEL_H_
