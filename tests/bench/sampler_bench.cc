// Time to draw one token from a row of 65,536 logits.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "sampling/sampler.h"

namespace skein {
namespace {

constexpr size_t kVocabSize = 65536;

// Probabilities that fall with the power `exponent` of the rank, in random order: 1.5 is like a trained model, where 25
// tokens have 85 % of the mass; 0.1 is like an untrained model, where all tokens are nearly alike.
std::vector<float> Logits(double exponent) {
  std::vector<float> logits(kVocabSize);
  for (size_t i = 0; i < kVocabSize; ++i) {
    logits[i] = static_cast<float>(-exponent * std::log(static_cast<double>(i + 1)));
  }
  std::shuffle(logits.begin(), logits.end(), std::mt19937(1));
  return logits;
}

void Run(benchmark::State& state, const SamplingParams& params, double exponent) {
  const std::vector<float> logits = Logits(exponent);
  Sampler sampler(params);
  for (uint32_t token = 0; token < 1000; ++token) sampler.Accept(token * 60);
  SamplingScratch scratch;
  uint64_t position = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sampler.Sample(logits, position++, scratch));
}

SamplingParams Params(double temperature, uint64_t top_k, double top_p) {
  SamplingParams params;
  params.temperature = temperature;
  params.top_k = top_k;
  params.top_p = top_p;
  return params;
}

void BM_SampleGreedy(benchmark::State& state) { Run(state, Params(0, 0, 1), 1.5); }
BENCHMARK(BM_SampleGreedy)->Unit(benchmark::kMicrosecond);

void BM_SampleUnfiltered(benchmark::State& state) { Run(state, Params(1, 0, 1), 1.5); }
BENCHMARK(BM_SampleUnfiltered)->Unit(benchmark::kMicrosecond);

void BM_SampleTopK50(benchmark::State& state) { Run(state, Params(1, 50, 1), 1.5); }
BENCHMARK(BM_SampleTopK50)->Unit(benchmark::kMicrosecond);

void BM_SampleTopP85(benchmark::State& state) { Run(state, Params(1, 0, 0.85), 1.5); }
BENCHMARK(BM_SampleTopP85)->Unit(benchmark::kMicrosecond);

void BM_SampleTopP85Flat(benchmark::State& state) { Run(state, Params(1, 0, 0.85), 0.1); }
BENCHMARK(BM_SampleTopP85Flat)->Unit(benchmark::kMicrosecond);

void BM_SampleTopP85Penalties(benchmark::State& state) {
  SamplingParams params = Params(1, 0, 0.85);
  params.presence_penalty = 0.5;
  params.frequency_penalty = 0.5;
  Run(state, params, 1.5);
}
BENCHMARK(BM_SampleTopP85Penalties)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace skein
