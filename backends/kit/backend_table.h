// The table of backend.h over a Backend in C++: devices, segments, states, steps, fences. Says nothing of memory: a
// segment may lie on a device that the processor cannot read, and its steps may end after they return. Exceptions end
// here. A backend whose segments lie in the host's memory finds its Device and its Segment in backends/host.
//
// A Backend is a type with
//   kId, kDescription             of the plugin
//   kLibrary                      whose products Work counts apart, such as "oneDNN"; "" if there is none
//   NumDevices()                  how many devices there are now
//   DescribeDevice(index)         the description that device_info gives
//   Device                        an open device: Device(host, index) opens it, or refuses by an exception; Cost(desc);
//                                 MakeSegment(desc); perhaps FreeMemory(), the bytes that are free, from any thread.
//                                 The host outlives it, and it outlives its segments
//   Segment                       a part of a model on a device; see BackendSegment; perhaps DiscardState(slot), which
//                                 gives the memory of a slot back until it is written again; perhaps BeginExport and
//                                 BeginImport(slot, state, num_floats), which give the fence of an export or an import,
//                                 or none if it is done
//   BeginsExports(),              only where Segment has BeginExport or BeginImport: whether the table offers it; the
//   BeginsImports()               same at all times
//   Fence                         only where steps may end after they return; see BackendFence
// Descriptions of segments are checked (segment_desc.h) before they come to a Device.
#ifndef SKEIN_BACKENDS_KIT_BACKEND_TABLE_H_
#define SKEIN_BACKENDS_KIT_BACKEND_TABLE_H_

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kit/segment_desc.h"
#include "kit/step_end.h"
#include "kit/work.h"
#include "skein/backend.h"
#include "support/boundary.h"

namespace skein::kit {

// The segment that the table needs. All but the destructor may throw plugin::Error. One call at a time.
template <typename Segment>
concept BackendSegment = requires(Segment& segment, const skein_tensor& tensor, uint32_t slot, float* exported,
                                  const float* imported, uint64_t num_floats, const skein_step& step) {
  segment.Put(tensor);
  segment.Seal();
  segment.InitState(slot);
  segment.CopyState(slot, slot);
  segment.ExportState(slot, exported, num_floats);
  segment.ImportState(slot, imported, num_floats);
  segment.Step(step);  // std::string without fences: as StepEnd::first_failure; with fences StepEnd
  { segment.TotalWork() } -> std::convertible_to<Work>;
};

// The end of a step that may come after the step returned. Any thread.
template <typename Fence>
concept BackendFence = requires(Fence& fence, int64_t timeout_us) {
  { fence.IsDone() }
  noexcept->std::convertible_to<bool>;
  // After the step: the message of the first entry that failed, or ""; throws if the step failed as a whole. nullopt if
  // the step was not done in time. A negative timeout waits for ever.
  { fence.Wait(timeout_us) } -> std::same_as<std::optional<std::string>>;
};

template <typename Backend>
concept HasFences = requires {
  typename Backend::Fence;
};

template <typename Backend>
concept HasFreeMemory = requires(const typename Backend::Device& device) {
  { device.FreeMemory() } -> std::same_as<uint64_t>;
};

// Whether a segment can give the memory of a slot back.
template <typename Segment>
concept DiscardsStates = requires(Segment& segment, uint32_t slot) {
  segment.DiscardState(slot);
};

// Whether a segment can export a state beside later steps.
template <typename Segment>
concept BeginsExports = requires(Segment& segment, uint32_t slot, float* state, uint64_t num_floats) {
  segment.BeginExport(slot, state, num_floats).release();
};

// The same of an import.
template <typename Segment>
concept BeginsImports = requires(Segment& segment, uint32_t slot, const float* state, uint64_t num_floats) {
  segment.BeginImport(slot, state, num_floats).release();
};

// A struct of the boundary as the caller means it: fields that an older caller's struct lacks are zero, fields that a
// newer one adds is left out.
template <typename Struct>
Struct ReadStruct(const Struct* from) {
  if (from == nullptr) throw plugin::Error(SKEIN_INVALID_ARGUMENT, "a struct is NULL");
  Struct value = {};
  std::memcpy(&value, from, std::min<size_t>(from->struct_size, sizeof(Struct)));
  return value;
}

// Fills a caller's struct up to the size it declares.
template <typename Struct>
void WriteStruct(Struct value, Struct* to) {
  if (to == nullptr) throw plugin::Error(SKEIN_INVALID_ARGUMENT, "a struct is NULL");
  value.struct_size = to->struct_size;
  std::memcpy(static_cast<void*>(to), &value, std::min<size_t>(to->struct_size, sizeof(Struct)));
}

template <typename Backend>
class BackendTable {
 public:
  static const skein_backend_table* Get() {
    static const skein_backend_table table = {
        .struct_size = sizeof(skein_backend_table),
        .reserved = 0,
        .device_count = DeviceCount,
        .device_info = DeviceInfo,
        .device_open = DeviceOpen,
        .device_close = DeviceClose,
        .query = Query,
        .segment_create = SegmentCreate,
        .put_tensor = PutTensor,
        .seal = Seal,
        .segment_destroy = SegmentDestroy,
        .state_init = StateInit,
        .state_copy = StateCopy,
        .state_export = StateExport,
        .state_import = StateImport,
        .step = Step,
        .fence_done = FenceDone(),
        .fence_wait = FenceWait(),
        .fence_release = FenceRelease(),
        .segment_work = SegmentWork,
        .device_free_memory = DeviceFreeMemory(),
        .state_discard = StateDiscard(),
        .state_export_begin = StateExportBegin(),
        .state_import_begin = StateImportBegin(),
    };
    return &table;
  }

