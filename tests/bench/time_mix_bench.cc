// The recurrences, of RWKV-7 and RWKV-5 or 6 per head of 64, of RWKV-4 per 64 channels: one token as in decoding, with
// states that do or do not fit a cache, and chunks as in prefill.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "onednn/kernels/time_mix.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kHeadSize = 64;

// Rows of `tokens` tokens, and the states of `heads` heads, which take turns.
struct Heads {
  explicit Heads(const benchmark::State& state)
      : num_heads(static_cast<size_t>(state.range(0))),
        num_tokens(static_cast<uint32_t>(state.range(1))),
        in(size_t{num_tokens} * kHeadSize, 0.1f),
        decay(in.size(), 0.9f),
        y(in.size()),
        states(num_heads * kHeadSize * kHeadSize) {}

  template <class Rows>
  void Measure(benchmark::State& state, const Rows& rows, void (*recurrence)(const Rows&, const float*, float*)) {
    size_t head = 0;
    for (auto _ : state) {
      float* wkv = states.data() + head * kHeadSize * kHeadSize;
      recurrence(rows, wkv, wkv);
      head = (head + 1) % num_heads;
    }
    state.SetItemsProcessed(state.iterations() * num_tokens);
  }

  size_t num_heads;
  uint32_t num_tokens;
  std::vector<float> in, decay, y, states;
};

void BM_Wkv7Head(benchmark::State& state) {
  Heads heads(state);
  const Wkv7Rows rows = {.r = heads.in.data(),
                         .w = heads.decay.data(),
                         .k = heads.in.data(),
                         .v = heads.in.data(),
                         .kk = heads.in.data(),
                         .b = heads.in.data(),
                         .y = heads.y.data(),
                         .row_stride = kHeadSize,
                         .num_tokens = heads.num_tokens,
                         .head_size = kHeadSize,
                         .states_pass_caches = false,
                         .ahead = 0};
  heads.Measure(state, rows, TimeMix().wkv7_head);
}
BENCHMARK(BM_Wkv7Head)->ArgNames({"heads", "tokens"})->ArgsProduct({{1, 16384}, {1, 16, 256}});

void BM_Wkv5Head(benchmark::State& state) {
  Heads heads(state);
  const Wkv5Rows rows = {.r = heads.in.data(),
                         .w = heads.decay.data(),
                         .k = heads.in.data(),
                         .v = heads.in.data(),
                         .bonus = heads.in.data(),
                         .y = heads.y.data(),
                         .row_stride = kHeadSize,
                         .w_stride = kHeadSize,
                         .num_tokens = heads.num_tokens,
                         .head_size = kHeadSize,
                         .states_pass_caches = false,
                         .ahead = 0};
  heads.Measure(state, rows, TimeMix().wkv5_head);
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
  for (auto _ : state) TimeMix().wkv4_channels(rows, 0, kChannels, wkv.data(), wkv.data());
  state.SetItemsProcessed(state.iterations() * num_tokens);
}
BENCHMARK(BM_Wkv4Channels)->ArgName("tokens")->ArgsProduct({{1, 16, 256}});

}  // namespace
}  // namespace skein::onednn
