// The late backend, for tests: two devices that compute as the reference backend does, on threads of their own. Every
// step gives a fence and ends late. control.h lists its other commands.
//
// Each function calls the reference backend's table, so the late backend holds no arithmetic of its own.
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "numbers/state_layout.h"
#include "tests/support/late_backend/control.h"
#include "tests/support/late_backend/device.h"
#include "tests/support/late_backend/state.h"

// The entry of the reference backend, whose sources are built into this plugin under another name.
extern "C" int32_t reference_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer,
                                          skein_message* message);

namespace skein::late {
namespace {

// A segment of the reference backend, and what was asked of it last.
struct Segment {
  Segment(Device& on, const skein_segment_desc& desc, uint64_t num_bytes)
      : device(on),
        bytes(num_bytes),
        num_layers(desc.num_layers),
        num_slots(desc.num_slots),
        state_floats(desc.num_layers * LayerStateFloats(desc.model)),
        last_users(desc.num_slots),
        last_imports(desc.num_slots) {}

  Device& device;
  void* inner = nullptr;
  const uint64_t bytes;
  const uint32_t num_layers;
  const uint32_t num_slots;
  const uint64_t state_floats;
  SegmentStates states;
  std::shared_ptr<Task> last_step;
  std::shared_ptr<Task> last_export;
  Tasks last_users;    // by slot: the last step that reads or writes it; nullptr: there was none
  Tasks last_imports;  // by slot: the last import that was begun; nullptr: there was none, or it was seen to be done

