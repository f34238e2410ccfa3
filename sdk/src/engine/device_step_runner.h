// Steps of a model on its devices, on the runtime's threads.
#ifndef SKEIN_ENGINE_DEVICE_STEP_RUNNER_H_
#define SKEIN_ENGINE_DEVICE_STEP_RUNNER_H_

#include <memory>
#include <vector>

#include "devices/device_model.h"
#include "engine/step_runner.h"
#include "model/model_file.h"
#include "runtime/runtime.h"

namespace skein {

class DeviceStepRunner final : public StepRunner {
 public:
  // Keeps `file`, from which weights may be mapped, and the runtime.
  DeviceStepRunner(std::shared_ptr<Runtime> runtime, std::shared_ptr<const ModelFile> file,
                   std::unique_ptr<DeviceModel> model);

  StepPipeline pipeline() const override;
  void Observe(ModelObserver& observer) override;
  absl::Status Begin(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) override;
  absl::Status Finish() noexcept override;
  absl::Status ExportState(uint32_t slot, absl::Span<float> values) override;
  absl::StatusOr<std::unique_ptr<StateMove>> BeginExport(uint32_t slot, absl::Span<float> values) override;
  absl::Status ImportState(uint32_t slot, absl::Span<const float> values) override;
  absl::StatusOr<std::unique_ptr<StateMove>> BeginImport(uint32_t slot, absl::Span<const float> values) override;
  void DiscardState(uint32_t slot) noexcept override { model_->DiscardState(slot); }

 private:
  // Adds the segments' multiplications since the last call to the runtime's metrics. Between steps.
  void CountWork();

  const std::shared_ptr<Runtime> runtime_;
  const std::shared_ptr<const ModelFile> file_;
  const std::unique_ptr<DeviceModel> model_;
  uint32_t num_in_flight_ = 0;
  std::vector<skein_segment_work> counted_;  // by segment: the part that is in the metrics already
};

}  // namespace skein

#endif  // SKEIN_ENGINE_DEVICE_STEP_RUNNER_H_
