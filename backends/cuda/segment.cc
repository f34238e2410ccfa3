#include "cuda/segment.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda/cuda_error.h"
#include "cuda/current_device.h"
#include "cuda/device_buffers.h"
#include "cuda/device_weights.h"
#include "cuda/expanded_products.h"
#include "cuda/kernels/finite.h"
#include "cuda/launch_log.h"
#include "cuda/library_products.h"
#include "cuda/ops.h"
#include "cuda/outcome_layout.h"
#include "cuda/persistent_layers.h"
#include "cuda/product_choice.h"
#include "cuda/state_moves.h"
#include "cuda/state_slots.h"
#include "cuda/step_buffers.h"
#include "cuda/step_graphs.h"
#include "equations/activations.h"
#include "equations/generations.h"
#include "kit/checked_product.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWarning = 2;  // SKEIN_LOG_WARNING

// From this capability on kernels can be launched before the one in front has ended.
constexpr uint32_t kDependentLaunchCapability = 90;

ValueColumns ValueColumnsOf(const SegmentPlace& place, const skein_segment_desc& desc) {
  return place.switches.sparse && MayDifferByRows(desc.compute_type) ? ValueColumns::kKept : ValueColumns::kNone;
}

// The tensor cores take codes where they take anything.
bool MayTimeProducts(const SegmentPlace& place) {
  return place.switches.timed_products && place.capability >= kTileCapability;
}

// For products by floats on the tensor cores; a library takes them too. Wide tiles take no others.
RoundedActivations RoundedActivationsOf(const SegmentPlace& place, const skein_segment_desc& desc) {
  const bool is_wanted = place.switches.rounded_rows || place.switches.wide_tiles;
  const bool is_on = is_wanted && place.capability >= kTileCapability;
  return is_on && InputsOf(desc.compute_type) != Inputs::kF32 ? RoundedActivations::kKept : RoundedActivations::kNone;
}

// Float32 arithmetic keeps its precision.
Chunks ChunksOf(const SegmentPlace& place, const skein_segment_desc& desc) {
  if (!place.switches.chunked_wkv || place.capability < kTileCapability) return Chunks::kNone;
  const bool is_exact = desc.compute_type == SKEIN_DTYPE_F32 || desc.compute_type == SKEIN_DTYPE_NONE;
  return is_exact ? Chunks::kExact : Chunks::kRounded;
}

// RWKV-4 has no wkv matrices.
StateType StateTypeOf(const skein_segment_desc& desc) {
  return desc.state_type == SKEIN_DTYPE_F16 && desc.model.generation != 4 ? StateType::kF16 : StateType::kF32;
}

void Warn(const skein_host& host, const std::string& line) {
  if (host.log != nullptr) host.log(host.context, kWarning, line.data(), line.size());
}

void CheckAtMost(uint32_t most, uint32_t found, const char* what) {
  if (found <= most) return;
  throw plugin::Error(SKEIN_UNIMPLEMENTED, std::string("segment: expected ") + what + " of at most " +
                                               std::to_string(most) + ", found " + std::to_string(found));
}

// The shapes that kernels take.
void CheckShape(const skein_segment_desc& desc) {
  CheckAtMost(kMaxHeadSize, desc.model.head_size, "a head_size");
  // The products of a launch have d_model outputs each at most, but for one.
  constexpr uint32_t kMostChannels = kMostOutputs / kMaxProducts;
  CheckAtMost(kMostChannels, desc.model.d_model, "a d_model");
  CheckAtMost(kMostOutputs - kMostChannels, desc.model.d_ffn, "a d_ffn");
  CheckAtMost(kMostOutputs, desc.model.vocab_size, "a vocab_size");
}