 private:
  using Segment = typename Backend::Segment;
  static_assert(BackendSegment<Segment>);

  struct OpenDevice {
    OpenDevice(const skein_host& of, uint32_t index) : host(of), info(Backend::DescribeDevice(index)) {}

    const skein_host host;
    const skein_backend_device info;
    std::optional<typename Backend::Device> device;
  };

  // --- devices ---

  static int32_t DeviceCount(uint32_t* count, skein_message* message) {
    return plugin::Guard(message, [&] { *count = Backend::NumDevices(); });
  }

  static int32_t DeviceInfo(uint32_t index, skein_backend_device* info, skein_message* message) {
    return plugin::Guard(message, [&] {
      CheckIndex(index);
      WriteStruct(Backend::DescribeDevice(index), info);
    });
  }

  static int32_t DeviceOpen(const skein_host* host, uint32_t index, void** device, skein_message* message) {
    return plugin::Guard(message, [&] {
      *device = nullptr;
      CheckIndex(index);
      auto opened = std::make_unique<OpenDevice>(ReadStruct(host), index);
      CheckHost(opened->host);
      opened->device.emplace(opened->host, index);
      *device = opened.release();
    });
  }

  static void DeviceClose(void* device) { delete static_cast<OpenDevice*>(device); }

  static constexpr auto DeviceFreeMemory() -> decltype(skein_backend_table::device_free_memory) {
    if constexpr (HasFreeMemory<Backend>) {
      return [](void* device, uint64_t* bytes, skein_message* message) {
        return plugin::Guard(message, [&] { *bytes = static_cast<OpenDevice*>(device)->device->FreeMemory(); });
      };
    } else {
      return nullptr;
    }
  }

  // --- segments ---

  static int32_t Query(void* device, const skein_segment_desc* desc, skein_segment_cost* cost, skein_message* message) {
    return plugin::Guard(message, [&] {
      const OpenDevice& opened = *static_cast<OpenDevice*>(device);
      const skein_segment_desc wanted = ReadStruct(desc);
      try {
        CheckSegmentDesc(wanted, opened.info);
        WriteStruct(opened.device->Cost(wanted), cost);
      } catch (const plugin::Error& error) {
        WriteStruct(skein_segment_cost{}, cost);
        plugin::WriteMessage(message, error.what());
      }
    });
  }

  static int32_t SegmentCreate(void* device, const skein_segment_desc* desc, void** segment, skein_message* message) {
    return plugin::Guard(message, [&] {
      *segment = nullptr;
      OpenDevice& opened = *static_cast<OpenDevice*>(device);
      const skein_segment_desc wanted = ReadStruct(desc);
      CheckSegmentDesc(wanted, opened.info);
      std::unique_ptr<Segment> made = opened.device->MakeSegment(wanted);
      *segment = made.release();
    });
  }

