#include "cuda/kernels/state_copy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/backends/cuda/kernel_harness.h"

namespace skein::cuda {
namespace {

struct CopyShape {
  LayerShape layers;
  StateType type;
};

size_t ElementBytes(StateType type) { return type == StateType::kF16 ? sizeof(uint16_t) : sizeof(float); }

// Slots of layers, as the contract has them, in the host's memory.
class HostSlots {
 public:
  HostSlots(const CopyShape& shape, uint32_t num_slots) : shape_(shape) { bytes_.resize(num_slots * slot_bytes()); }

  size_t slot_bytes() const { return shape_.layers.num_layers * shape_.layers.layer_bytes; }
  size_t numbers() const {
    return size_t{shape_.layers.num_layers} * (shape_.layers.num_shift_floats + shape_.layers.num_wkv);
  }
  std::vector<unsigned char>& bytes() { return bytes_; }

  void Put(uint32_t slot, const std::vector<float>& canonical) {
    size_t next = 0;
    ForEach(slot, [&](unsigned char* place, bool is_half) {
      const float number = canonical[next++];
      const uint16_t half = F32ToF16(number);
      if (is_half) std::memcpy(place, &half, sizeof(half));
      if (!is_half) std::memcpy(place, &number, sizeof(number));
    });
  }
  std::vector<float> Get(uint32_t slot) {
    std::vector<float> canonical;
    ForEach(slot, [&](const unsigned char* place, bool is_half) {
      float number = 0;
      uint16_t half = 0;
      std::memcpy(&half, place, sizeof(half));
      if (!is_half) std::memcpy(&number, place, sizeof(number));
      canonical.push_back(is_half ? F16ToF32(half) : number);
    });
    return canonical;
  }

 private:
  void ForEach(uint32_t slot, const std::function<void(unsigned char*, bool)>& visit) {
    const LayerShape& layers = shape_.layers;
    for (uint32_t layer = 0; layer < layers.num_layers; ++layer) {
      unsigned char* place = bytes_.data() + slot * slot_bytes() + layer * layers.layer_bytes;
      for (uint32_t i = 0; i < layers.num_shift_floats; ++i, place += sizeof(float)) visit(place, false);
      for (uint32_t i = 0; i < layers.num_wkv; ++i, place += ElementBytes(shape_.type)) {
        visit(place, shape_.type == StateType::kF16);
      }
    }
  }

  CopyShape shape_;
  std::vector<unsigned char> bytes_;
};

WordCopy CopyOf(const DeviceArray<unsigned char>& to, const DeviceArray<unsigned char>& from, size_t num_bytes) {
  return {reinterpret_cast<uint32_t*>(to.get()), reinterpret_cast<const uint32_t*>(from.get()),
          static_cast<uint32_t>(num_bytes / sizeof(uint32_t))};
}

std::vector<float> Rounded(const CopyShape& shape, std::vector<float> canonical) {
  HostSlots slots(shape, 1);
  slots.Put(0, canonical);
  return slots.Get(0);
}

constexpr uint32_t kSlots = 3;

std::string ExportFault(const Trial& trial, const CopyShape& shape) {
  HostSlots slots(shape, kSlots);
  Random random(1);
  std::vector<float> canonical;
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    canonical = random.Floats(slots.numbers());
    slots.Put(slot, canonical);
  }
  const DeviceArray<unsigned char> source(slots.bytes()), device(slots.bytes().size());
  const DeviceArray<float> out(slots.numbers());
  const States states = {device.get(), slots.slot_bytes(), shape.type};
  std::string fault = trial.Run({CopyOf(device, source, slots.bytes().size())}, [&](const Queue& queue) {
    return ExportSlot(queue, states, shape.layers, kSlots - 1, out.get());
  });
  if (!fault.empty()) return fault;
  return FirstDifference("canonical", Rounded(shape, canonical), out.Read(), 0);
}

// The other slots keep what they had, and so do the gaps.
std::string ImportFault(const Trial& trial, const CopyShape& shape) {
  HostSlots slots(shape, kSlots);
  Random random(1);
  for (uint32_t slot = 0; slot < kSlots; ++slot) slots.Put(slot, random.Floats(slots.numbers()));
  const std::vector<float> canonical = random.Floats(slots.numbers());
  const DeviceArray<unsigned char> device(slots.bytes());
  const CaseRows in(canonical, 1, static_cast<uint32_t>(canonical.size()));
  const States states = {device.get(), slots.slot_bytes(), shape.type};
  std::string fault = trial.Run(
      {in.copy()}, [&](const Queue& queue) { return ImportSlot(queue, states, shape.layers, 1, in.device().data); });
  if (!fault.empty()) return fault;
  slots.Put(1, canonical);
  return device.Read() == slots.bytes() ? "" : "the slots' bytes differ";
}

// Shapes with gaps between the layers, and without; generation 4 has no wkv matrix.
const CopyShape kShapes[] = {{{3, 10, 25, 96}, StateType::kF16},
                             {{2, 384, 1000, 5536}, StateType::kF32},
                             {{1, 5, 7, 36}, StateType::kF16},
                             {{2, 60, 0, 240}, StateType::kF32},
                             {{2, 128, 8192, 16896}, StateType::kF16}};

TEST(StateCopyTest, StatesAreExportedFromEveryShapeOfSlot) {
  for (const CopyShape& shape : kShapes) {
    SCOPED_TRACE(shape.layers.num_wkv);
    ExpectRight([&](const Trial& trial) { return ExportFault(trial, shape); }, 1);
  }
}

TEST(StateCopyTest, StatesAreImportedToEveryShapeOfSlot) {
  for (const CopyShape& shape : kShapes) {
    SCOPED_TRACE(shape.layers.num_wkv);
    ExpectRight([&](const Trial& trial) { return ImportFault(trial, shape); }, 1);
  }
}

TEST(StateCopyTest, FaultsAreSeen) {
  for (const KernelCase& run : {KernelCase([](const Trial& trial) { return ExportFault(trial, kShapes[1]); }),
                                KernelCase([](const Trial& trial) { return ImportFault(trial, kShapes[1]); })}) {
    ExpectEachBarrierIsNeeded(run, 1);
    ExpectIndexFaultsAreSeen(run);
  }
}

}  // namespace
}  // namespace skein::cuda