// Steps in flight, the oldest first out.
class Ring {
 public:
  Ring(uint32_t device, const skein_segment_desc& desc, uint32_t num_carries)
      : slots_{Slot(device, desc, num_carries), Slot(device, desc, num_carries)} {}
  ~Ring() {
    for (Slot& slot : slots_) slot.Finish();
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  uint64_t next_number() const { return next_number_; }
  // The buffers of the next step. Waits for the step that used them last.
  StepBuffers& Next() {
    At(next_number_).Finish();
    return At(next_number_).buffers;
  }
  // The step that uses the buffers of Next has been enqueued.
  void Add(std::shared_ptr<EndOfStep> end) { At(next_number_++).end = std::move(end); }
  // The end of a step that is perhaps not done; NULL if it is.
  const EndOfStep* Find(uint64_t number) {
    return number + slots_.size() >= next_number_ && number < next_number_ ? At(number).end.get() : nullptr;
  }

 private:
  struct Slot {
    Slot(uint32_t device, const skein_segment_desc& desc, uint32_t num_carries) : buffers(device, desc, num_carries) {}

    void Finish() {
      if (end != nullptr) end->Finish();
      end = nullptr;
    }

    StepBuffers buffers;
    std::shared_ptr<EndOfStep> end;
  };

  Slot& At(uint64_t number) { return slots_[number % slots_.size()]; }

  std::array<Slot, 2> slots_;
  uint64_t next_number_ = StateSlots::kFirstStep;
};

template <typename Generation>
class GenerationSegment final : public Segment {
 public:
  using Activations = typename Generation::Activations;
  static constexpr bool kMayPersist = std::is_same_v<Generation, kit::Rwkv7>;

  GenerationSegment(const skein_host& host, const SegmentPlace& place, const skein_segment_desc& desc)
      : host_(host),
        place_(place),
        desc_(desc),
        form_(desc, StateTypeOf(desc)),
        weights_(host, place.device, desc, ValueColumnsOf(place, desc)) {
    CheckShape(desc);
  }
  ~GenerationSegment() override {
    // The device's memory is freed under it. Whether that succeeds nobody can be told.
    ending_.emplace(place_.device);
  }

  static DeviceBufferSizes Sizes(const SegmentPlace& place, const skein_segment_desc& desc) {
    return {desc,
            kit::ActivationFloatsPerRow<Generation>(desc.model),
            ValueColumnsOf(place, desc),
            place.switches.split_sums ? SumParts::kHandedOver : SumParts::kInBlocks,
            RoundedActivationsOf(place, desc),
            place.switches.split_logits ? LogitBlocks::kSeveral : LogitBlocks::kOne};
  }

  static skein_segment_cost Cost(const SegmentPlace& place, const skein_segment_desc& desc) {
    CheckShape(desc);
    const StateForm form(desc, StateTypeOf(desc));
    skein_segment_cost cost = {};
    cost.supported = 1;
    cost.weights_bytes = DeviceWeights::Bytes(desc, ValueColumnsOf(place, desc));
    cost.slot_bytes = StateSlots::SlotBytes(form);
    cost.scratch_bytes =
        StateSlots::FixedBytes(form) + Sizes(place, desc).bytes() +
        (place.switches.async_states ? StateMoves::Bytes(form) : 0) +
        (place.switches.persistent && kMayPersist ? PersistentLayers::Bytes(desc) : 0) +
        (place.switches.library ? LibraryProducts::Bytes(desc) : 0) +
        (MayTimeProducts(place) ? ExpandedProducts::Bytes(desc) : 0) +
        (place.switches.graphs ? StepGraphs::Bytes(desc, GraphRows(desc, Sizes(place, desc), false)) : 0);
    return cost;
  }

  void Put(const skein_tensor& tensor) override {
    if (sealed_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "put_tensor: the segment is sealed");
    const CurrentDevice current(place_.device);
    // Before the weights go there.
    CheckCuda(place_.device, FindCode(), "kernels");
    weights_.Put(tensor);
  }

