#include "onednn/engine.h"

#include <algorithm>
#include <set>
#include <vector>

#include "kit/generations.h"
#include "kit/plugin_kit.h"

namespace skein::onednn {
namespace {

// A thread more for so many multiplications: about 50 us of work, what assembling a region may cost.
constexpr uint64_t kWorkPerThread = 1'000'000;

constexpr uint64_t kTileFloats = uint64_t{kMaxTileRows} * kPanelWidth;

Arithmetic ArithmeticOf(const skein_segment_desc& desc) {
  return desc.compute_type == SKEIN_DTYPE_BF16 ? Arithmetic::kBf16 : Arithmetic::kF32;
}

std::vector<kit::ExpectedTensor> Matrices(const skein_segment_desc& desc) {
  std::vector<kit::ExpectedTensor> tensors = kit::ExpectedTensors<PackedMatrix>(desc);
  std::erase_if(tensors, [](const kit::ExpectedTensor& tensor) { return tensor.use != kit::Use::kMatrix; });
  return tensors;
}

// The numbers of inputs that matrices have, each once.
std::vector<uint32_t> Widths(const skein_segment_desc& desc) {
  std::set<uint32_t> widths;
  for (const kit::ExpectedTensor& matrix : Matrices(desc)) widths.insert(static_cast<uint32_t>(matrix.shape[1]));
  return {widths.begin(), widths.end()};
}

PanelPrimitives::Type PrimitivesFor(const skein_segment_desc& desc) {
  return ArithmeticOf(desc) == Arithmetic::kBf16 ? PanelPrimitives::Type::kBf16 : PanelPrimitives::Type::kF32;
}

std::vector<PanelPrimitives> MakePrimitives(const skein_host& host, const skein_segment_desc& desc,
                                            uint32_t num_threads) {
  const CallerEnvironment environment;
  std::vector<PanelPrimitives> primitives;
  primitives.reserve(num_threads);
  const std::vector<uint32_t> widths = Widths(desc);
  for (uint32_t i = 0; i < num_threads; ++i) primitives.emplace_back(host, PrimitivesFor(desc), widths);
  return primitives;
}

uint64_t ExpandedFloats(const skein_segment_desc& desc) {
  if (ArithmeticOf(desc) == Arithmetic::kBf16) return 0;
  const std::vector<uint32_t> widths = Widths(desc);
  return widths.empty() ? 0 : RoundUp(*std::max_element(widths.begin(), widths.end()), 16) * kPanelWidth;
}

uint64_t ScratchFloats(const skein_segment_desc& desc) {
  const uint64_t state = RoundUp(uint64_t{desc.model.head_size} * desc.model.head_size, 16);
  return kTileFloats + ExpandedFloats(desc) + state;
}

// For the inputs of the largest Multiply, and the rows that fill up the last tile.
uint64_t Bf16Elements(const skein_segment_desc& desc) {
  if (ArithmeticOf(desc) != Arithmetic::kBf16) return 0;
  const skein_backend_model& m = desc.model;
  const uint64_t ranks = 5 * uint64_t{m.rank_mix} + m.rank_decay + m.rank_iclr + m.rank_value + m.rank_gate;
  const uint64_t width = std::max({6 * uint64_t{m.d_model}, uint64_t{m.d_att}, uint64_t{m.d_ffn}, ranks});
  return kit::CheckedProduct(uint64_t{desc.max_tokens} + 16, width) + 8 * 32;  // each input begins at a cache line
}

uint64_t RowWork(const skein_segment_desc& desc) {
  uint64_t work = 0;
  for (const kit::ExpectedTensor& matrix : Matrices(desc)) {
    if (matrix.role != SKEIN_ROLE_HEAD) work += matrix.shape[0] * matrix.shape[1];
  }
  return work;
}

}  // namespace

Engine::Engine(const skein_host& host, const skein_segment_desc& desc)
    : host_(host),
      arithmetic_(ArithmeticOf(desc)),
      head_size_(desc.model.head_size),
      num_threads_(std::max(1u, host.concurrency(host.context))),
      row_work_(RowWork(desc)),
      logits_work_(uint64_t{desc.model.d_model} * desc.model.vocab_size),
      primitives_(MakePrimitives(host, desc, num_threads_)),
      scratch_floats_(ScratchFloats(desc)),
      expanded_floats_(ExpandedFloats(desc)),
      scratch_(host, kit::CheckedProduct(num_threads_, scratch_floats_), "scratch"),
      x_bf16_(host, Bf16Elements(desc), "bf16 activations") {}

uint64_t Engine::ScratchBytes(const skein_host& host, const skein_segment_desc& desc) {
  const CallerEnvironment environment;
  const uint64_t thread_bytes =
      ScratchFloats(desc) * sizeof(float) + PanelPrimitives::ScratchpadBytes(PrimitivesFor(desc), Widths(desc));
  return kit::CheckedProduct(host.concurrency(host.context), thread_bytes) + Bf16Elements(desc) * sizeof(uint16_t);
}

SharedStep Engine::Share(const kit::Batch& batch) {
  return {.batch = batch, .arithmetic = arithmetic_, .head_size = head_size_, .x_bf16 = x_bf16_.data()};
}

Scratch Engine::ScratchOf(uint32_t index) {
  Scratch scratch;
  scratch.primitives = &primitives_[index];
  scratch.tile = scratch_.data() + index * scratch_floats_;
  scratch.expanded = scratch.tile + kTileFloats;
  scratch.state = scratch.expanded + expanded_floats_;
  return scratch;
}

uint32_t Engine::NumParticipants(uint64_t num_rows, uint64_t num_logits) const {
  const uint64_t work = num_rows * row_work_ + num_logits * logits_work_;
  return static_cast<uint32_t>(std::clamp<uint64_t>(work / kWorkPerThread, 1, num_threads_));
}

void Engine::CheckSuccess(const SharedStep& shared) {
  if (shared.has_failed) throw plugin::Error(SKEIN_INTERNAL, "oneDNN failed to run a matrix product");
}

}  // namespace skein::onednn