  // Steps end in order, so that all are done when the last one is.
  void WaitForSteps() const {
    if (last_step != nullptr) last_step->Wait();
  }
  void WaitForImports() const {
    for (const std::shared_ptr<Task>& import : last_imports) {
      if (import != nullptr) import->Wait();
    }
  }
  // The imports into the slots that a step reads which are not done.
  Tasks ImportsBefore(const skein_step& step) {
    Tasks imports;
    for (uint32_t i = 0; i < step.num_entries; ++i) {
      const uint32_t slot = EntryAt(step, i).read_slot;
      if (slot < num_slots && IsComing(slot)) imports.push_back(last_imports[slot]);
    }
    return imports;
  }
  // Whether an import into the slot is under way.
  bool IsComing(uint32_t slot) {
    if (last_imports[slot] != nullptr && last_imports[slot]->is_done()) last_imports[slot] = nullptr;
    return last_imports[slot] != nullptr;
  }
  void NoteUse(const skein_step& step, const std::shared_ptr<Task>& task) {
    for (uint32_t i = 0; i < step.num_entries; ++i) {
      const skein_step_entry& entry = EntryAt(step, i);
      for (const uint32_t slot : {entry.read_slot, entry.write_slot}) {
        if (slot < num_slots) last_users[slot] = task;
      }
    }
  }
  // Calls a function of the reference backend behind all steps and imports.
  template <typename Call>
  int32_t Behind(const Call& call) {
    WaitForImports();
    return BehindSteps(call);
  }
  template <typename Call>
  int32_t BehindSteps(const Call& call) {
    WaitForSteps();
    const std::lock_guard<std::mutex> lock(states.inner_mutex());
    return call(inner);
  }
};

// What the reference backend is asked for in place of `desc`: it has no arithmetic that a host may be told to want, and
// keeps states in float32. What the late backend does not offer stays, for the reference backend to refuse.
skein_segment_desc ForReference(const skein_segment_desc& desc) {
  const Offer offer = SharedState().offer();
  skein_segment_desc inner = desc;
  if ((offer.auto_types >> desc.compute_type & 1u) != 0) inner.compute_type = SKEIN_DTYPE_NONE;
  if ((offer.state_types >> desc.state_type & 1u) != 0) inner.state_type = SKEIN_DTYPE_F32;
  return inner;
}

Segment& Of(void* segment) { return *static_cast<Segment*>(segment); }

// Runs `body`, which gives a code. Nothing thrown crosses the boundary.
template <typename Body>
int32_t Guard(skein_message* message, const Body& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::strncpy(message->text, error.what(), sizeof(message->text) - 1);
    return SKEIN_RESOURCE_EXHAUSTED;
  }
}

int32_t CheckIndex(uint32_t index, skein_message* message) {
  if (index < kNumDevices) return SKEIN_OK;
  std::strcpy(message->text, "expected device 0 or 1");
  return SKEIN_OUT_OF_RANGE;
}

int32_t DeviceCount(uint32_t* count, skein_message*) {
  *count = kNumDevices;
  return SKEIN_OK;
}

int32_t DeviceInfo(uint32_t index, skein_backend_device* info, skein_message* message) {
  int32_t code = CheckIndex(index, message);
  if (code == SKEIN_OK) code = Reference().device_info(0, info, message);
  if (code != SKEIN_OK) return code;
  const Offer offer = SharedState().offer();
  info->features = offer.features;
  info->deterministic_types = offer.deterministic_types;
  info->rank = offer.rank;
  info->auto_types = offer.auto_types;
  info->compute_types |= offer.auto_types;
  info->state_types = offer.state_types;
  info->memory_bytes = offer.memory_bytes[index];
  std::snprintf(info->name, sizeof(info->name), SKEIN_LATE_ID ":%u", index);
  std::strcpy(info->description, "reference loops on a thread of their own, with fences");
  return SKEIN_OK;
}

int32_t DeviceOpen(const skein_host* host, uint32_t index, void** device, skein_message* message) {
  *device = nullptr;
  return Guard(message, [&] {
    void* inner = nullptr;
    int32_t code = CheckIndex(index, message);
    if (code == SKEIN_OK) code = Reference().device_open(host, 0, &inner, message);
    if (code == SKEIN_OK) *device = new Device(inner, index);
    return code;
  });
}

int32_t DeviceFreeMemory(void* device, uint64_t* bytes, skein_message*) {
  SharedState().Count([](Counts& counts) { ++counts.num_asked_for_memory; });
  *bytes = SharedState().offer().free_bytes[static_cast<Device*>(device)->index()];
  return SKEIN_OK;
}

void DeviceClose(void* device) { delete static_cast<Device*>(device); }

int32_t Query(void* device, const skein_segment_desc* desc, skein_segment_cost* cost, skein_message* message) {
  const skein_segment_desc inner = ForReference(*desc);
  return Reference().query(static_cast<Device*>(device)->inner(), &inner, cost, message);
}

int32_t SegmentCreate(void* device, const skein_segment_desc* desc, void** segment, skein_message* message) {
  *segment = nullptr;
  return Guard(message, [&] {
    Device& mine = *static_cast<Device*>(device);
    if (mine.is_lost()) return Lost(message);
    skein_segment_cost cost = {};
    cost.struct_size = sizeof(cost);
    Query(device, desc, &cost, message);
    const uint64_t bytes = cost.weights_bytes + desc->num_slots * cost.slot_bytes + cost.scratch_bytes;
    auto made = std::make_unique<Segment>(mine, *desc, bytes);
    const skein_segment_desc inner = ForReference(*desc);
    const int32_t code = Reference().segment_create(mine.inner(), &inner, &made->inner, message);
    if (code != SKEIN_OK) return code;
    *segment = made.release();
    SharedState().Count([&](Counts& counts) {
      ++counts.num_segments;
      ++counts.num_live_segments;
      counts.compute_type = desc->compute_type;
      counts.state_type = desc->state_type;
    });
    return code;
  });
}

int32_t PutTensor(void* segment, const skein_tensor* tensor, skein_message* message) {
  if (Of(segment).device.is_lost()) return Lost(message);
  return Of(segment).Behind([&](void* inner) { return Reference().put_tensor(inner, tensor, message); });
}

int32_t Seal(void* segment, skein_message* message) {
  Segment& mine = Of(segment);
  if (mine.device.is_lost()) return Lost(message);
  if (mine.bytes > SharedState().offer().room_bytes[mine.device.index()]) {
    std::strcpy(message->text, "others have the memory");
    return SKEIN_RESOURCE_EXHAUSTED;
  }
  return mine.Behind([&](void* inner) { return Reference().seal(inner, message); });
}

void SegmentDestroy(void* segment) {
  Segment& mine = Of(segment);
  mine.states.ChangeAll();
  mine.WaitForSteps();
  mine.WaitForImports();
  if (mine.last_export != nullptr) mine.last_export->Wait();
  Reference().segment_destroy(mine.inner);
  delete &mine;
  SharedState().Count([](Counts& counts) { --counts.num_live_segments; });
}

int32_t StateInit(void* segment, uint32_t slot, skein_message* message) {
  Of(segment).states.Change(slot);
  return Of(segment).Behind([&](void* inner) { return Reference().state_init(inner, slot, message); });
}

int32_t StateCopy(void* segment, uint32_t from_slot, uint32_t to_slot, skein_message* message) {
  Of(segment).states.Change(to_slot);
  return Of(segment).Behind([&](void* inner) { return Reference().state_copy(inner, from_slot, to_slot, message); });
}

// The order for an export or import on the device.
Order MoveOrder(const Device& device) {
  const Order order = SharedState().order();
  return order.device == kAny || order.device == device.index() ? order : Order();
}

int32_t StateExport(void* segment, uint32_t slot, float* state, uint64_t num_floats, skein_message* message) {
  Segment& mine = Of(segment);
  SharedState().Count([](Counts& counts) { ++counts.num_exports_at_once; });
  if (mine.device.is_lost()) return Lost(message);
  const Order order = MoveOrder(mine.device);
  if (order.mishap == Mishap::kExportFails) {
    WriteMessage(order, message);
    return order.code;
  }
  mine.WaitForSteps();
  std::this_thread::sleep_for(std::chrono::microseconds(SharedState().offer().export_us));
  return mine.Behind([&](void* inner) { return Reference().state_export(inner, slot, state, num_floats, message); });
}

// What the reference backend would refuse is refused at once, as the arguments of a step are.
int32_t CheckMove(const Segment& segment, uint32_t slot, const float* state, uint64_t num_floats,
                  skein_message* message) {
  if (slot < segment.num_slots && num_floats == segment.state_floats && state != nullptr) return SKEIN_OK;
  std::snprintf(message->text, sizeof(message->text), "expected one of %u slots and %llu floats", segment.num_slots,
                static_cast<unsigned long long>(segment.state_floats));
  return slot < segment.num_slots ? SKEIN_INVALID_ARGUMENT : SKEIN_OUT_OF_RANGE;
}

// The fence of an export or import of a slot, which is under way from now on.
void* MakeMoveFence(Segment& segment, uint32_t slot, const std::shared_ptr<Task>& task) {
  segment.states.BeginMove(slot);
  try {
    return SharedState().MakeFence(task);
  } catch (...) {
    segment.states.EndMove(slot);
    throw;
  }
}

int32_t StateExportBegin(void* segment, uint32_t slot, float* state, uint64_t num_floats, void** fence,
                         skein_message* message) {
  *fence = nullptr;
  return Guard(message, [&]() -> int32_t {
    Segment& mine = Of(segment);
    if (mine.device.is_lost()) return Lost(message);
    const Order order = MoveOrder(mine.device);
    if (order.mishap == Mishap::kExportFails) {
      WriteMessage(order, message);
      return order.code;
    }
    const int32_t code = CheckMove(mine, slot, state, num_floats, message);
    if (code != SKEIN_OK) return code;
    Tasks before;
    if (mine.last_step != nullptr) before.push_back(mine.last_step);
    if (mine.IsComing(slot)) before.push_back(mine.last_imports[slot]);
    const std::chrono::microseconds duration(SharedState().offer().export_us);
    TaskList task = {std::make_shared<ExportTask>(
        StateMove<float>{mine.inner, mine.states, slot, state, num_floats, std::move(before), order, duration})};
    *fence = MakeMoveFence(mine, slot, task.front());
    SharedState().Count([](Counts& counts) { ++counts.num_exports_begun; });
    mine.last_export = task.front();
    mine.device.EnqueueExport(task);
    return SKEIN_OK;
  });
}

int32_t StateImport(void* segment, uint32_t slot, const float* state, uint64_t num_floats, skein_message* message) {
  Segment& mine = Of(segment);
  SharedState().Count([](Counts& counts) { ++counts.num_imports_at_once; });
  if (mine.device.is_lost()) return Lost(message);
  const Order order = MoveOrder(mine.device);
  if (order.mishap == Mishap::kImportFails) {
    WriteMessage(order, message);
    return order.code;
  }
  mine.states.Change(slot);
  mine.WaitForSteps();
  std::this_thread::sleep_for(std::chrono::microseconds(SharedState().offer().import_us));
  return mine.Behind([&](void* inner) { return Reference().state_import(inner, slot, state, num_floats, message); });
}

int32_t StateImportBegin(void* segment, uint32_t slot, const float* state, uint64_t num_floats, void** fence,
                         skein_message* message) {
  *fence = nullptr;
  return Guard(message, [&]() -> int32_t {
    Segment& mine = Of(segment);
    if (mine.device.is_lost()) return Lost(message);
    const Order order = MoveOrder(mine.device);
    if (order.mishap == Mishap::kImportFails) {
      WriteMessage(order, message);
      return order.code;
    }
    const int32_t code = CheckMove(mine, slot, state, num_floats, message);
    if (code != SKEIN_OK) return code;
    Tasks before;
    if (mine.last_users[slot] != nullptr) before.push_back(mine.last_users[slot]);
    if (mine.IsComing(slot)) before.push_back(mine.last_imports[slot]);
    const std::chrono::microseconds duration(SharedState().offer().import_us);
    TaskList task = {std::make_shared<ImportTask>(
        StateMove<const float>{mine.inner, mine.states, slot, state, num_floats, std::move(before), order, duration})};
    mine.states.Change(slot);
    *fence = MakeMoveFence(mine, slot, task.front());
    SharedState().Count([](Counts& counts) { ++counts.num_imports_begun; });
    mine.last_imports[slot] = task.front();
    mine.device.EnqueueImport(task);
    return SKEIN_OK;
  });
}

int32_t Step(void* segment, const skein_step* step, void** fence, skein_message* message) {
  *fence = nullptr;
  return Guard(message, [&]() -> int32_t {
    Segment& mine = Of(segment);
    SharedState().Count([](Counts& counts) { ++counts.num_step_calls; });
    if (mine.device.is_lost()) return Lost(message);
    Order order = SharedState().order();
    if (!IsMeant(order, mine.device.index(), *step)) order = Order();
    const bool fails = order.mishap == Mishap::kStepFails || order.mishap == Mishap::kErrorAndFence;
    if (fails) WriteMessage(order, message);
    if (order.mishap == Mishap::kStepFails) return order.code;
    SharedState().CountDraws(*step);
    const Offer offer = SharedState().offer();
    const std::chrono::microseconds duration(uint64_t{mine.num_layers} *
                                             (offer.layer_us + uint64_t{offer.layer_row_us} * step->num_tokens));
    for (uint32_t i = 0; i < step->num_entries; ++i) mine.states.Change(EntryAt(*step, i).write_slot);
    TaskList task = {
        std::make_shared<StepTask>(mine.inner, mine.states, *step, mine.ImportsBefore(*step), order, duration)};
    *fence = SharedState().MakeFence(task.front());
    mine.last_step = task.front();
    mine.NoteUse(*step, task.front());
    mine.device.EnqueueStep(task);
    return fails ? order.code : SKEIN_OK;
  });
}

uint32_t FenceDone(void* fence) {
  const std::shared_ptr<Task> task = SharedState().TaskOf(fence);
  return task == nullptr || task->is_done() ? 1 : 0;
}

int32_t FenceWait(void* fence, int64_t timeout_us, skein_message* message) {
  const std::shared_ptr<Task> task = SharedState().TaskOf(fence);
  if (task == nullptr) return SKEIN_INTERNAL;
  if (timeout_us < 0) task->Wait();
  if (timeout_us >= 0 && !task->WaitFor(std::chrono::microseconds(timeout_us))) return SKEIN_DEADLINE_EXCEEDED;
  if (message != nullptr) *message = task->message();
  return task->code();
}

void FenceRelease(void* fence) { SharedState().ReleaseFence(fence); }

int32_t SegmentWork(void* segment, skein_segment_work* work, skein_message* message) {
  // Imports multiply nothing.
  return Of(segment).BehindSteps([&](void* inner) { return Reference().segment_work(inner, work, message); });
}

// Not constant, since a test says what it has.
Table table = {
    .backend =
        {
            .struct_size = sizeof(Table),
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
            .fence_done = FenceDone,
            .fence_wait = FenceWait,
            .fence_release = FenceRelease,
            .segment_work = SegmentWork,
            .device_free_memory = DeviceFreeMemory,
            .state_discard = nullptr,
            .state_export_begin = StateExportBegin,
            .state_import_begin = StateImportBegin,
        },
    .obey = [](const Order* order) { SharedState().Obey(*order); },
    .offer =
        [](const Offer* offer) {
          SharedState().Declare(*offer);
          const auto out = offer->begins_exports ? StateExportBegin : nullptr;
          if (table.backend.state_export_begin != out) table.backend.state_export_begin = out;
          const auto in = offer->begins_imports ? StateImportBegin : nullptr;
          if (table.backend.state_import_begin != in) table.backend.state_import_begin = in;
        },
    .hold = [](uint32_t device, uint32_t held) { SharedState().Hold(device, held != 0); },
    .hold_exports = [](uint32_t device, uint32_t held) { SharedState().HoldExports(device, held != 0); },
    .hold_imports = [](uint32_t device, uint32_t held) { SharedState().HoldImports(device, held != 0); },
    .lose = [](uint32_t device) { SharedState().Lose(device); },
    .counts = [] { return SharedState().counts(); },
};

const skein_backend_table* LoadReference() {
  skein_plugin_offer offer = {};
  offer.struct_size = sizeof(offer);
  offer.abi_min = offer.abi_max = SKEIN_PLUGIN_ABI;
  skein_plugin_answer answer = {};
  answer.struct_size = sizeof(answer);
  skein_message message = {};
  reference_plugin_entry(&offer, &answer, &message);
  return static_cast<const skein_backend_table*>(answer.table);
}

}  // namespace

const skein_backend_table& Reference() {
  static const skein_backend_table* const table = LoadReference();
  return *table;
}

}  // namespace skein::late

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  const int32_t code = reference_plugin_entry(offer, answer, message);
  if (code != SKEIN_OK) return code;
  answer->id = SKEIN_LATE_ID;
  answer->description = "for tests: two devices that end every step late";
  answer->num_threads = skein::late::kNumDevices;
  answer->table = &skein::late::table;
  return SKEIN_OK;
}