  void Seal() override {
    if (sealed_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "seal: the segment is sealed already");
    const CurrentDevice current(place_.device);
    weights_.Seal();
    bound_.Visit(desc_, [this](uint32_t role, uint32_t layer, auto*& tensor, const kit::VectorForm& = {}) {
      weights_.Bind(role, layer, tensor);
    });
    sealed_.emplace(host_, place_, desc_, form_);
    if constexpr (kMayPersist) {
      if (place_.switches.persistent) {
        sealed_->persistent =
            PersistentLayers::Make(place_.device, place_.capability, desc_, form_, bound_, sealed_->stream.get());
      }
    }
    if (place_.switches.library) OpenLibrary(*sealed_);
    if (MayTimeProducts(place_)) TimeProducts(*sealed_);
  }

  void InitState(uint32_t slot) override {
    Sealed& sealed = RequireSealed();
    const CurrentDevice current(place_.device);
    AwaitImport(sealed, slot);
    sealed.slots.Init(slot);
  }

  void CopyState(uint32_t from_slot, uint32_t to_slot) override {
    Sealed& sealed = RequireSealed();
    const CurrentDevice current(place_.device);
    AwaitImport(sealed, from_slot);
    AwaitImport(sealed, to_slot);
    sealed.slots.Copy(from_slot, to_slot);
  }

  void ExportState(uint32_t slot, float* state, uint64_t num_floats) override {
    Sealed& sealed = RequireSealed();
    const CurrentDevice current(place_.device);
    AwaitImport(sealed, slot);
    sealed.slots.Export(slot, state, num_floats);
  }

  std::unique_ptr<Fence> BeginExport(uint32_t slot, float* state, uint64_t num_floats) override {
    Sealed& sealed = RequireSealed();
    const CurrentDevice current(place_.device);
    sealed.slots.CheckSlot(slot);
    sealed.slots.CheckFloats(state, num_floats);
    if (num_floats > 0 && sealed.moves) {
      return sealed.moves->BeginExport(sealed.slots, slot, EndOf(sealed, sealed.slots.LastWriter(slot)), state);
    }
    sealed.slots.Export(slot, state, num_floats);
    return nullptr;
  }

  void ImportState(uint32_t slot, const float* state, uint64_t num_floats) override {
    Sealed& sealed = RequireSealed();
    const CurrentDevice current(place_.device);
    AwaitImport(sealed, slot);
    sealed.slots.Import(slot, state, num_floats);
  }

  std::unique_ptr<Fence> BeginImport(uint32_t slot, const float* state, uint64_t num_floats) override {
    Sealed& sealed = RequireSealed();
    const CurrentDevice current(place_.device);
    sealed.slots.CheckSlot(slot);
    sealed.slots.CheckFloats(state, num_floats);
    if (num_floats > 0 && sealed.moves) {
      return sealed.moves->BeginImport(sealed.slots, slot, EndOf(sealed, sealed.slots.LastUser(slot)), state);
    }
    sealed.slots.Import(slot, state, num_floats);
    return nullptr;
  }

  void DiscardState(uint32_t slot) override { RequireSealed().slots.Discard(slot); }

  kit::StepEnd<Fence> Step(const skein_step& step) override {
    Sealed& sealed = RequireSealed();
    const CurrentDevice current(place_.device);
    StepBuffers& buffers = sealed.ring.Next();
    sealed.draws_before.swap(sealed.draws);
    sealed.draws.clear();  // behind a step that fails here nothing was drawn
    buffers.plan().Read(step, sealed.draws_before);
    auto end = std::make_shared<EndOfStep>(place_.device, "step", [&buffers] { return buffers.HandOut(); });
    auto fence = std::make_unique<Fence>(end);
    try {
      Enqueue(sealed, buffers);
      CheckCuda(place_.device, end->Record(sealed.stream.get()), "step");
    } catch (...) {
      // Part of the step is on its way, and reads and writes the buffers.
      cudaStreamSynchronize(sealed.stream.get());
      throw;
    }
    sealed.ring.Add(std::move(end));
    const std::span<const uint32_t> draws = buffers.plan().draws();
    sealed.draws.assign(draws.begin(), draws.end());  // for which there is room
    work_.multiplications += buffers.plan().num_rows() * weights_.MultiplicationsPerRow() +
                             CountsOf(buffers.plan()).num_logit_rows() * weights_.MultiplicationsPerLogits();
    return {.fence = std::move(fence), .first_failure = ""};
  }

