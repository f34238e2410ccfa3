// The table of backend.h over a C++ segment (host_segment.h): one device, steps that are done when they return.
// Exceptions end here.
//
// A Backend has
//   using SegmentRunner
//   static skein_backend_device Device()        what device_info says
//   static void Open(const skein_host&)         called whenever the device is opened; refuses by an exception
//   static constexpr const char *kId, *kDescription   of the plugin
#ifndef SKEIN_BACKENDS_KIT_BACKEND_TABLE_H_
#define SKEIN_BACKENDS_KIT_BACKEND_TABLE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "host/host_segment.h"
#include "kit/segment_desc.h"
#include "skein/backend.h"
#include "support/boundary.h"

namespace skein::kit {

// A struct of the boundary as the caller means it: what an older caller's struct lacks is zero, what a newer one adds
// is left out.
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
    static constexpr skein_backend_table kTable = {
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
        .fence_done = nullptr,
        .fence_wait = nullptr,
        .fence_release = nullptr,
        .segment_work = SegmentWork,
    };
    return &kTable;
  }

 private:
  using SegmentRunner = typename Backend::SegmentRunner;

  struct Device {
    skein_host host;
    skein_backend_device info;
  };

  static int32_t DeviceCount(uint32_t* count, skein_message*) {
    *count = 1;
    return SKEIN_OK;
  }

  static int32_t DeviceInfo(uint32_t index, skein_backend_device* info, skein_message* message) {
    return plugin::Guard(message, [&] {
      CheckIndex(index);
      WriteStruct(Backend::Device(), info);
    });
  }

  static int32_t DeviceOpen(const skein_host* host, uint32_t index, void** device, skein_message* message) {
    return plugin::Guard(message, [&] {
      *device = nullptr;
      CheckIndex(index);
      auto opened = std::make_unique<Device>(Device{ReadStruct(host), Backend::Device()});
      if (opened->host.concurrency == nullptr || opened->host.parallel_for == nullptr ||
          opened->host.parallel_region == nullptr || opened->host.alloc == nullptr || opened->host.free == nullptr) {
        throw plugin::Error(SKEIN_FAILED_PRECONDITION, "the host lacks threads or memory services");
      }
      Backend::Open(opened->host);
      *device = opened.release();
    });
  }

  static void DeviceClose(void* device) { delete static_cast<Device*>(device); }

  static int32_t Query(void* device, const skein_segment_desc* desc, skein_segment_cost* cost, skein_message* message) {
    return plugin::Guard(message, [&] {
      const Device& opened = *static_cast<Device*>(device);
      const skein_segment_desc wanted = ReadStruct(desc);
      try {
        CheckSegmentDesc(wanted, opened.info);
        WriteStruct(SegmentCost<SegmentRunner>(opened.host, wanted), cost);
      } catch (const plugin::Error& error) {
        WriteStruct(skein_segment_cost{}, cost);
        plugin::WriteMessage(message, error.what());
      }
    });
  }

  static int32_t SegmentCreate(void* device, const skein_segment_desc* desc, void** segment, skein_message* message) {
    return plugin::Guard(message, [&] {
      *segment = nullptr;
      const Device& opened = *static_cast<Device*>(device);
      const skein_segment_desc wanted = ReadStruct(desc);
      CheckSegmentDesc(wanted, opened.info);
      *segment = MakeSegment<SegmentRunner>(opened.host, wanted).release();
    });
  }

  static int32_t PutTensor(void* segment, const skein_tensor* tensor, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).Put(ReadStruct(tensor)); });
  }

  static int32_t Seal(void* segment, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).Seal(); });
  }

  static void SegmentDestroy(void* segment) { delete static_cast<kit::HostSegment*>(segment); }

  static int32_t StateInit(void* segment, uint32_t slot, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).slots().Init(slot); });
  }

  static int32_t StateCopy(void* segment, uint32_t from_slot, uint32_t to_slot, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).slots().Copy(from_slot, to_slot); });
  }

  static int32_t StateExport(void* segment, uint32_t slot, float* state, uint64_t num_floats, skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).slots().Export(slot, state, num_floats); });
  }

  static int32_t StateImport(void* segment, uint32_t slot, const float* state, uint64_t num_floats,
                             skein_message* message) {
    return plugin::Guard(message, [&] { Of(segment).slots().Import(slot, state, num_floats); });
  }

  static int32_t Step(void* segment, const skein_step* step, void** fence, skein_message* message) {
    return plugin::Guard(message, [&] {
      *fence = nullptr;
      const std::string first_failure = Of(segment).Step(ReadStruct(step));
      if (!first_failure.empty()) plugin::WriteMessage(message, first_failure.c_str());
    });
  }

  static int32_t SegmentWork(void* segment, skein_segment_work* work, skein_message* message) {
    return plugin::Guard(message, [&] {
      const Work total = Of(segment).TotalWork();
      skein_segment_work value = {};
      value.multiplications = total.multiplications;
      value.library_multiplications = total.library_multiplications;
      static_assert(sizeof(value.library) > std::string_view(SegmentRunner::kLibrary).size());
      std::string_view(SegmentRunner::kLibrary).copy(value.library, sizeof(value.library));
      WriteStruct(value, work);
    });
  }

  static kit::HostSegment& Of(void* segment) { return *static_cast<kit::HostSegment*>(segment); }

  static void CheckIndex(uint32_t index) {
    if (index != 0) {
      throw plugin::Error(SKEIN_OUT_OF_RANGE, "device " + std::to_string(index) + ": the plugin has one device");
    }
  }
};

// The body of skein_plugin_entry for a backend class.
template <typename Backend>
int32_t AnswerForBackend(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return plugin::Answer(offer, answer, message, SKEIN_PLUGIN_BACKEND, Backend::kId, SKEIN_PLUGIN_VERSION,
                        Backend::kDescription, BackendTable<Backend>::Get());
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_BACKEND_TABLE_H_
