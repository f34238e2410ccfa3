// Drives any backend plugin through skein/backend.h alone: loads it, builds the segments of a synthetic model, and runs
// steps through them as libskein would. A call that cannot fail for a good backend throws std::runtime_error with the
// plugin's message.
#ifndef SKEIN_TESTS_CONFORMANCE_BACKEND_CONFORMANCE_H_
#define SKEIN_TESTS_CONFORMANCE_BACKEND_CONFORMANCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "skein/backend.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"

namespace skein::conformance {

// A loaded plugin; never unloaded.
class BackendPlugin {
 public:
  explicit BackendPlugin(const std::string& path);

  const skein_plugin_answer& answer() const { return answer_; }
  const skein_backend_table& table() const { return *static_cast<const skein_backend_table*>(answer_.table); }
  uint32_t num_devices() const;
  // False where the machine lacks what the backend is for.
  bool HasDevices() const;
  skein_backend_device DeviceInfo(uint32_t index = 0) const;
  // True if its device says that it runs a generation.
  bool Runs(uint32_t generation) const { return (DeviceInfo().generations >> generation & 1) != 0; }

 private:
  skein_plugin_answer answer_{};
};

// A device of a plugin, on a host. Both outlive it.
class Device {
 public:
  Device(const BackendPlugin& plugin, const TestHost& host, uint32_t index = 0);
  ~Device() { plugin_.table().device_close(device_); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const skein_backend_table& table() const { return plugin_.table(); }
  void* handle() const { return device_; }
  // The bytes of its memory that are free; 0 where it does not say.
  uint64_t FreeMemory() const;

 private:
  const BackendPlugin& plugin_;
  void* device_ = nullptr;
};

// Floats in the canonical state of `num_layers` layers.
uint64_t StateFloats(const skein_backend_model& model, uint32_t num_layers);

// The description of a whole model, or of one part of it.
skein_segment_desc DescribeSegment(const SyntheticModel& model, uint32_t first_layer, uint32_t num_layers,
                                   uint32_t flags);
// The tensors of the model that belong to the segment.
std::vector<skein_tensor> TensorsOf(const SyntheticModel& model, const skein_segment_desc& desc);

// A segment handle. Seal seals it, nothing else does. The device outlives it.
class SegmentHandle {
 public:
  // Status and message of the last call below.
  int32_t status() const { return status_; }
  const std::string& message() const { return message_; }

  SegmentHandle(const Device& device, const skein_segment_desc& desc);
  ~SegmentHandle();
  SegmentHandle(const SegmentHandle&) = delete;
  SegmentHandle& operator=(const SegmentHandle&) = delete;

  bool Put(const skein_tensor& tensor);
  // Puts all tensors and seals; stops at the first failure.
  bool Load(const std::vector<skein_tensor>& tensors);
  bool Seal();
  bool Init(uint32_t slot);
  bool Copy(uint32_t from_slot, uint32_t to_slot);
  bool Discard(uint32_t slot);                            // to be called only where the table has state_discard
  bool Export(uint32_t slot, std::vector<float>& state);  // to as many floats as `state` has
  // Begins an export and gives its fence, NULL if there is none; to be called only where the table has
  // state_export_begin.
  bool BeginExport(uint32_t slot, std::vector<float>& state, void** fence);
  bool Import(uint32_t slot, const std::vector<float>& state);
  // As BeginExport, where the table has state_import_begin.
  bool BeginImport(uint32_t slot, const std::vector<float>& state, void** fence);
  // Runs a step and waits for its fence.
  bool Step(const skein_step& step);
  // Begins a step and gives its fence, NULL if there is none.
  bool Begin(const skein_step& step, void** fence);
  bool Wait(void* fence, int64_t timeout_us = -1);
  bool Work(skein_segment_work& work);  // to be called only where the table has segment_work

  const skein_segment_desc& desc() const { return desc_; }
  uint64_t StateFloats() const { return conformance::StateFloats(desc_.model, desc_.num_layers); }

 private:
  bool Finish(int32_t status, const skein_message& message);

  const Device& device_;
  const skein_segment_desc desc_;
  void* segment_ = nullptr;
  int32_t status_ = 0;
  std::string message_;
};

// One stream's part of a step, and its results.
struct Entry {
  uint32_t read_slot;
  uint32_t write_slot;
  std::vector<uint32_t> tokens;
  uint32_t output = SKEIN_STEP_LOGITS;
  uint32_t output_start = 0;

  int32_t status = -1;
  std::vector<float> rows = {};  // outputs, row after row
};

// The way in which a model runs.
struct PipelineOptions {
  std::vector<uint32_t> cuts;  // layers before which a new segment begins; num_layers: the head alone
  uint32_t compute_type = SKEIN_DTYPE_NONE;
  uint32_t flags = 0;  // of every segment, beside those of its ends
  uint32_t num_slots = 8;
  uint32_t max_tokens = 256;
  uint32_t max_entries = 16;
};

// A whole model in one segment or several, on one device or on several in turn.
class Pipeline {
 public:
  Pipeline(const Device& device, const SyntheticModel& model, const PipelineOptions& options = {});
  // Segment i is on device i modulo their number.
  Pipeline(const std::vector<const Device*>& devices, const SyntheticModel& model, const PipelineOptions& options);

  // Runs one step and fills the entries. Gives the code of the step; message() is its message.
  int32_t Step(std::vector<Entry>& entries);
  const std::string& message() const { return message_; }

  // A stream alone: feeds `tokens` to `slot` in chunks, and gives the outputs of all. Throws if an entry fails. `from`
  // is where the first chunk starts.
  std::vector<float> Feed(uint32_t slot, const std::vector<uint32_t>& tokens, size_t chunk,
                          uint32_t from = SKEIN_SLOT_INITIAL, uint32_t output = SKEIN_STEP_LOGITS);

  std::vector<float> Export(uint32_t slot);
  void Import(uint32_t slot, const std::vector<float>& state);
  void Init(uint32_t slot);
  void Copy(uint32_t from_slot, uint32_t to_slot);
  void Discard(uint32_t slot);  // as SegmentHandle::Discard
  // The multiplications of its segments, added up. As SegmentHandle::Work.
  skein_segment_work Work();

 private:
  const SyntheticModel& model_;
  const uint32_t num_carries_;  // of its generation; the others stay NULL
  std::vector<std::unique_ptr<SegmentHandle>> segments_;
  std::string message_;
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_BACKEND_CONFORMANCE_H_
