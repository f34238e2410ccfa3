#include "plugin/backend.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "plugin/message.h"
#include "plugin/table_rules.h"
#include "skein/runtime.h"

namespace skein {
namespace {

// What takes longer is reported in the log.
constexpr std::chrono::microseconds kPatience = std::chrono::seconds(10);
// The pause between two waits. Without it a backend that returns from a wait too early would keep a core busy.
constexpr std::chrono::milliseconds kPause(1);

}  // namespace

absl::StatusOr<std::shared_ptr<Device>> Device::Open(const skein_host& host, const DeviceDescription& description) {
  // The owner comes before the plugin's object, which would be lost if memory ran out between the two.
  std::shared_ptr<Device> device(new Device(host, description));
  skein_message message = {};
  SKEIN_RETURN_IF_ERROR(
      FromPlugin(description.plugin.table->device_open(&host, description.index, &device->handle_, &message), message,
                 description.plugin.id));
  if (device->handle_ == nullptr) {
    return absl::InternalError(absl::StrCat(description.plugin.id, ": device_open succeeded without a device"));
  }
  device->is_open_ = true;
  return device;
}

Device::~Device() {
  if (is_open_) description_.plugin.table->device_close(handle_);
}

void Device::Log(uint32_t severity, absl::string_view text) const {
  if (!SKEIN_HAS(skein_host, &host_, log)) return;
  const std::string line = absl::StrCat("device ", description_.info.name, ": ", text);
  host_.log(host_.context, severity, line.data(), line.size());
}

void Device::LogStall(absl::string_view what, std::chrono::seconds time) const noexcept {
  try {
    Log(SKEIN_LOG_WARNING, absl::StrCat(what, " has been under way for ", time.count(), " s"));
  } catch (const std::bad_alloc&) {  // the wait goes on in any case
  }
}

absl::StatusOr<skein_segment_cost> Device::Query(const skein_segment_desc& desc) const {
  skein_message message = {};
  skein_segment_cost cost = {};
  cost.struct_size = sizeof(cost);
  SKEIN_RETURN_IF_ERROR(
      FromPlugin(description_.plugin.table->query(handle_, &desc, &cost, &message), message, description_.plugin.id));
  if (cost.supported == 0) {
    return absl::UnimplementedError(absl::StrCat("device ", description_.info.name, ": ", TextOf(message.text)));
  }
  return cost;
}

absl::StatusOr<uint64_t> Device::FreeMemory(uint64_t memory_bytes) const {
  const skein_backend_table& table = *description_.plugin.table;
  if (memory_bytes == 0 || !SKEIN_HAS(skein_backend_table, &table, device_free_memory)) return memory_bytes;
  uint64_t bytes = 0;
  skein_message message = {};
  SKEIN_RETURN_IF_ERROR(
      FromPlugin(table.device_free_memory(handle_, &bytes, &message), message, description_.plugin.id));
  return std::min(bytes, memory_bytes);
}

absl::StatusOr<std::unique_ptr<Segment>> Segment::Create(std::shared_ptr<Device> device,
                                                         const skein_segment_desc& desc) {
  void* const device_handle = device->handle_;
  std::unique_ptr<Segment> segment(new Segment(std::move(device), desc));
  const DeviceDescription& description = segment->device().description();
  skein_message message = {};
  SKEIN_RETURN_IF_ERROR(segment->Check(
      description.plugin.table->segment_create(device_handle, &desc, &segment->handle_, &message), message));
  if (segment->handle_ == nullptr) {
    return absl::InternalError(absl::StrCat(description.plugin.id, ": segment_create succeeded without a segment"));
  }
  segment->is_made_ = true;
  const bool is_deterministic = (desc.flags & SKEIN_SEGMENT_DETERMINISTIC) != 0 ||
                                (description.info.deterministic_types >> desc.compute_type & 1u) != 0;
  if (!is_deterministic) {
    segment->device().Log(SKEIN_LOG_INFO,
                          "in this type the last bits of a stream's results may depend on the streams that it shares "
                          "its steps with");
  }
  return segment;
}

Segment::~Segment() {
  if (is_made_) table().segment_destroy(handle_);
}

absl::Status Segment::Check(int32_t code, const skein_message& message) const {
  absl::Status status = FromPlugin(code, message, device_->description().plugin.id);
  if (!absl::IsUnavailable(status)) return status;
  device_->is_lost_ = true;
  return absl::UnavailableError(
      absl::StrCat("device ", device_->description().info.name, " is lost: ", status.message()));
}

absl::Status Segment::Put(const skein_tensor& tensor) {
  skein_message message = {};
  return Check(table().put_tensor(handle_, &tensor, &message), message);
}

absl::Status Segment::Seal() {
  skein_message message = {};
  return Check(table().seal(handle_, &message), message);
}

absl::Status Segment::ExportState(uint32_t slot, absl::Span<float> state) const {
  skein_message message = {};
  return Check(table().state_export(handle_, slot, state.data(), state.size(), &message), message);
}

absl::Status Segment::ImportState(uint32_t slot, absl::Span<const float> state) {
  skein_message message = {};
  return Check(table().state_import(handle_, slot, state.data(), state.size(), &message), message);
}

void Segment::DiscardState(uint32_t slot) noexcept {
  if (!SKEIN_HAS(skein_backend_table, &table(), state_discard)) return;
  skein_message message = {};
  // The memory stays where it is, and a lost device shows with the next step.
  static_cast<void>(table().state_discard(handle_, slot, &message));
}

bool Segment::ends_late() const { return HasFences(table()); }

absl::StatusOr<SegmentFence> Segment::Begin(const skein_step& step) {
  skein_message message = {};
  void* fence = nullptr;
  const int32_t begun = table().step(handle_, &step, &fence, &message);
  return Begun("a step", begun, message, fence);
}

bool Segment::begins_exports() const {
  return ends_late() && SKEIN_HAS(skein_backend_table, &table(), state_export_begin);
}

bool Segment::exports_beside_steps() const { return !ends_late() || begins_exports(); }

absl::StatusOr<SegmentFence> Segment::BeginExport(uint32_t slot, absl::Span<float> state) const {
  if (!begins_exports()) {
    SKEIN_RETURN_IF_ERROR(ExportState(slot, state));
    return SegmentFence();
  }
  skein_message message = {};
  void* fence = nullptr;
  const int32_t begun = table().state_export_begin(handle_, slot, state.data(), state.size(), &fence, &message);
  return Begun("an export of a state", begun, message, fence);
}

bool Segment::begins_imports() const {
  return ends_late() && SKEIN_HAS(skein_backend_table, &table(), state_import_begin);
}

bool Segment::imports_beside_steps() const { return !ends_late() || begins_imports(); }

absl::StatusOr<SegmentFence> Segment::BeginImport(uint32_t slot, absl::Span<const float> state) {
  if (!begins_imports()) {
    SKEIN_RETURN_IF_ERROR(ImportState(slot, state));
    return SegmentFence();
  }
  skein_message message = {};
  void* fence = nullptr;
  const int32_t begun = table().state_import_begin(handle_, slot, state.data(), state.size(), &fence, &message);
  return Begun("an import of a state", begun, message, fence);
}

absl::StatusOr<SegmentFence> Segment::Begun(const char* what, int32_t code, const skein_message& message,
                                            void* fence) const {
  if (fence != nullptr && ends_late()) {
    if (code == SKEIN_OK) return SegmentFence(*this, what, fence);
    skein_message last_message = {};
    End(what, fence, &last_message);  // the device may still work on what failed
    fence = nullptr;
  }
  SKEIN_RETURN_IF_ERROR(Check(code, message));
  if (fence != nullptr) {
    return absl::InternalError(absl::StrCat(device_->description().plugin.id, ": ", what,
                                            " gave a fence, but the table has no functions for it"));
  }
  return SegmentFence();
}

int32_t Segment::End(const char* what, void* fence, skein_message* message) const noexcept {
  const int32_t code = WaitFor(what, fence, message);
  table().fence_release(fence);
  return code;
}

SegmentFence::~SegmentFence() {
  skein_message message = {};
  if (fence_ != nullptr) segment_->End(what_, fence_, &message);
}

bool SegmentFence::is_done() const noexcept { return fence_ == nullptr || segment_->table().fence_done(fence_) != 0; }

absl::Status SegmentFence::Wait() {
  if (fence_ == nullptr) return absl::OkStatus();
  skein_message message = {};
  const int32_t code = segment_->End(what_, std::exchange(fence_, nullptr), &message);
  return segment_->Check(code, message);
}

int32_t Segment::WaitFor(const char* what, void* fence, skein_message* message) const noexcept {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  Clock::time_point next_warning = begin + kPatience;
  // DEADLINE_EXCEEDED is the code of the wait or, once the fence is done, that of what it is of.
  bool is_done = false;
  while (true) {
    const int32_t code = table().fence_wait(fence, kPatience.count(), message);
    if (code != SKEIN_DEADLINE_EXCEEDED || is_done) return code;
    is_done = table().fence_done(fence) != 0;
    if (is_done) continue;
    if (Clock::now() < next_warning) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    device_->LogStall(what, std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin));
    next_warning += kPatience;
  }
}

absl::StatusOr<skein_segment_work> Segment::Work() const {
  if (!SKEIN_HAS(skein_backend_table, &table(), segment_work)) {
    return absl::UnimplementedError(absl::StrCat(device_->description().plugin.id, ": does not count multiplications"));
  }
  skein_message message = {};
  skein_segment_work work = {};
  work.struct_size = sizeof(work);
  SKEIN_RETURN_IF_ERROR(Check(table().segment_work(handle_, &work, &message), message));
  EndText(work.library);
  return work;
}

}  // namespace skein
