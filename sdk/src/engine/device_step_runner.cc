#include "engine/device_step_runner.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/status.h"

namespace skein {
namespace {

// The way of a state, which each segment has its part of.
class SegmentsMove final : public StateMove {
 public:
  explicit SegmentsMove(std::vector<SegmentFence> fences) : fences_(std::move(fences)) {}

  bool is_done() const noexcept override {
    return std::all_of(fences_.begin(), fences_.end(), [](const SegmentFence& fence) { return fence.is_done(); });
  }
  absl::Status Wait() noexcept override {
    absl::Status status;
    for (SegmentFence& fence : fences_) status.Update(Guarded([&fence] { return fence.Wait(); }));
    return status;
  }

 private:
  std::vector<SegmentFence> fences_;
};

}  // namespace

DeviceStepRunner::DeviceStepRunner(std::shared_ptr<Runtime> runtime, std::shared_ptr<const ModelFile> file,
                                   std::unique_ptr<DeviceModel> model)
    : runtime_(std::move(runtime)), file_(std::move(file)), model_(std::move(model)), counted_(model_->Work()) {}

StepPipeline DeviceStepRunner::pipeline() const {
  return {.depth = model_->max_steps(),
          .num_stages = model_->num_stages(),
          .feeds_drawn = model_->feeds_drawn(),
          .exports_beside_steps = model_->max_steps() > 1 && model_->exports_beside_steps(),
          .imports_beside_steps = model_->max_steps() > 1 && model_->imports_beside_steps()};
}

void DeviceStepRunner::Observe(ModelObserver& observer) {
  if (observer.trace() == nullptr) return;
  for (uint32_t i = 0; i < model_->num_segments(); ++i) observer.NameSegment(i);
  model_->set_on_segment(
      [&observer](size_t segment, DeviceModel::Clock::time_point begin, DeviceModel::Clock::time_point end) noexcept {
        observer.OnSegment(static_cast<uint32_t>(segment), {begin, end});
      });
}

absl::Status DeviceStepRunner::Begin(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) {
  runtime_->services().Execute([&] { model_->Begin(tokens, entries); });
  ++num_in_flight_;
  return absl::OkStatus();
}

absl::Status DeviceStepRunner::Finish() noexcept {
  absl::Status status;
  runtime_->services().Execute([&] { status = model_->Finish(); });
  if (--num_in_flight_ > 0) return status;
  try {
    CountWork();
  } catch (const std::bad_alloc&) {  // the next step's count includes what is missed now
  }
  return status;
}

absl::Status DeviceStepRunner::ExportState(uint32_t slot, absl::Span<float> values) {
  return model_->ExportState(slot, values);
}

absl::StatusOr<std::unique_ptr<StateMove>> DeviceStepRunner::BeginExport(uint32_t slot, absl::Span<float> values) {
  SKEIN_ASSIGN_OR_RETURN(std::vector<SegmentFence> fences, model_->BeginExport(slot, values));
  return std::make_unique<SegmentsMove>(std::move(fences));
}

absl::Status DeviceStepRunner::ImportState(uint32_t slot, absl::Span<const float> values) {
  return model_->ImportState(slot, values);
}

absl::StatusOr<std::unique_ptr<StateMove>> DeviceStepRunner::BeginImport(uint32_t slot,
                                                                         absl::Span<const float> values) {
  SKEIN_ASSIGN_OR_RETURN(std::vector<SegmentFence> fences, model_->BeginImport(slot, values));
  return std::make_unique<SegmentsMove>(std::move(fences));
}

void DeviceStepRunner::CountWork() {
  Metrics& metrics = runtime_->metrics();
  const std::vector<skein_segment_work> work = model_->Work();
  for (size_t i = 0; i < work.size(); ++i) {
    if (work[i].library[0] != '\0') {
      metrics.library_multiplications.Add(work[i].library,
                                          work[i].library_multiplications - counted_[i].library_multiplications);
    }
    metrics.multiplications += work[i].multiplications - counted_[i].multiplications;
    counted_[i] = work[i];
  }
}

}  // namespace skein