  kit::Work TotalWork() const override { return work_; }

 private:
  // The parts that exist once the segment is sealed.
  struct Sealed {
    Sealed(const skein_host& host, const SegmentPlace& place, const skein_segment_desc& desc, const StateForm& form)
        : sizes(Sizes(place, desc)),
          stream(place.device),
          calls(place.device),
          slots(place.device, desc, form, stream),
          buffers(place.device, sizes, stream.get()),
          graphs(place.device, [&host](const std::string& line) { Warn(host, line); }),
          ring(place.device, desc, Activations::kNumCarries) {
      if (place.switches.async_states) moves.emplace(place.device, form, desc.num_slots);
      if (const std::string file = LaunchLogFile(); !file.empty()) launches.emplace(file, desc);
      draws.reserve(desc.max_entries);
      draws_before.reserve(desc.max_entries);
    }

    const DeviceBufferSizes sizes;
    const CudaStream stream;
    const CudaEvent calls;  // behind the last call on states that a move had to wait for
    StateSlots slots;
    std::optional<StateMoves> moves;
    DeviceBuffers buffers;
    std::unique_ptr<LibraryProducts> library;  // NULL: products are our own
    std::optional<ExpandedProducts> expanded;
    std::optional<PersistentLayers> persistent;
    StepGraphs graphs;
    std::optional<LaunchLog> launches;  // if they are measured
    // As the plans of the last step and of the one before had them.
    std::vector<uint32_t> draws, draws_before;
    Ring ring;  // the last, since its end waits for the steps that use the others
  };

  Sealed& RequireSealed() {
    if (!sealed_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "the segment is not sealed");
    return *sealed_;
  }

  // Calls on a slot and steps that read it come behind an import that is under way.
  void AwaitImport(Sealed& sealed, uint32_t slot) {
    if (sealed.moves) sealed.moves->AwaitImport(slot, sealed.stream.get());
  }

  // The end of the last writer or user of a slot; NULL: it has ended.
  cudaEvent_t EndOf(Sealed& sealed, uint64_t user) {
    if (user == StateSlots::kNobody) return nullptr;
    if (user == StateSlots::kCall) {
      CheckCuda(place_.device, sealed.calls.Record(sealed.stream.get()), "move of a state");
      return sealed.calls.get();
    }
    const EndOfStep* end = sealed.ring.Find(user);
    return end == nullptr ? nullptr : end->event();
  }

  // Without the library our own products serve, which the log says once.
  void OpenLibrary(Sealed& sealed) {
    std::string why_not;
    sealed.library = LibraryProducts::Open(place_.device, desc_, why_not);
    if (sealed.library == nullptr) {
      Warn(host_, why_not);
      return;
    }
    weights_.ForEachMatrix([&](const MatrixView& matrix) {
      const TrialRows trial = TrialRowsOf(sealed, matrix);
      sealed.library->Choose(sealed.stream.get(), matrix, trial.count, trial.out);
    });
    sealed.library->Keep();
  }

  // Behind OpenLibrary, whose library may take part.
  void TimeProducts(Sealed& sealed) {
    DeviceBuffers& buffers = sealed.buffers;
    sealed.expanded.emplace(place_.device, desc_, sealed.library.get());
    const Queue queue = {.stream = sealed.stream.get()};
    weights_.ForEachMatrix([&](const MatrixView& matrix) {
      if (!HasCodes(matrix.type) || !MayBeExpanded(desc_.compute_type)) return;
      const TrialRows trial = TrialRowsOf(sealed, matrix);
      // The results of an earlier trial there need not be numbers.
      CheckCuda(
          place_.device,
          cudaMemsetAsync(buffers.activations.data(), 0, sealed.sizes.activation_floats * sizeof(float), queue.stream),
          "a timed product");
      sealed.expanded->Choose(queue, matrix, trial.count, buffers.activations.data(), trial.out);
    });
    sealed.expanded->Keep();
    if (sealed.library != nullptr) sealed.library->Keep();
  }

