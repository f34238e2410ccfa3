#include "engine/device_step_runner.h"

#include <new>
#include <utility>

namespace skein {

DeviceStepRunner::DeviceStepRunner(std::shared_ptr<Runtime> runtime, std::shared_ptr<const ModelFile> file,
                                   std::unique_ptr<DeviceModel> model)
    : runtime_(std::move(runtime)), file_(std::move(file)), model_(std::move(model)), counted_(model_->Work()) {}

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

absl::Status DeviceStepRunner::ImportState(uint32_t slot, absl::Span<const float> values) {
  return model_->ImportState(slot, values);
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
