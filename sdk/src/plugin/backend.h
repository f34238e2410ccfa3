// The backend table of a plugin as checked C++: devices and segments that own their handles, with statuses instead of
// codes, and fences that are waited for.
#ifndef SKEIN_PLUGIN_BACKEND_H_
#define SKEIN_PLUGIN_BACKEND_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/device_list.h"
#include "skein/backend.h"

namespace skein {

// An open device. Threads: any.
class Device {
 public:
  // `host` outlives the device.
  static absl::StatusOr<std::shared_ptr<Device>> Open(const skein_host& host, const DeviceDescription& description);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceDescription& description() const { return description_; }
  // Whether a segment on it found the device lost. An open device that was lost stays so.
  bool is_lost() const { return is_lost_.load(std::memory_order_relaxed); }
  // UNIMPLEMENTED with the backend's reason if it would not run the segment.
  absl::StatusOr<skein_segment_cost> Query(const skein_segment_desc& desc) const;
  // The bytes that are free of `memory_bytes`, which the last list of devices says, or all of them where its backend
  // does not tell. 0, which is not known, stays 0.
  absl::StatusOr<uint64_t> FreeMemory(uint64_t memory_bytes) const;

 private:
  friend class Segment;
  Device(const skein_host& host, const DeviceDescription& description) : host_(host), description_(description) {}
  // Adds "device NAME: `text`" to the runtime's log.
  void Log(uint32_t severity, absl::string_view text) const;
  // Says in the log that `what`, such as "a step", has been under way for `time`, if there is memory for that.
  void LogStall(absl::string_view what, std::chrono::seconds time) const noexcept;

  const skein_host& host_;
  const DeviceDescription description_;
  void* handle_ = nullptr;  // the plugin's; constant once the device is open
  bool is_open_ = false;
  std::atomic<bool> is_lost_{false};
};

class Segment;

// A step, export or import that a segment has begun, until it was waited for. The segment outlives it. Threads: one at
// a time.
class SegmentFence {
 public:
  SegmentFence() = default;  // is done
  SegmentFence(SegmentFence&& other) noexcept
      : segment_(other.segment_), what_(other.what_), fence_(std::exchange(other.fence_, nullptr)) {}
  SegmentFence& operator=(SegmentFence other) noexcept {
    std::swap(segment_, other.segment_);
    std::swap(what_, other.what_);
    std::swap(fence_, other.fence_);
    return *this;
  }
  ~SegmentFence();

  bool is_done() const noexcept;
  // Waits until the device has finished, also with something that failed. After the return nobody but the caller
  // touches its inputs and outputs. While it takes longer than ten seconds, the log says so.
  absl::Status Wait();

 private:
  friend class Segment;
  SegmentFence(const Segment& segment, const char* what, void* fence)
      : segment_(&segment), what_(what), fence_(fence) {}

  const Segment* segment_ = nullptr;
  const char* what_ = "";  // "a step"
  void* fence_ = nullptr;  // the plugin's; NULL: it is done
};

// A segment of a model on a device. Threads: one at a time. UNAVAILABLE of any call: the device is lost, and what was
// on it too; the message has its name.
class Segment {
 public:
  // The log says so if a row's result may depend on the other rows of its step (deterministic_types).
  static absl::StatusOr<std::unique_ptr<Segment>> Create(std::shared_ptr<Device> device,
                                                         const skein_segment_desc& desc);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  const skein_segment_desc& desc() const { return desc_; }
  const Device& device() const { return *device_; }

  absl::Status Put(const skein_tensor& tensor);
  absl::Status Seal();
  absl::Status ExportState(uint32_t slot, absl::Span<float> state) const;
  // Whether BeginExport may come while steps are under way.
  bool exports_beside_steps() const;
  // Begins to export the state that the steps begun so far leave in a slot. Until it was waited for, `state` stays as
  // it is, and so does the slot, which steps may read. A backend whose steps are done when they return has done it.
  absl::StatusOr<SegmentFence> BeginExport(uint32_t slot, absl::Span<float> state) const;
  absl::Status ImportState(uint32_t slot, absl::Span<const float> state);
  // The same two of imports: what begins later finds the state in the slot. If the fence tells of a failure, the slot
  // and what steps have read there are undefined.
  bool imports_beside_steps() const;
  absl::StatusOr<SegmentFence> BeginImport(uint32_t slot, absl::Span<const float> state);
  // No effect if the backend cannot give a slot's memory back, or fails to.
  void DiscardState(uint32_t slot) noexcept;
  // Whether its steps may be under way when they have begun.
  bool ends_late() const;
  // Begins a step, behind those that have begun before. Entries carry their own statuses, which are there when the step
  // is done. After an error no device touches the step's memory. INTERNAL: the backend gave a fence without functions
  // for it, or a code that is no failure of a device.
  absl::StatusOr<SegmentFence> Begin(const skein_step& step);
  // The multiplications of the segment so far. UNIMPLEMENTED: its backend does not count.
  absl::StatusOr<skein_segment_work> Work() const;

 private:
  friend class SegmentFence;
  Segment(std::shared_ptr<Device> device, const skein_segment_desc& desc) : device_(std::move(device)), desc_(desc) {}
  absl::Status Check(int32_t code, const skein_message& message) const;
  bool begins_exports() const;
  bool begins_imports() const;
  // Takes over what a call that begins `what` gave.
  absl::StatusOr<SegmentFence> Begun(const char* what, int32_t code, const skein_message& message, void* fence) const;
  // Waits until what a fence is of is done, and gives its code and message. It waits whatever happens, because the
  // device still writes to the caller's memory.
  int32_t WaitFor(const char* what, void* fence, skein_message* message) const noexcept;
  // The same, and the fence is gone afterwards.
  int32_t End(const char* what, void* fence, skein_message* message) const noexcept;
  const skein_backend_table& table() const { return *device_->description().plugin.table; }

  const std::shared_ptr<Device> device_;
  const skein_segment_desc desc_;
  void* handle_ = nullptr;  // the plugin's; constant once the segment is made
  bool is_made_ = false;
};

}  // namespace skein

#endif  // SKEIN_PLUGIN_BACKEND_H_