  // Room for rows of a matrix's outputs behind those of its inputs, which the activations begin with. It is that of the
  // logits for the output head.
  struct TrialRows {
    float* out;
    uint32_t count;
  };
  TrialRows TrialRowsOf(const Sealed& sealed, const MatrixView& matrix) const {
    const bool is_head = matrix.num_rows == desc_.model.vocab_size && sealed.sizes.logit_rows > 0;
    float* const activations = sealed.buffers.activations.data();
    const uint64_t room = sealed.sizes.activation_floats;
    const uint64_t width = matrix.num_columns + (is_head ? 0 : uint64_t{matrix.num_rows});
    uint64_t count = std::min<uint64_t>(desc_.max_tokens, room / width);
    if (!is_head) return {activations + count * matrix.num_columns, static_cast<uint32_t>(count)};
    count = std::min<uint64_t>(count, sealed.sizes.logit_rows);
    return {sealed.buffers.logits.data(), static_cast<uint32_t>(count)};
  }

  void Enqueue(Sealed& sealed, StepBuffers& buffers) {
    const StepCounts exact = CountsOf(buffers.plan());
    const bool has_graphs = place_.switches.graphs && !sealed.launches;
    const bool are_few = sealed.library != nullptr && !place_.switches.library_graphs;
    const std::optional<StepCounts> bucket =
        has_graphs ? BucketOf(exact, GraphRows(desc_, sealed.sizes, are_few)) : std::nullopt;
    for (const kit::PlannedEntry& planned : buffers.plan().entries()) {
      AwaitImport(sealed, planned.entry->read_slot);
      AwaitImport(sealed, planned.entry->write_slot);  // which has ended: an export is to come behind the step
    }
    buffers.FillBatch(bucket.value_or(exact), sealed.slots, sealed.ring.next_number());
    const StepCounts& counts = buffers.counts();
    if (counts.num_rows == 0) return;

    const cudaStream_t stream = sealed.stream.get();
    CopyIn(sealed.buffers.batch.data(), buffers.batch(), BatchLayout(counts).bytes(), stream);
    CopyIn(sealed.buffers.biases.data(), buffers.biases(), buffers.num_biases() * sizeof(skein_bias), stream);
    CopyIn(sealed.buffers.masks.data(), buffers.masks(), buffers.num_mask_words() * sizeof(uint32_t), stream);
    kit::RowDealer dealer(sealed.buffers.activations.data(), counts.num_rows);
    const Activations act(desc_.model, counts.num_outputs, dealer);
    TakeCarries(buffers, act, stream);
    if (bucket) {
      const LibraryWork work =
          sealed.graphs.Launch(counts, stream, [&] { return RunKernels(sealed, counts, act, nullptr); });
      work_.library_multiplications += work.Share(exact, counts);
      CopyOut(buffers.logits(), sealed.buffers.logits.data(), size_t{counts.num_logits} * desc_.model.vocab_size,
              stream);
    } else {
      if (sealed.launches) sealed.launches->Begin(counts);
      work_.library_multiplications += RunKernels(sealed, counts, act, buffers.logits()).Share(exact, counts);
      if (sealed.launches) sealed.launches->End(stream);
    }
    GiveResults(sealed, buffers, act);
  }

