// The tokens that seeds give, which users keep with their seeds: as they were when the checksums were written, on every
// machine. The logits are made of exact arithmetic, so that no mathematical library has a part in them.
#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <vector>

#include "sampling/sampler.h"

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Mixes the bits of `value`: the finaliser of SplitMix64.
uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

// A random number in [0, 1) with 24 bits.
float Noise(uint64_t token) { return static_cast<float>(Mix(token + 1) >> 40) * 0x1p-24f; }

// The binary logarithm between powers of two by a line.
float RoughLog2(uint64_t value) {
  const int exponent = std::bit_width(value) - 1;
  const auto power = static_cast<float>(uint64_t{1} << exponent);
  return static_cast<float>(exponent) + (static_cast<float>(value) - power) / power;
}

struct Distribution {
  const char* name;
  float (*logit)(uint64_t token);
  // Of the tokens that all parameters draw from a row of 65,536 and from rows of 1 to 1,000.
  uint64_t checksum_of_large_row;
  uint64_t checksum_of_small_rows;
};

// A power law in an order that a multiplication shuffles.
float PowerLaw(uint64_t token, float exponent) { return -exponent * RoughLog2(1 + (token * 40503) % 65536); }

constexpr Distribution kDistributions[] = {
    {"flat", [](uint64_t token) { return Noise(token); }, 0x10DA98891B3352BB, 0xEA9A3A62FA316BB0},
    {"peaked", [](uint64_t token) { return PowerLaw(token, 1.0f); }, 0x5B120C198C3B6811, 0xE451F749A78C7AAB},
    {"broad", [](uint64_t token) { return PowerLaw(token, 0.75f); }, 0x4FAD46E3CCD9CE29, 0xB7BF87DF696F637B},
    {"wide", [](uint64_t token) { return -120.0f * Noise(token); }, 0x6DDBD9254FA69E50, 0x676B47AB9AD72D3D},
    {"equal", [](uint64_t) { return 0.5f; }, 0x4ADA8BC7B3EC5530, 0xB0D09299165F826B},
    {"ties", [](uint64_t token) { return static_cast<float>(Mix(token) % 8) / 4; }, 0x5A8D166434BD532A,
     0x76E5CDA2710FA8F3},
    {"cliff", [](uint64_t token) { return token % 65536 == 77 ? 10.0f : Noise(token) / 1024; }, 0x946303D77FB73D9E,
     0xF45F9859A43D3A41},
    {"banned", [](uint64_t token) { return Mix(token) % 3 != 0 ? -kInfinity : 4 * Noise(token); }, 0x2329269B54F12BC6,
     0x5D915FA4DF239571},
};

std::vector<SamplingParams> AllParams() {
  std::vector<SamplingParams> all;
  const auto add = [&](double temperature, uint64_t top_k, double top_p, double min_p) {
    SamplingParams params;
    params.temperature = temperature;
    params.top_k = top_k;
    params.top_p = top_p;
    params.min_p = min_p;
    params.seed = 0x123456789ABCDEF0 + all.size();
    all.push_back(params);
  };
  add(0, 0, 1, 0);
  add(1, 0, 1, 0);
  add(0.7, 0, 1, 0);
  add(1, 50, 1, 0);
  add(1.3, 20000, 1, 0);
  for (const double top_p : {0.0, 0.1, 0.5, 0.9, 0.99, 0.9999, 0.999999999}) add(1, 0, top_p, 0);
  add(0.8, 0, 0.9, 0);
  add(1, 0, 1, 0.05);
  add(2, 0, 1, 1e-6);
  add(1.2, 300, 0.95, 0.001);
  add(1, 40000, 0.95, 0.0001);
  SamplingParams penalised = all[8];
  penalised.presence_penalty = 0.5;
  penalised.frequency_penalty = 0.25;
  penalised.penalty_decay = 0.99;
  penalised.biases = {{3, -kInfinity}, {77, 2.5f}, {900, -1.0f}};
  all.push_back(penalised);
  return all;
}

// FNV-1a over what is drawn.
class Checksum {
 public:
  void Add(uint32_t token) { value_ = (value_ ^ token) * 0x100000001B3; }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xCBF29CE484222325;
};

void Draw(const Distribution& distribution, size_t vocab_size, int num_draws, SamplingScratch& scratch,
          Checksum& checksum) {
  std::vector<float> logits(vocab_size);
  for (size_t token = 0; token < vocab_size; ++token) logits[token] = distribution.logit(token);
  for (const SamplingParams& params : AllParams()) {
    Sampler sampler(params);
    for (uint64_t position = 0; position < static_cast<uint64_t>(num_draws); ++position) {
      const absl::StatusOr<uint32_t> token = sampler.Sample(logits, position, scratch);
      ASSERT_TRUE(token.ok()) << token.status();
      checksum.Add(*token);
      sampler.Accept(*token);
    }
  }
}

class DrawsTest : public testing::TestWithParam<Distribution> {};

TEST_P(DrawsTest, OfALargeRowAreThoseOfTheSeed) {
  SamplingScratch scratch;
  Checksum checksum;
  Draw(GetParam(), 65536, 40, scratch, checksum);
  EXPECT_EQ(checksum.value(), GetParam().checksum_of_large_row) << std::hex << "0x" << checksum.value();
}

TEST_P(DrawsTest, OfSmallRowsAreThoseOfTheSeed) {
  SamplingScratch scratch;
  Checksum checksum;
  for (const size_t vocab_size : {1000, 2, 63, 64, 65, 777, 1}) {
    Draw(GetParam(), vocab_size, 100, scratch, checksum);
  }
  EXPECT_EQ(checksum.value(), GetParam().checksum_of_small_rows) << std::hex << "0x" << checksum.value();
}

INSTANTIATE_TEST_SUITE_P(Distributions, DrawsTest, testing::ValuesIn(kDistributions),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skein
