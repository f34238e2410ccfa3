// The onednn backend's products, each kernel of its table by name: one thread over more panels of weights than any
// cache holds. Every pass over the weights is followed by one that only reads them, which is the ceiling of products
// with few rows. "of_read" is the share of that ceiling that the product reached.
//   matmul_bench --benchmark_filter=vnni
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "host/host_memory.h"
#include "host/weight_arena.h"
#include "onednn/caller_environment.h"
#include "onednn/kernels/prefetch.h"
#include "onednn/matmul.h"
#include "onednn/packed_matrix.h"
#include "onednn/panel_primitives.h"
#include "onednn/prepared_input.h"
#include "tests/conformance/test_host.h"

namespace skein::onednn {
namespace {

constexpr uint64_t kWeightBytes = uint64_t{192} << 20;

// Of the thread's own processor time, so that neighbours on a shared machine count as little as they can.
double Seconds(const auto& function) {
  const auto now = [] {
    timespec time = {};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = now();
  function();
  return now() - start;
}

void BM_MatMul(benchmark::State& state, const MatMulChoice& choice, PanelType panel_type) {
  const auto num_inputs = static_cast<uint32_t>(state.range(0));
  const auto num_rows = static_cast<uint32_t>(state.range(1));
  if (choice.needs > UsableTier()) return state.SkipWithError("not on this processor");
  const CallerEnvironment environment;
  const auto type = choice.form == InputForm::kBf16 ? PanelPrimitives::Type::kBf16 : PanelPrimitives::Type::kF32;
  const uint32_t widths[] = {num_inputs};
  conformance::TestHost host;
  PanelPrimitives primitives(*host.table(), type, widths);
  if (choice.needs_primitives && !primitives.Has(num_inputs)) return state.SkipWithError("oneDNN has no kernel here");

  const uint64_t panel_bytes = PackedMatrix::PanelBytes(panel_type, num_inputs);
  const uint64_t num_panels = kWeightBytes / panel_bytes;
  // In huge pages, as the backend has them.
  kit::WeightArena arena(*host.table(), num_panels * panel_bytes);
  const uint64_t weight_bytes = num_panels * panel_bytes;
  std::byte* weights = arena.Take<std::byte>(weight_bytes);
  std::memset(weights, 0, weight_bytes);
  kit::HostArray<float> x(*host.table(), uint64_t{num_rows} * num_inputs, "x");
  kit::HostArray<float> tile(*host.table(), kMaxTileRows * kPanelWidth, "tile");
  kit::HostArray<float> expanded(*host.table(), RoundUp(num_inputs, 16) * kPanelWidth, "panel");
  // For kernels that leave out zeros: nine of ten, anywhere.
  std::minstd_rand random(1);
  for (uint64_t i = 0; i < x.size(); ++i) x[i] = choice.needs_zeros && random() % 10 != 0 ? 0.0f : 1.0f;
  const uint64_t prepared_bytes = PreparedInput::Bytes(choice.form, panel_type, num_rows, num_inputs);
  kit::HostArray<std::byte> place(*host.table(), prepared_bytes, "inputs");
  const PreparedInput input(choice.form, panel_type, {x.data(), num_rows, num_inputs}, place.data());
  input.Fill(0, input.num_items());

  std::vector<uint32_t> steps(num_inputs + ActiveSteps::kReadAhead);
  const ActiveSteps active = choice.needs_zeros
                                 ? FindActiveSteps(x.data(), num_inputs, num_rows, StepSizeOf(panel_type), steps.data())
                                 : ActiveSteps();
  if (choice.needs_zeros && active.steps == nullptr) return state.SkipWithError("not for so many rows");
  const uint32_t ahead = PrefetchDistance();
  const auto multiply = [&] {
    for (uint64_t index = 0; index < num_panels; ++index) {
      for (uint32_t row = 0; row < num_rows; row += kMaxTileRows) {
        choice.run({.type = panel_type,
                    .panel = weights + index * panel_bytes,
                    .num_inputs = num_inputs,
                    .num_rows = std::min(kMaxTileRows, num_rows - row),
                    .x = x.data() + size_t{row} * num_inputs,
                    .x_bf16 = input.Bf16(row),
                    .x_int8 = input.Int8(row),
                    .active = active,
                    .tile = tile.data(),
                    .expanded = expanded.data(),
                    .ahead = ahead,
                    .primitives = &primitives});
      }
    }
  };
  const auto read = [&] {
    uint64_t sum = 0;
    for (const std::byte* line = weights; line < weights + weight_bytes / 64 * 64; line += 64) {
      PrefetchAhead(line, ahead);
      const auto* words = reinterpret_cast<const uint64_t*>(line);
      sum = std::accumulate(words, words + 64 / sizeof(uint64_t), sum);
    }
    benchmark::DoNotOptimize(sum);
  };
  double multiply_seconds = 0, read_seconds = 0;
  for (auto _ : state) {
    const double seconds = Seconds(multiply);
    state.SetIterationTime(seconds);
    multiply_seconds += seconds;
    read_seconds += Seconds(read);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * weight_bytes));
  state.counters["of_read"] = read_seconds / multiply_seconds;
  const double operations = 2.0 * num_rows * num_inputs * kPanelWidth * static_cast<double>(num_panels);
  state.counters["op/s"] = benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate);
}

const bool kIsRegistered = [] {
  constexpr std::pair<PanelType, const char*> kTypes[] = {{PanelType::kF32, "f32"},
                                                          {PanelType::kF16, "f16"},
                                                          {PanelType::kBf16, "bf16"},
                                                          {PanelType::kQ8, "q8"},
                                                          {PanelType::kQ4, "q4"}};
  for (const MatMulChoice& choice : MatMulChoices()) {
    for (const auto& [type, name] : kTypes) {
      if (!choice.Takes(type)) continue;
      const std::string title = std::string("BM_MatMul/") + choice.name + "/" + name;
      benchmark::RegisterBenchmark(title.c_str(), BM_MatMul, choice, type)
          ->ArgNames({"inputs", "rows"})
          ->ArgsProduct({{1024, 4096}, {1, 2, 4, 8, 16, 31, 32, 63, 64, 128, 256}})
          ->UseManualTime();
    }
  }
  return true;
}();

}  // namespace
}  // namespace skein::onednn