  // Kernels alone, and copies of logits if they have a place on the host. Returns what the library was given.
  LibraryWork RunKernels(Sealed& sealed, const StepCounts& counts, const Activations& act, float* host_logits) {
    const BatchLayout layout(counts);
    unsigned char* const batch = sealed.buffers.batch.data();
    uint32_t* const flags = OutcomeLayout(counts).Flags(sealed.buffers.outcome.data());
    const bool is_dependent = place_.switches.dependent_launch && place_.capability >= kDependentLaunchCapability;
    const Queue queue = {.stream = sealed.stream.get(),
                         .dependent_launch = is_dependent && !sealed.launches,
                         .observer = sealed.launches ? &*sealed.launches : nullptr};
    const OpsContext context = {.queue = queue,
                                .batch = layout.At(batch),
                                .states = sealed.slots.states(),
                                .form = form_,
                                .logits = LogitsPlaceOf(sealed, counts, host_logits),
                                .library = sealed.library.get(),
                                .expanded = sealed.expanded ? &*sealed.expanded : nullptr,
                                .sparse_scratch = sealed.buffers.sparse_scratch.data(),
                                .part_scratch = sealed.buffers.part_scratch(),
                                .rounded = RoundedPlacesOf(sealed, counts),
                                .head_size = desc_.model.head_size,
                                .compute_type = desc_.compute_type,
                                .capability = place_.capability,
                                .has_nibble_products = place_.switches.nibble_products,
                                .has_wide_tiles = place_.switches.wide_tiles,
                                .chunks = ChunksOf(place_, desc_)};
    Ops ops(context);
    RunLayers(sealed, context, counts, act, ops);
    ops.Finish();
    CheckCuda(place_.device, ops.error(), "step");
    CheckCuda(place_.device, FindNotFinite(queue, act.x, layout.LastRows(batch), counts.num_sequences, flags), "step");
    const uint32_t num_hidden = counts.num_outputs - counts.num_logit_rows();
    if (num_hidden == 0) return ops.library_work();
    const kit::Rows hidden = {act.hidden[counts.num_logit_rows()], num_hidden, act.hidden.width};
    CheckCuda(place_.device, FindNotFinite(queue, hidden, nullptr, num_hidden, flags + counts.num_sequences), "step");
    return ops.library_work();
  }

  // Layer by layer, or all in one launch between embedding and output head.
  void RunLayers(Sealed& sealed, const OpsContext& context, const StepCounts& counts, const Activations& act,
                 Ops& ops) {
    if constexpr (kMayPersist) {
      if (sealed.persistent && PersistentLayers::Takes(counts)) {
        kit::Enter(ops, bound_.ends, act.x);
        CheckCuda(place_.device, sealed.persistent->Run(context.queue, context.batch, context.states, act), "step");
        kit::Leave(ops, bound_.ends, act.x, act.hidden);
        return;
      }
    }
    kit::RunSegment<Generation>(ops, bound_, act);
  }

  // The CUDA cores, which multiply few rows, take floats.
  RoundedPlaces RoundedPlacesOf(const Sealed& sealed, const StepCounts& counts) const {
    if (counts.num_rows <= kMostRowsTogether || sealed.sizes.rounded_activations == 0) return {};
    return {sealed.buffers.activations.data(), sealed.buffers.rounded.data(), InputsOf(desc_.compute_type)};
  }

  LogitsPlace LogitsPlaceOf(const Sealed& sealed, const StepCounts& counts, float* host_logits) const {
    const DeviceBuffers& buffers = sealed.buffers;
    return {.device = {buffers.logits.data(), sealed.sizes.logit_rows, desc_.model.vocab_size},
            .num_rows = counts.num_logit_rows(),
            .wishes = {BatchLayout(counts).Wishes(buffers.batch.data()), buffers.biases.data(), buffers.masks.data()},
            .results = OutcomeLayout(counts).Results(buffers.outcome.data()),
            .greatest = buffers.greatest.data(),
            .host = host_logits,
            .num_host_rows = counts.num_logits,
            .scratch = buffers.logit_scratch()};
  }

