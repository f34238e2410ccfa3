// The onednn backend's products, each kernel of its table by name: one thread over as many panels of weights as do not
// fit any cache. Also what reading alone gives, the ceiling of products with few rows.
//   matmul_bench --benchmark_filter=panel
#include <benchmark/benchmark.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "kit/host_memory.h"
#include "onednn/caller_environment.h"
#include "onednn/matmul.h"
#include "onednn/panel_primitives.h"
#include "tests/conformance/test_host.h"

namespace skein::onednn {
namespace {

constexpr uint64_t kWeightBytes = uint64_t{512} << 20;

uint64_t PanelBytes(PanelType type, uint32_t num_inputs) {
  return uint64_t{num_inputs} * kPanelWidth * (type == PanelType::kF32 ? 4 : 2);
}

void BM_Read(benchmark::State& state) {
  const std::vector<uint64_t> memory(kWeightBytes / sizeof(uint64_t), 1);
  for (auto _ : state) benchmark::DoNotOptimize(std::accumulate(memory.begin(), memory.end(), uint64_t{0}));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kWeightBytes));
}
BENCHMARK(BM_Read);

void BM_MatMul(benchmark::State& state, const MatMulChoice& choice, PanelType panel_type) {
  const auto num_inputs = static_cast<uint32_t>(state.range(0));
  const auto num_rows = static_cast<uint32_t>(state.range(1));
  const CallerEnvironment environment;
  const bool is_bf16 = choice.arithmetic == Arithmetic::kBf16;
  const auto type = is_bf16 ? PanelPrimitives::Type::kBf16 : PanelPrimitives::Type::kF32;
  const uint32_t widths[] = {num_inputs};
  conformance::TestHost host;
  PanelPrimitives primitives(*host.table(), type, widths);
  if (choice.needs_primitives && !primitives.Has(num_inputs)) return state.SkipWithError("oneDNN has no kernel here");

  const uint64_t panel_bytes = PanelBytes(panel_type, num_inputs);
  const uint64_t num_panels = kWeightBytes / panel_bytes;
  kit::HostArray<std::byte> weights(*host.table(), num_panels * panel_bytes, "weights");
  kit::HostArray<float> x(*host.table(), kMaxTileRows * uint64_t{num_inputs}, "x");
  kit::HostArray<uint16_t> x_bf16(*host.table(), kMaxTileRows * uint64_t{num_inputs}, "x");
  kit::HostArray<float> tile(*host.table(), kMaxTileRows * kPanelWidth, "tile");
  kit::HostArray<float> expanded(*host.table(), RoundUp(num_inputs, 16) * kPanelWidth, "panel");

  uint64_t index = 0;
  for (auto _ : state) {
    index = (index + 1) % num_panels;
    benchmark::DoNotOptimize(choice.run({.type = panel_type,
                                         .panel = weights.data() + index * panel_bytes,
                                         .num_inputs = num_inputs,
                                         .num_rows = num_rows,
                                         .x = x.data(),
                                         .x_bf16 = x_bf16.data(),
                                         .tile = tile.data(),
                                         .expanded = expanded.data(),
                                         .primitives = &primitives}));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * panel_bytes));
  state.counters["FLOP/s"] =
      benchmark::Counter(2.0 * num_rows * num_inputs * kPanelWidth, benchmark::Counter::kIsIterationInvariantRate);
}

const bool kIsRegistered = [] {
  constexpr std::pair<PanelType, const char*> kTypes[] = {
      {PanelType::kF32, "f32"}, {PanelType::kF16, "f16"}, {PanelType::kBf16, "bf16"}};
  for (const MatMulChoice& choice : MatMulChoices()) {
    for (const auto& [type, name] : kTypes) {
      if ((choice.panel_types >> static_cast<uint32_t>(type) & 1) == 0) continue;
      const std::string title = std::string("BM_MatMul/") + choice.name + "/" + name;
      benchmark::RegisterBenchmark(title.c_str(), BM_MatMul, choice, type)
          ->ArgNames({"inputs", "rows"})
          ->ArgsProduct({{64, 1024, 4096}, {1, 4, 8, 16, 32, 64, 128}});
    }
  }
  return true;
}();

}  // namespace
}  // namespace skein::onednn
