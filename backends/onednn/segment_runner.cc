#include "onednn/segment_runner.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "kit/tensor_intake.h"
#include "support/boundary.h"

namespace skein::onednn {
namespace {

// One more thread per million multiplications, about 50 us of work: a thread that sleeps takes as long to come.
constexpr uint64_t kWorkPerThread = 1'000'000;

// A segment with more weights than this comes from memory in every step, and so do the states that a step leaves.
constexpr uint64_t kMostCachedWeights = 50'000'000;

// How long a load waits for the host's other threads to come by.
constexpr std::chrono::milliseconds kMusterTime{20};

constexpr uint64_t kTileFloats = uint64_t{kMaxTileRows} * kPanelWidth;

Arithmetic ArithmeticOf(const skein_segment_desc& desc) {
  switch (desc.compute_type) {
    case SKEIN_DTYPE_BF16:
      return Arithmetic::kBf16;
    case SKEIN_DTYPE_Q8:
    case SKEIN_DTYPE_Q4:
      return Arithmetic::kInt8;
    default:
      return Arithmetic::kF32;
  }
}

std::vector<kit::ExpectedTensor> Matrices(const skein_segment_desc& desc) {
  std::vector<kit::ExpectedTensor> tensors = kit::ExpectedTensors(desc);
  std::erase_if(tensors, [](const kit::ExpectedTensor& tensor) { return tensor.use != kit::Use::kMatrix; });
  return tensors;
}

// The numbers of inputs that matrices have, each once.
std::vector<uint32_t> Widths(const skein_segment_desc& desc) {
  std::set<uint32_t> widths;
  for (const kit::ExpectedTensor& matrix : Matrices(desc)) widths.insert(static_cast<uint32_t>(matrix.shape[1]));
  return {widths.begin(), widths.end()};
}

// Whether oneDNN multiplies. It sums in another order with many rows than with few, which neither 8-bit arithmetic nor
// a deterministic segment may do.
bool HasPrimitives(const skein_segment_desc& desc) {
  return ArithmeticOf(desc) != Arithmetic::kInt8 && (desc.flags & SKEIN_SEGMENT_DETERMINISTIC) == 0;
}

// The widths that oneDNN multiplies.
std::vector<uint32_t> PrimitiveWidths(const skein_segment_desc& desc) {
  return HasPrimitives(desc) ? Widths(desc) : std::vector<uint32_t>();
}

PanelPrimitives::Type PrimitivesFor(const skein_segment_desc& desc) {
  return ArithmeticOf(desc) == Arithmetic::kBf16 ? PanelPrimitives::Type::kBf16 : PanelPrimitives::Type::kF32;
}

std::vector<PanelPrimitives> MakePrimitives(const skein_host& host, const skein_segment_desc& desc,
                                            uint32_t num_threads) {
  const CallerEnvironment environment;
  std::vector<PanelPrimitives> primitives;
  primitives.reserve(num_threads);
  const std::vector<uint32_t> widths = PrimitiveWidths(desc);
  for (uint32_t i = 0; i < num_threads; ++i) primitives.emplace_back(host, PrimitivesFor(desc), widths);
  return primitives;
}

// Lets every thread have its data of libgomp now: it ends the process if it gets no memory for them in a step. A thread
// stays until all others have come, so that each comes once. One that is late makes its data in a step after all.
void MusterThreads(const skein_host& host, uint32_t num_threads) {
  std::atomic<uint32_t> num_here{0};
  const auto deadline = std::chrono::steady_clock::now() + kMusterTime;
  kit::ParallelTeam(host, num_threads, [&](uint32_t /*index*/, uint32_t count) {
    { const CallerEnvironment environment; }
    ++num_here;
    while (num_here < count && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  });
}

std::vector<WeightsTrail> MakeTrails(const skein_segment_desc& desc, uint32_t num_threads) {
  std::vector<WeightsTrail> trails;
  trails.reserve(num_threads);
  for (uint32_t i = 0; i < num_threads; ++i) trails.emplace_back(Matrices(desc).size());
  return trails;
}

uint64_t ExpandedFloats(const skein_segment_desc& desc) {
  if (ArithmeticOf(desc) != Arithmetic::kF32) return 0;
  const std::vector<uint32_t> widths = PrimitiveWidths(desc);
  return widths.empty() ? 0 : RoundUp(*std::max_element(widths.begin(), widths.end()), 16) * kPanelWidth;
}

// The most steps that an input has, and those that may be read behind them.
uint64_t NumSteps(const skein_segment_desc& desc) {
  const std::vector<uint32_t> widths = Widths(desc);
  const uint32_t widest = widths.empty() ? 0 : *std::max_element(widths.begin(), widths.end());
  return RoundUp(uint64_t{widest} + ActiveSteps::kReadAhead, 16);
}

uint64_t ScratchFloats(const skein_segment_desc& desc) {
  const uint64_t state = RoundUp(uint64_t{desc.model.head_size} * desc.model.head_size, 16);
  return kTileFloats + ExpandedFloats(desc) + state;
}

// For the inputs of the largest Multiply, in every form that its matrices may want.
uint64_t InputBytes(const skein_segment_desc& desc) {
  const Arithmetic arithmetic = ArithmeticOf(desc);
  if (arithmetic == Arithmetic::kF32) return 0;
  const skein_backend_model& m = desc.model;
  const uint64_t rows = desc.max_tokens;
  const auto input_bytes = [&](uint64_t width) {
    uint64_t bytes = PreparedInput::Bytes(InputForm::kBf16, PanelType::kBf16, rows, width);
    if (arithmetic == Arithmetic::kInt8) {
      for (const PanelType type : {PanelType::kQ8, PanelType::kQ4}) {
        bytes += PreparedInput::Bytes(InputForm::kInt8, type, rows, width);
      }
    }
    return bytes;
  };
  uint64_t ranks = 5 * input_bytes(m.rank_mix);
  for (const uint32_t rank : {m.rank_decay, m.rank_iclr, m.rank_value, m.rank_gate}) ranks += input_bytes(rank);
  return std::max({6 * input_bytes(m.d_model), input_bytes(m.d_att), input_bytes(m.d_ffn), ranks});
}

uint64_t RowWork(const skein_segment_desc& desc) {
  uint64_t work = 0;
  for (const kit::ExpectedTensor& matrix : Matrices(desc)) {
    if (matrix.role != SKEIN_ROLE_HEAD) work += matrix.shape[0] * matrix.shape[1];
  }
  return work;
}

}  // namespace

SegmentRunner::SegmentRunner(const skein_host& host, const skein_segment_desc& desc)
    : host_(host),
      policy_(MatMulPolicy::FromEnvironment()),
      arithmetic_(ArithmeticOf(desc)),
      head_size_(desc.model.head_size),
      num_threads_(std::max(1u, host.concurrency(host.context))),
      row_work_(RowWork(desc)),
      logits_work_(uint64_t{desc.model.d_model} * desc.model.vocab_size),
      primitives_(MakePrimitives(host, desc, num_threads_)),
      scratch_floats_(ScratchFloats(desc)),
      expanded_floats_(ExpandedFloats(desc)),
      num_steps_(NumSteps(desc)),
      scratch_(host, kit::CheckedProduct(num_threads_, scratch_floats_), "scratch"),
      steps_(host, kit::CheckedProduct(num_threads_, num_steps_), "scratch"),
      inputs_(host, InputBytes(desc), "inputs of products", kit::Content::kUnset),
      trails_(MakeTrails(desc, num_threads_)),
      turns_(num_threads_),
      progress_(num_threads_),
      work_(num_threads_) {
  MusterThreads(host, num_threads_);
}

uint64_t SegmentRunner::ScratchBytes(const skein_host& host, const skein_segment_desc& desc) {
  const CallerEnvironment environment;
  const uint64_t thread_bytes = (ScratchFloats(desc) + NumSteps(desc)) * sizeof(float) +
                                PanelPrimitives::ScratchpadBytes(PrimitivesFor(desc), PrimitiveWidths(desc));
  return kit::CheckedProduct(host.concurrency(host.context), thread_bytes) + InputBytes(desc);
}

kit::Work SegmentRunner::TotalWork() const {
  kit::Work total;
  for (const kit::Work& work : work_) total += work;
  return total;
}

SharedStep SegmentRunner::Share(const kit::Batch& batch) {
  progress_.Restart();
  return {.batch = batch,
          .policy = policy_,
          .arithmetic = arithmetic_,
          .head_size = head_size_,
          .states_pass_caches = row_work_ > kMostCachedWeights,
          .inputs = inputs_.data(),
          .progress = progress_};
}

Scratch SegmentRunner::ScratchOf(uint32_t index) {
  Scratch scratch;
  scratch.primitives = &primitives_[index];
  scratch.tile = scratch_.data() + index * scratch_floats_;
  scratch.expanded = scratch.tile + kTileFloats;
  scratch.state = scratch.expanded + expanded_floats_;
  scratch.steps = steps_.data() + index * num_steps_;
  scratch.trail = &trails_[index];
  scratch.turn = &turns_[index];
  return scratch;
}

uint32_t SegmentRunner::NumThreads(uint64_t num_rows, uint64_t num_logits) const {
  const uint64_t work = num_rows * row_work_ + num_logits * logits_work_;
  return static_cast<uint32_t>(std::clamp<uint64_t>(work / kWorkPerThread, 1, num_threads_));
}

void SegmentRunner::CheckSuccess(const SharedStep& shared) {
  if (shared.has_failed) throw plugin::Error(SKEIN_INTERNAL, "oneDNN failed to run a matrix product");
}

}  // namespace skein::onednn
