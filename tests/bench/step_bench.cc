// Whole steps of the onednn backend on models of published shapes with made-up weights: one token per stream (decode)
// and many (prefill). "weights" is the rate at which the weights were read; compare it with BM_Read of matmul_bench,
// times the threads.
//   step_bench --benchmark_filter=decode
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/host_segment.h"
#include "onednn/segment_runner.h"
#include "tests/conformance/test_host.h"

namespace skein::onednn {
namespace {

struct Shape {
  const char* name;
  uint32_t generation, variant, num_layers, d_model, d_ffn, rank_mix, rank_decay, rank_iclr, rank_value, rank_gate;
};
constexpr Shape kShapes[] = {
    {"0.1B", 7, 0, 12, 768, 3072, 0, 64, 64, 32, 128},  {"0.4B", 7, 0, 24, 1024, 4096, 0, 64, 64, 32, 128},
    {"1.5B", 7, 0, 24, 2048, 8192, 0, 96, 96, 64, 256}, {"v4-0.2B", 4, 0, 12, 768, 3072, 0, 0, 0, 0, 0},
    {"v5.2-0.5B", 5, 2, 24, 1024, 3584, 0, 0, 0, 0, 0}, {"v6-0.5B", 6, 0, 24, 1024, 3584, 32, 64, 0, 0, 0},
};

// The types of a segment, and its flags beside those of its ends.
struct Types {
  const char* name;
  uint32_t weight, compute, flags;
};

skein_segment_desc Describe(const Shape& shape, const Types& types) {
  skein_segment_desc desc = {};
  desc.flags = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD | types.flags;
  desc.num_layers = shape.num_layers;
  desc.num_slots = 64;
  desc.max_tokens = 512;
  desc.max_entries = 64;
  desc.compute_type = types.compute;
  desc.weight_type = types.weight;
  desc.model = {.struct_size = sizeof(skein_backend_model),
                .generation = shape.generation,
                .variant = shape.variant,
                .num_layers = shape.num_layers,
                .d_model = shape.d_model,
                .d_att = shape.d_model,
                .d_ffn = shape.d_ffn,
                .vocab_size = 65536,
                .num_heads = shape.generation == 4 ? 0 : shape.d_model / 64,
                .head_size = shape.generation == 4 ? 0u : 64u,
                .rank_decay = shape.rank_decay,
                .rank_iclr = shape.rank_iclr,
                .rank_value = shape.rank_value,
                .rank_gate = shape.rank_gate,
                .norm_epsilon = 1e-5f,
                .group_norm_epsilon = 64e-5f,
                .rank_mix = shape.rank_mix};
  return desc;
}

// The type in which a matrix of a model in `weight_type` is put. In a quantised model the low-rank factors stay in
// bf16.
uint32_t TypeOf(const kit::ExpectedTensor& tensor, uint32_t weight_type, uint32_t d_model) {
  if (tensor.use == kit::Use::kVector) return SKEIN_DTYPE_F32;
  const bool is_large = std::min(tensor.shape[0], tensor.shape[1]) >= d_model;
  return skein::IsQuantised(weight_type) && !is_large ? uint32_t{SKEIN_DTYPE_BF16} : weight_type;
}

// Rows for a tensor of any shape, all of the same small positive number, so that nothing is left out as zero.
std::vector<uint8_t> Rows(uint32_t dtype, uint64_t bytes) {
  std::vector<uint8_t> element;
  switch (dtype) {
    case SKEIN_DTYPE_F32:
      element = {0x00, 0x00, 0x80, 0x3A};
      break;
    case SKEIN_DTYPE_F16:
      element = {0x00, 0x14};
      break;
    case SKEIN_DTYPE_BF16:
      element = {0x80, 0x3A};
      break;
    default: {
      const QuantisedLayout layout = LayoutOf(dtype);
      element.assign(layout.group_bytes, layout.bits == 8 ? 0x01 : 0x99);
      element[0] = 0x00;
      element[1] = 0x14;
      break;
    }
  }
  std::vector<uint8_t> rows(bytes);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = element[i % element.size()];
  return rows;
}

// A segment with matrices that are all alike, which does not change the time of the arithmetic.
std::unique_ptr<kit::HostSegment> MakeSegment(const skein_host& host, const skein_segment_desc& desc) {
  std::unique_ptr<kit::HostSegment> segment = kit::MakeSegment<SegmentRunner>(host, desc);
  std::map<uint32_t, std::vector<uint8_t>> rows;  // by type
  for (const uint32_t type : {uint32_t{SKEIN_DTYPE_F32}, uint32_t{SKEIN_DTYPE_BF16}, desc.weight_type}) {
    const uint64_t columns = std::max(desc.model.d_model, desc.model.d_ffn);
    const uint64_t largest = type == desc.weight_type ? desc.model.vocab_size : desc.model.d_ffn;
    rows[type] = Rows(type, largest * RowBytes(type, columns));
  }
  for (const kit::ExpectedTensor& expected : kit::ExpectedTensors(desc)) {
    skein_tensor tensor = {};
    tensor.role = expected.role;
    tensor.layer = expected.layer;
    tensor.dtype = TypeOf(expected, desc.weight_type, desc.model.d_model);
    tensor.num_dims = static_cast<uint32_t>(expected.shape.size());
    const bool is_vector = expected.use == kit::Use::kVector;
    uint64_t size = 1;
    for (size_t i = 0; i < expected.shape.size(); ++i) size *= tensor.shape[i] = expected.shape[i];
    tensor.size_bytes = is_vector ? 4 * size : expected.shape[0] * RowBytes(tensor.dtype, expected.shape[1]);
    tensor.data = rows.at(tensor.dtype).data();
    segment->Put(tensor);
  }
  segment->Seal();
  return segment;
}

// `num_streams` entries of `num_tokens` each, with logits of the last token if `num_tokens` is 1.
void BM_Step(benchmark::State& state, Shape shape, Types types, uint32_t num_streams, uint32_t num_tokens,
             uint32_t num_threads) {
  conformance::TestHost host(num_threads);
  const skein_segment_desc desc = Describe(shape, types);
  const auto segment = MakeSegment(*host.table(), desc);
  const std::vector<uint32_t> tokens(size_t{num_streams} * num_tokens, 5);
  std::vector<float> logits(size_t{num_streams} * desc.model.vocab_size);
  std::vector<skein_step_entry> entries(num_streams);
  for (uint32_t i = 0; i < num_streams; ++i) {
    entries[i] = {};
    entries[i].read_slot = entries[i].write_slot = i;
    entries[i].first_token = i * num_tokens;
    entries[i].num_tokens = num_tokens;
    if (num_tokens == 1) entries[i].output = SKEIN_STEP_LOGITS;
    entries[i].output_rows = logits.data() + size_t{i} * desc.model.vocab_size;
  }
  skein_step step = {};
  step.num_tokens = static_cast<uint32_t>(tokens.size());
  step.num_entries = num_streams;
  step.entry_size = sizeof(skein_step_entry);
  step.tokens = tokens.data();
  step.entries = entries.data();
  for (auto _ : state) segment->Step(step);

  double weights = 0, bytes = 0;
  for (const kit::ExpectedTensor& tensor : kit::ExpectedTensors(desc)) {
    if (tensor.use != kit::Use::kMatrix || (tensor.role == SKEIN_ROLE_HEAD && num_tokens > 1)) continue;
    weights += static_cast<double>(tensor.shape[0] * tensor.shape[1]);
    const uint32_t type = TypeOf(tensor, types.weight, desc.model.d_model);
    bytes += static_cast<double>(tensor.shape[0] * RowBytes(type, tensor.shape[1]));
  }
  using benchmark::Counter;
  state.counters["tok/s"] = Counter(static_cast<double>(tokens.size()), Counter::kIsIterationInvariantRate);
  state.counters["weights"] = Counter(bytes, Counter::kIsIterationInvariantRate);
  state.counters["FLOP/s"] =
      Counter(2.0 * static_cast<double>(tokens.size()) * weights, Counter::kIsIterationInvariantRate);
}

const bool kIsRegistered = [] {
  constexpr Types kTypes[] = {
      {"f32", SKEIN_DTYPE_F32, SKEIN_DTYPE_NONE, 0},
      {"f32_deterministic", SKEIN_DTYPE_F32, SKEIN_DTYPE_NONE, SKEIN_SEGMENT_DETERMINISTIC},
      {"f16", SKEIN_DTYPE_F16, SKEIN_DTYPE_NONE, 0},
      {"f16_deterministic", SKEIN_DTYPE_F16, SKEIN_DTYPE_NONE, SKEIN_SEGMENT_DETERMINISTIC},
      {"bf16", SKEIN_DTYPE_BF16, SKEIN_DTYPE_NONE, 0},
      {"bf16_deterministic", SKEIN_DTYPE_BF16, SKEIN_DTYPE_NONE, SKEIN_SEGMENT_DETERMINISTIC},
      {"bf16_compute", SKEIN_DTYPE_BF16, SKEIN_DTYPE_BF16, 0},
      {"bf16_compute_deterministic", SKEIN_DTYPE_BF16, SKEIN_DTYPE_BF16, SKEIN_SEGMENT_DETERMINISTIC},
      {"q8", SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q8, 0},
      {"q4", SKEIN_DTYPE_Q4, SKEIN_DTYPE_Q4, 0}};
  const uint32_t all_threads = std::max(1u, std::thread::hardware_concurrency());
  for (const Shape& shape : kShapes) {
    for (const Types& types : kTypes) {
      const auto add = [&](const char* what, uint32_t num_streams, uint32_t num_tokens, uint32_t num_threads) {
        const std::string title = std::string(what) + "/" + shape.name + "/" + types.name +
                                  "/streams:" + std::to_string(num_streams) + "/threads:" + std::to_string(num_threads);
        benchmark::RegisterBenchmark(title.c_str(), BM_Step, shape, types, num_streams, num_tokens, num_threads)
            ->UseRealTime()
            ->MeasureProcessCPUTime()
            ->Unit(benchmark::kMillisecond);
      };
      for (const uint32_t num_threads : {1u, all_threads}) {
        add("decode", 1, 1, num_threads);
        add("decode", 8, 1, num_threads);
        add("decode", 32, 1, num_threads);
        add("decode", 64, 1, num_threads);
        add("prefill", 1, 256, num_threads);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace skein::onednn