  static int32_t PutTensor(void* segment, const skein_tensor* tensor, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).Put(ReadStruct(tensor)); });
  }

  static int32_t Seal(void* segment, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).Seal(); });
  }

  static void SegmentDestroy(void* segment) { delete static_cast<Segment*>(segment); }

  // --- states ---

  static int32_t StateInit(void* segment, uint32_t slot, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).InitState(slot); });
  }

  static int32_t StateCopy(void* segment, uint32_t from_slot, uint32_t to_slot, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).CopyState(from_slot, to_slot); });
  }

  static int32_t StateExport(void* segment, uint32_t slot, float* state, uint64_t num_floats, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).ExportState(slot, state, num_floats); });
  }

  static int32_t StateImport(void* segment, uint32_t slot, const float* state, uint64_t num_floats,
                             skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).ImportState(slot, state, num_floats); });
  }

  static constexpr auto StateDiscard() -> decltype(skein_backend_table::state_discard) {
    if constexpr (DiscardsStates<Segment>) {
      return [](void* segment, uint32_t slot, skein_message* message) {
        return plugin::Guard(message, [&] { Of(segment).DiscardState(slot); });
      };
    } else {
      return nullptr;
    }
  }

  static auto StateExportBegin() -> decltype(skein_backend_table::state_export_begin) {
    if constexpr (BeginsExports<Segment>) {
      static_assert(HasFences<Backend>);
      if (!Backend::BeginsExports()) return nullptr;
      return [](void* segment, uint32_t slot, float* state, uint64_t num_floats, void** fence, skein_message* message) {
        return plugin::Guard(message, [&] {
          *fence = nullptr;
          std::unique_ptr<typename Backend::Fence> begun = Of(segment).BeginExport(slot, state, num_floats);
          *fence = begun.release();
        });
      };
    } else {
      return nullptr;
    }
  }

  static auto StateImportBegin() -> decltype(skein_backend_table::state_import_begin) {
    if constexpr (BeginsImports<Segment>) {
      static_assert(HasFences<Backend>);
      if (!Backend::BeginsImports()) return nullptr;
      return [](void* segment, uint32_t slot, const float* state, uint64_t num_floats, void** fence,
                skein_message* message) {
        return plugin::Guard(message, [&] {
          *fence = nullptr;
          std::unique_ptr<typename Backend::Fence> begun = Of(segment).BeginImport(slot, state, num_floats);
          *fence = begun.release();
        });
      };
    } else {
      return nullptr;
    }
  }

  // --- steps ---

  static int32_t Step(void* segment, const skein_step* step, void** fence, skein_message* message) {
    return plugin::Guard(message, [&] {
      *fence = nullptr;
      if constexpr (HasFences<Backend>) {
        StepEnd<typename Backend::Fence> end = Of(segment).Step(ReadStruct(step));
        Tell(end.first_failure, message);
        *fence = end.fence.release();
      } else {
        Tell(Of(segment).Step(ReadStruct(step)), message);
      }
    });
  }

  static constexpr auto FenceDone() -> decltype(skein_backend_table::fence_done) {
    if constexpr (HasFences<Backend>) {
      return [](void* fence) { return uint32_t{FenceOf(fence).IsDone()}; };
    } else {
      return nullptr;
    }
  }

  static constexpr auto FenceWait() -> decltype(skein_backend_table::fence_wait) {
    if constexpr (HasFences<Backend>) {
      return [](void* fence, int64_t timeout_us, skein_message* message) {
        return plugin::Guard(message, [&] {
          const std::optional<std::string> first_failure = FenceOf(fence).Wait(timeout_us);
          if (!first_failure) throw plugin::Error(SKEIN_DEADLINE_EXCEEDED, "it is not done yet");
          Tell(*first_failure, message);
        });
      };
    } else {
      return nullptr;
    }
  }

  static constexpr auto FenceRelease() -> decltype(skein_backend_table::fence_release) {
    if constexpr (HasFences<Backend>) {
      return [](void* fence) { delete &FenceOf(fence); };
    } else {
      return nullptr;
    }
  }

  static int32_t SegmentWork(void* segment, skein_segment_work* work, skein_message* message) {
    return plugin::Guard(message, [&] {
      const Work total = Of(segment).TotalWork();
      skein_segment_work value = {};
      value.multiplications = total.multiplications;
      value.library_multiplications = total.library_multiplications;
      static_assert(sizeof(value.library) > std::string_view(Backend::kLibrary).size());
      std::string_view(Backend::kLibrary).copy(value.library, sizeof(value.library));
      WriteStruct(value, work);
    });
  }

  // --- the common part ---

  static Segment& Of(void* segment) { return *static_cast<Segment*>(segment); }

  static auto& FenceOf(void* fence) {
    static_assert(BackendFence<typename Backend::Fence>);
    return *static_cast<typename Backend::Fence*>(fence);
  }

  static void Tell(const std::string& first_failure, skein_message* message) {
    if (!first_failure.empty()) plugin::WriteMessage(message, first_failure.c_str());
  }

  static void CheckIndex(uint32_t index) {
    const uint32_t count = Backend::NumDevices();
    if (index < count) return;
    throw plugin::Error(SKEIN_OUT_OF_RANGE, "device " + std::to_string(index) + ": expected an index below " +
                                                std::to_string(count) + ", the number of devices");
  }

  static void CheckHost(const skein_host& host) {
    if (host.concurrency == nullptr || host.parallel_for == nullptr || host.parallel_region == nullptr ||
        host.alloc == nullptr || host.free == nullptr) {
      throw plugin::Error(SKEIN_FAILED_PRECONDITION, "the host lacks threads or memory services");
    }
  }
};

// The body of skein_plugin_entry for a Backend.
template <typename Backend>
int32_t AnswerForBackend(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return plugin::Answer(offer, answer, message, SKEIN_PLUGIN_BACKEND, Backend::kId, SKEIN_PLUGIN_VERSION,
                        Backend::kDescription, BackendTable<Backend>::Get());
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_BACKEND_TABLE_H_
