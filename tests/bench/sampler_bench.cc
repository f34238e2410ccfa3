// Time to draw one token from a row of 65,536 logits: Sample/DISTRIBUTION/PARAMETERS.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "sampling/sampler.h"

namespace skein {
namespace {

constexpr size_t kVocabSize = 65536;

struct Distribution {
  const char* name;
  float (*logit)(size_t rank);
};

float PowerOfRank(double exponent, size_t rank) {
  return static_cast<float>(-exponent * std::log(static_cast<double>(rank + 1)));
}

constexpr Distribution kDistributions[] = {
    // Like a trained model: 25 tokens have 85 % of the mass.
    {"peaked", [](size_t rank) { return PowerOfRank(1.5, rank); }},
    // Like a trained model that is unsure: 0.9 of the mass is in 20,000 tokens.
    {"broad", [](size_t rank) { return PowerOfRank(1.0, rank); }},
    // Like an untrained model, where all tokens are nearly alike.
    {"flat", [](size_t rank) { return PowerOfRank(0.1, rank); }},
    {"equal", [](size_t) { return 1.0f; }},
    // One token has a fifth of the mass, and the others are nearly alike, far below it.
    {"cliff", [](size_t rank) { return rank == 0 ? 10.0f : PowerOfRank(0.01, rank); }},
    // Eight values, each of many tokens.
    {"ties", [](size_t rank) { return static_cast<float>(rank % 8) / 4; }},
    // Half of the tokens are equal, and half are spread out below them.
    {"half_equal", [](size_t rank) { return std::min(0.0f, 1.0f - static_cast<float>(rank) / 32768.0f); }},
    // Two of three tokens are banned.
    {"banned",
     [](size_t rank) {
       return rank % 3 != 0 ? -std::numeric_limits<float>::infinity() : -static_cast<float>(rank) / 16384.0f;
     }},
};

struct Parameters {
  const char* name;
  void (*set)(SamplingParams& params);
};

constexpr Parameters kParameters[] = {
    {"greedy", [](SamplingParams& params) { params.temperature = 0; }},
    {"unfiltered", [](SamplingParams&) {}},
    {"temperature", [](SamplingParams& params) { params.temperature = 0.8; }},
    {"top_k_50", [](SamplingParams& params) { params.top_k = 50; }},
    {"top_k_20000", [](SamplingParams& params) { params.top_k = 20000; }},
    {"top_p_0.5", [](SamplingParams& params) { params.top_p = 0.5; }},
    {"top_p_0.9", [](SamplingParams& params) { params.top_p = 0.9; }},
    {"top_p_0.99", [](SamplingParams& params) { params.top_p = 0.99; }},
    {"min_p_0.05", [](SamplingParams& params) { params.min_p = 0.05; }},
    {"top_p_0.9_temperature",
     [](SamplingParams& params) {
       params.top_p = 0.9;
       params.temperature = 0.8;
     }},
    {"all_filters",
     [](SamplingParams& params) {
       params.top_k = 40000;
       params.top_p = 0.95;
       params.min_p = 0.001;
       params.temperature = 1.2;
     }},
    {"all_filters_top_p_0.5",
     [](SamplingParams& params) {
       params.top_k = 40000;
       params.top_p = 0.5;
       params.min_p = 0.001;
       params.temperature = 1.2;
     }},
    {"top_p_0.9_penalties",
     [](SamplingParams& params) {
       params.top_p = 0.9;
       params.presence_penalty = 0.5;
       params.frequency_penalty = 0.5;
     }},
};

// The logits of the ranks, in random order.
std::vector<float> Logits(const Distribution& distribution) {
  std::vector<float> logits(kVocabSize);
  for (size_t rank = 0; rank < kVocabSize; ++rank) logits[rank] = distribution.logit(rank);
  std::shuffle(logits.begin(), logits.end(), std::mt19937(1));
  return logits;
}

void Run(benchmark::State& state, const Distribution& distribution, const Parameters& parameters) {
  const std::vector<float> logits = Logits(distribution);
  SamplingParams params;
  parameters.set(params);
  Sampler sampler(params);
  for (uint32_t token = 0; token < 1000; ++token) sampler.Accept(token * 60);
  SamplingScratch scratch;
  uint64_t position = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sampler.Sample(logits, position++, scratch));
}

const bool kRegistered = [] {
  for (const Distribution& distribution : kDistributions) {
    for (const Parameters& parameters : kParameters) {
      const std::string name = std::string("Sample/") + distribution.name + "/" + parameters.name;
      benchmark::RegisterBenchmark(name.c_str(), [&](benchmark::State& state) {
        Run(state, distribution, parameters);
      })->Unit(benchmark::kMicrosecond);
    }
  }
  return true;
}();

}  // namespace
}  // namespace skein
