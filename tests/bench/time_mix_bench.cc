// The recurrences, of RWKV-7 and RWKV-5 or 6 per head of 64, of RWKV-4 per 64 channels: one token as in decoding, with
// states that do or do not fit a cache, and chunks as in prefill.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "onednn/time_mix.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kHeadSize = 64;

void BM_Wkv7Head(benchmark::State& state) {
  const auto num_heads = static_cast<size_t>(state.range(0));
  const auto num_tokens = static_cast<uint32_t>(state.range(1));
  const size_t floats = size_t{num_tokens} * kHeadSize;
  const std::vector<float> in(floats, 0.1f), decay(floats, 0.9f);
  std::vector<float> y(floats);
  std::vector<float> states(num_heads * kHeadSize * kHeadSize);
  const Wkv7Rows head = {.r = in.data(),
                         .w = decay.data(),
                         .k = in.data(),
                         .v = in.data(),
                         .kk = in.data(),
                         .b = in.data(),
                         .y = y.data(),
                         .row_stride = kHeadSize,
                         .num_tokens = num_tokens,
                         .head_size = kHeadSize,
                         .states_pass_caches = false,
                         .ahead = 0};
  size_t index = 0;
  for (auto _ : state) {
    float* wkv = states.data() + index * kHeadSize * kHeadSize;
    Wkv7Head(head, wkv, wkv);
    index = (index + 1) % num_heads;
  }
  state.SetItemsProcessed(state.iterations() * num_tokens);
}
BENCHMARK(BM_Wkv7Head)->ArgNames({"heads", "tokens"})->ArgsProduct({{1, 16384}, {1, 16, 256}});

void BM_Wkv5Head(benchmark::State& state) {
  const auto num_heads = static_cast<size_t>(state.range(0));
  const auto num_tokens = static_cast<uint32_t>(state.range(1));
  const size_t floats = size_t{num_tokens} * kHeadSize;
  const std::vector<float> in(floats, 0.1f), decay(floats, 0.9f);
  std::vector<float> y(floats);
  std::vector<float> states(num_heads * kHeadSize * kHeadSize);
  const Wkv5Rows head = {.r = in.data(),
                         .w = decay.data(),
                         .k = in.data(),
                         .v = in.data(),
                         .bonus = in.data(),
                         .y = y.data(),
                         .row_stride = kHeadSize,
                         .w_stride = kHeadSize,
                         .num_tokens = num_tokens,
                         .head_size = kHeadSize,
                         .states_pass_caches = false,
                         .ahead = 0};
  size_t index = 0;
  for (auto _ : state) {
    float* wkv = states.data() + index * kHeadSize * kHeadSize;
    Wkv5Head(head, wkv, wkv);
    index = (index + 1) % num_heads;
  }
  state.SetItemsProcessed(state.iterations() * num_tokens);
}
BENCHMARK(BM_Wkv5Head)->ArgNames({"heads", "tokens"})->ArgsProduct({{1, 16384}, {1, 16, 256}});

void BM_Wkv4Channels(benchmark::State& state) {
  constexpr size_t kWidth = 1024, kChannels = 64;
  const auto num_tokens = static_cast<uint32_t>(state.range(0));
  const size_t floats = size_t{num_tokens} * kWidth;
  const std::vector<float> in(floats, 0.1f), decay(kWidth, -0.1f);
  std::vector<float> y(floats);
  std::vector<float> wkv(3 * kWidth);
  const Wkv4Rows rows = {.r = in.data(),
                         .k = in.data(),
                         .v = in.data(),
                         .decay = decay.data(),
                         .bonus = in.data(),
                         .y = y.data(),
                         .width = kWidth,
                         .num_tokens = num_tokens};
  for (auto _ : state) Wkv4Channels(rows, 0, kChannels, wkv.data(), wkv.data());
  state.SetItemsProcessed(state.iterations() * num_tokens);
}
BENCHMARK(BM_Wkv4Channels)->ArgName("tokens")->ArgsProduct({{1, 16, 256}});

}  // namespace
}  // namespace skein::onednn
