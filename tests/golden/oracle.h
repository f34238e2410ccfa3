// The results of the reference implementation for the small checkpoints of tests/data, and the tolerances of tests.
#ifndef SKEIN_TESTS_GOLDEN_ORACLE_H_
#define SKEIN_TESTS_GOLDEN_ORACLE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {

constexpr float kTolerance = 3e-4f;
// The first token of RWKV-7 is the most delicate: GroupNorm rescales a vector that may be tiny.
constexpr float kFirstTokenTolerance = 5e-4f;
constexpr float kStateTolerance = 5e-4f;

// A model of tests/data.
struct Oracle {
  const char* name;
  const char* extension;
  int num_layers;

  std::string Path() const { return DataPath(std::string(name) + extension); }
  // A file beside the checkpoint, such as "tokens.json" or "lora.pth".
  std::string Beside(const std::string& suffix) const { return DataPath(std::string(name) + "." + suffix); }
  bool IsRwkv7() const { return name[1] == '7'; }

  friend void PrintTo(const Oracle& oracle, std::ostream* out) { *out << oracle.name; }
};

// All of them; tests/data/README.md says what each is for.
constexpr Oracle kOracles[] = {
    {"v4-odd", ".safetensors", 3}, {"v4-mixed", ".pth", 2},        {"v5.0-n8", ".safetensors", 3},
    {"v5.0-n16", ".pth", 2},       {"v5.1-n16", ".pth", 2},        {"v5.1-column", ".safetensors", 3},
    {"v5.2-mixed", ".pth", 3},     {"v5.2-h1", ".safetensors", 2}, {"v6-odd", ".safetensors", 3},
    {"v6-n32", ".pth", 2},         {"v6-h1", ".pth", 2},           {"v6-state", ".pth", 2},
    {"v7-odd", ".safetensors", 3}, {"v7-n16", ".pth", 2},          {"v7-mixed", ".pth", 4},
};

// The oracle of that name.
inline const Oracle& OracleOf(const std::string& name) {
  return *std::find_if(std::begin(kOracles), std::end(kOracles), [&](const Oracle& o) { return name == o.name; });
}

// The option `device` of a test case: a name, or "split" for layer 0 on one backend and the others on the other.
inline std::string PlacementOf(const Oracle& oracle, const std::string& device) {
  return device == "split" ? "cpu=0-0,reference=1-" + std::to_string(oracle.num_layers - 1) : device;
}

// The largest |a[i] - b[i]|; NaN counts.
inline float MaxDifference(const float* a, const float* b, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) {
    const float difference = std::abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

// Feeds the oracle's tokens to a fresh stream in chunks, and expects the logits of `logits_file`.
inline void ExpectLogits(const Oracle& oracle, skein_model model, skein_stream stream,
                         const std::string& logits_file = "logits.f32", size_t chunk = 48) {
  const std::vector<uint32_t> tokens = ReadTokens(oracle.Beside("tokens.json"));
  const std::vector<float> expected = ReadFloats(oracle.Beside(logits_file));
  const size_t vocab_size = InfoOf(model).vocab_size;
  ASSERT_EQ(tokens.size(), 48u);
  ASSERT_EQ(expected.size(), tokens.size() * vocab_size);
  for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
    const size_t end = std::min(tokens.size(), begin + chunk);
    const std::vector<uint32_t> part(tokens.begin() + static_cast<ptrdiff_t>(begin),
                                     tokens.begin() + static_cast<ptrdiff_t>(end));
    const std::vector<float> logits = AllLogits(model, stream, part);
    for (size_t t = begin; t < end; ++t) {
      EXPECT_LE(MaxDifference(&logits[(t - begin) * vocab_size], &expected[t * vocab_size], vocab_size),
                t == 0 && oracle.IsRwkv7() ? kFirstTokenTolerance : kTolerance)
          << "token " << t;
    }
  }
}

// Expects the state after the oracle's tokens.
inline void ExpectFinalState(const Oracle& oracle, skein_stream stream) {
  const std::vector<float> state = StateOf(stream);
  const std::vector<float> expected = ReadFloats(oracle.Beside("state.f32"));
  ASSERT_EQ(state.size(), expected.size());
  EXPECT_LE(MaxDifference(state.data(), expected.data(), state.size()), kStateTolerance);
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_GOLDEN_ORACLE_H_
