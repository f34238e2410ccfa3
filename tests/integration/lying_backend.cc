// A device "lying": the reference device, of which one function lies as it is told, and which watches whether the host
// keeps its own promises.
#include "tests/integration/lying_backend.h"

#include <dlfcn.h>
#include <skein/backend.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

namespace {

using skein::test::Lie;
using skein::test::Order;

Order order;  // of a test, which gives it while no other thread calls
const char* broken_promise = "";
const skein_backend_table* reference;

void Promise(bool kept, const char* what) {
  if (!kept && *broken_promise == '\0') broken_promise = what;
}

template <typename Struct>
bool IsZeroedStruct(const Struct& value) {
  Struct zero;
  std::memset(static_cast<void*>(&zero), 0, sizeof(zero));
  zero.struct_size = sizeof(zero);
  return std::memcmp(&value, &zero, sizeof(zero)) == 0;
}

// Runs a function of the reference device, or the lie that is told of it. `distort` makes huge numbers or noise of what
// it gave.
template <typename Work, typename Distort>
int32_t Tell(std::string_view function, skein_message* message, const Work& work, const Distort& distort) {
  Promise(message != nullptr && message->text[0] == '\0', "a message comes, and it is empty");
  if (message == nullptr || function != order.function) return work();
  if (order.lie == Lie::kNothing) return SKEIN_OK;
  if (order.lie == Lie::kCode || order.lie == Lie::kAfterAll) {
    if (order.lie == Lie::kAfterAll) work();
    std::memcpy(message->text, order.message, sizeof(message->text));
    return order.code;
  }
  const int32_t code = work();
  if (order.lie == Lie::kHuge || order.lie == Lie::kNoise) distort(order.lie == Lie::kHuge);
  return code;
}

void Fill(void* to, size_t size, bool huge) { std::memset(to, huge ? 0xFF : 0x9B, size); }

// All fields of a struct but its size.
template <typename Struct>
void Distort(Struct* of, bool huge) {
  Fill(reinterpret_cast<char*>(of) + sizeof(of->struct_size), sizeof(Struct) - sizeof(of->struct_size), huge);
}

int32_t DeviceCount(uint32_t* count, skein_message* message) {
  return Tell(
      "device_count", message, [&] { return reference->device_count(count, message); },
      [&](bool huge) { Fill(count, sizeof(*count), huge); });
}

int32_t DeviceInfo(uint32_t index, skein_backend_device* info, skein_message* message) {
  Promise(IsZeroedStruct(*info), "the description of a device comes zeroed");
  return Tell(
      "device_info", message,
      [&] {
        const int32_t code = reference->device_info(index, info, message);
        std::memcpy(info->name, "lying", sizeof("lying"));
        return code;
      },
      [&](bool huge) { Distort(info, huge); });
}

int32_t DeviceOpen(const skein_host* host, uint32_t index, void** device, skein_message* message) {
  return Tell(
      "device_open", message, [&] { return reference->device_open(host, index, device, message); }, [](bool) {});
}

int32_t Query(void* device, const skein_segment_desc* desc, skein_segment_cost* cost, skein_message* message) {
  Promise(IsZeroedStruct(*cost), "a cost comes zeroed");
  return Tell(
      "query", message, [&] { return reference->query(device, desc, cost, message); },
      [&](bool huge) { Distort(cost, huge); });
}

int32_t SegmentCreate(void* device, const skein_segment_desc* desc, void** segment, skein_message* message) {
  return Tell(
      "segment_create", message, [&] { return reference->segment_create(device, desc, segment, message); },
      [](bool) {});
}

int32_t PutTensor(void* segment, const skein_tensor* tensor, skein_message* message) {
  Promise(tensor->num_dims != 1 || tensor->dtype == SKEIN_DTYPE_F32, "vectors come in F32");
  return Tell(
      "put_tensor", message, [&] { return reference->put_tensor(segment, tensor, message); }, [](bool) {});
}

int32_t Seal(void* segment, skein_message* message) {
  return Tell(
      "seal", message, [&] { return reference->seal(segment, message); }, [](bool) {});
}

int32_t StateExport(void* segment, uint32_t slot, float* state, uint64_t num_floats, skein_message* message) {
  return Tell(
      "state_export", message, [&] { return reference->state_export(segment, slot, state, num_floats, message); },
      [&](bool huge) { Fill(state, num_floats * sizeof(float), huge); });
}

int32_t StateImport(void* segment, uint32_t slot, const float* state, uint64_t num_floats, skein_message* message) {
  return Tell(
      "state_import", message, [&] { return reference->state_import(segment, slot, state, num_floats, message); },
      [](bool) {});
}

// The numbers that a step gives: statuses, rows and tokens.
void DistortStep(void* segment, const skein_step* step, bool huge) {
  (void)segment;
  for (uint32_t i = 0; i < step->num_entries; ++i) {
    auto* entry = reinterpret_cast<skein_step_entry*>(static_cast<char*>(step->entries) + i * step->entry_size);
    if (entry->output_rows != nullptr) {
      entry->output_rows[0] = huge ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
    }
    if (entry->output_tokens != nullptr) entry->output_tokens[0] = huge ? 0xFFFFFFFFu : 0x9B9B9B9Bu;
    if (!huge) entry->status = static_cast<int32_t>(0x9B9B9B9Bu);
  }
}

int32_t Step(void* segment, const skein_step* step, void** fence, skein_message* message) {
  Promise(fence != nullptr && *fence == nullptr, "a fence comes as NULL");
  for (uint32_t i = 0; i < step->num_entries; ++i) {
    const auto* entry =
        reinterpret_cast<const skein_step_entry*>(static_cast<const char*>(step->entries) + i * step->entry_size);
    Promise(entry->status == SKEIN_OK, "the status of an entry comes as 0");
  }
  return Tell(
      "step", message, [&] { return reference->step(segment, step, fence, message); },
      [&](bool huge) { DistortStep(segment, step, huge); });
}

int32_t SegmentWork(void* segment, skein_segment_work* work, skein_message* message) {
  Promise(IsZeroedStruct(*work), "the work of a segment comes zeroed");
  return Tell(
      "segment_work", message, [&] { return reference->segment_work(segment, work, message); },
      [&](bool huge) { Distort(work, huge); });
}

skein_backend_table table;

}  // namespace

extern "C" SKEIN_API void lying_backend_obey(const Order* next) { order = *next; }
extern "C" SKEIN_API const char* lying_backend_broken_promise() { return broken_promise; }

extern "C" SKEIN_API int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer,
                                                skein_message* message) {
  Promise(IsZeroedStruct(*answer), "the answer comes zeroed");
  void* library = dlopen(SKEIN_REFERENCE_BACKEND, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return SKEIN_NOT_FOUND;
  const int32_t code =
      reinterpret_cast<skein_plugin_entry_fn>(dlsym(library, "skein_plugin_entry"))(offer, answer, message);
  if (code != SKEIN_OK) return code;
  reference = static_cast<const skein_backend_table*>(answer->table);
  std::memcpy(&table, reference, std::min<size_t>(reference->struct_size, sizeof(table)));
  table.device_count = DeviceCount;
  table.device_info = DeviceInfo;
  table.device_open = DeviceOpen;
  table.query = Query;
  table.segment_create = SegmentCreate;
  table.put_tensor = PutTensor;
  table.seal = Seal;
  table.state_export = StateExport;
  table.state_import = StateImport;
  table.step = Step;
  table.segment_work = SegmentWork;
  answer->table = &table;
  answer->id = "lying";
  return SKEIN_OK;
}