  // Fills the rows that another segment has left, or that a later one is to fill.
  void TakeCarries(StepBuffers& buffers, const Activations& act, cudaStream_t stream) {
    const auto carries = act.Carries();
    if (!(desc_.flags & SKEIN_SEGMENT_EMBEDDING)) {
      buffers.GatherCarries();
      for (uint32_t i = 0; i < carries.size(); ++i) {
        CopyIn(carries[i].data, buffers.carry_in(i), FloatsOf(carries[i]) * sizeof(float), stream);
      }
    } else if (desc_.num_layers == 0) {
      // The layer that makes the carries beside x is still to come.
      for (uint32_t i = 1; i < carries.size(); ++i) {
        CheckCuda(place_.device, cudaMemsetAsync(carries[i].data, 0, FloatsOf(carries[i]) * sizeof(float), stream),
                  "step");
      }
    }
  }

  void GiveResults(Sealed& sealed, const StepBuffers& buffers, const Activations& act) {
    const StepCounts& counts = buffers.counts();
    const cudaStream_t stream = sealed.stream.get();
    const uint32_t num_logit_rows = counts.num_logit_rows(), num_hidden = counts.num_outputs - num_logit_rows;
    CopyOut(buffers.outcome(), sealed.buffers.outcome.data(), OutcomeLayout(counts).bytes(), stream);
    if (buffers.has_greatest()) {
      CopyOut(buffers.greatest(), sealed.buffers.greatest.data() + size_t{counts.num_logits} * SKEIN_MAX_TOP_K,
              size_t{counts.num_reduced} * SKEIN_MAX_TOP_K, stream);
    }
    if (num_hidden > 0) {
      CopyOut(buffers.hidden(), act.hidden[num_logit_rows], size_t{num_hidden} * act.hidden.width, stream);
    }
    if (desc_.flags & SKEIN_SEGMENT_HEAD) return;
    const auto carries = act.Carries();
    for (uint32_t i = 0; i < carries.size(); ++i) {
      CopyOut(buffers.carry_out(i), carries[i].data, FloatsOf(carries[i]), stream);
    }
  }

  static size_t FloatsOf(const kit::Rows& rows) { return size_t{rows.count} * rows.width; }

  // Rows of a step that is replayed as a graph: their logits have room at once. Steps with the library's products have
  // a switch of their own, since nobody has seen yet that they can be captured; without it graphs `are_few`.
  static uint32_t GraphRows(const skein_segment_desc& desc, const DeviceBufferSizes& sizes, bool are_few) {
    uint32_t most = std::min(desc.max_tokens, desc.max_entries);
    if (are_few) most = std::min(most, kLeastLibraryRows - 1);
    return desc.flags & SKEIN_SEGMENT_HEAD ? std::min(most, sizes.logit_rows) : most;
  }

  void CopyIn(void* to, const void* from, size_t bytes, cudaStream_t stream) const {
    if (bytes == 0) return;
    CheckCuda(place_.device, cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "step");
  }

  template <typename T>
  void CopyOut(T* to, const T* from, size_t count, cudaStream_t stream) const {
    if (count == 0) return;
    CheckCuda(place_.device, cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyDeviceToHost, stream), "step");
  }

  std::optional<DeviceScope> ending_;  // the first, so that all others end within it
  const skein_host& host_;
  const SegmentPlace place_;
  const skein_segment_desc desc_;
  const StateForm form_;
  DeviceWeights weights_;
  typename Generation::template Weights<DeviceMatrix, DeviceEmbedding> bound_;
  std::optional<Sealed> sealed_;
  kit::Work work_;
};

}  // namespace

std::unique_ptr<Segment> MakeSegment(const skein_host& host, const SegmentPlace& place,
                                     const skein_segment_desc& desc) {
  return kit::WithGeneration(desc.model.generation, [&](auto generation) -> std::unique_ptr<Segment> {
    return std::make_unique<GenerationSegment<decltype(generation)>>(host, place, desc);
  });
}

skein_segment_cost SegmentCost(const SegmentPlace& place, const skein_segment_desc& desc) {
  return kit::WithGeneration(desc.model.generation, [&](auto generation) {
    return GenerationSegment<decltype(generation)>::Cost(place, desc);
  });
}

}  // namespace skein::cuda
