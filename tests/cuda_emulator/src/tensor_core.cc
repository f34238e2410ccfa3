// Products of a warp, loads of matrices, copies that go on by themselves. Layouts: PTX manual, "Warp Level Matrix
// Instructions", mma.m16n8k8, mma.m16n8k16 and ldmatrix.
#include "cuda_emulator/tensor_core.h"

#include <cstring>

#include "cuda_emulator/atomics.h"
#include "cuda_emulator/rounding.h"
#include "executor.h"

namespace skein::emulator {
namespace {

constexpr int kRows = 16;
constexpr int kColumns = 8;
constexpr int kMaxDepth = 16;

struct MmaSlot {
  MmaInput input;
  int depth;  // k
  float* d;
  const uint32_t* a;
  const uint32_t* b;
};

float Element(MmaInput input, uint32_t pair, int half) {
  const auto bits = static_cast<uint16_t>(pair >> (16 * half));
  return input == MmaInput::kHalf ? HalfBitsToFloat(bits) : Bfloat16BitsToFloat(bits);
}

struct Operands {
  float a[kRows][kMaxDepth];
  float b[kMaxDepth][kColumns];
};

// Lane l is of group l / 4 and has place l % 4 in it. Register i of a: row group + 8 (i odd), column place, + 4 for
// i >= 2. Register i of b: row place + 4 i, column group. The last 13 bits are not looked at.
void GatherTf32(const WarpGroup& group, Operands& operands) {
  const auto value = [](uint32_t bits) { return BitsAs<float>(bits & ~0x1FFFu); };
  for (int lane = 0; lane < static_cast<int>(kWarpLanes); ++lane) {
    const auto& slot = *static_cast<const MmaSlot*>(group.slots[lane]);
    const int quad = lane / 4, place = lane % 4;
    for (int i = 0; i < 4; ++i) operands.a[quad + 8 * (i % 2)][place + 4 * (i / 2)] = value(slot.a[i]);
    for (int i = 0; i < 2; ++i) operands.b[place + 4 * i][quad] = value(slot.b[i]);
  }
}

// Lane l is of group l / 4 and has place l % 4 in it. Register i of a: row group + 8 (i odd), columns 2 place and the
// next, + 8 for i >= 2. Register i of b: rows 2 place and the next, + 8 i, column group.
void Gather(const WarpGroup& group, Operands& operands) {
  for (int lane = 0; lane < static_cast<int>(kWarpLanes); ++lane) {
    const auto& slot = *static_cast<const MmaSlot*>(group.slots[lane]);
    const int quad = lane / 4, place = lane % 4;
    for (int i = 0; i < slot.depth / 4; ++i) {
      for (int half = 0; half < 2; ++half) {
        operands.a[quad + 8 * (i % 2)][2 * place + half + 8 * (i / 2)] = Element(slot.input, slot.a[i], half);
      }
    }
    for (int i = 0; i < slot.depth / 8; ++i) {
      for (int half = 0; half < 2; ++half) {
        operands.b[2 * place + half + 8 * i][quad] = Element(slot.input, slot.b[i], half);
      }
    }
  }
}

// Sums are exact up to one rounding. A tensor core keeps fewer bits.
void ResolveMma(WarpGroup& group) {
  if (group.lanes != ~0u) {
    running_executor->ReportMisuse("a product of a warp without all its lanes", group.threads[0].site);
    return;
  }
  Operands operands;
  const bool is_tf32 = static_cast<const MmaSlot*>(group.slots[0])->input == MmaInput::kTf32;
  is_tf32 ? GatherTf32(group, operands) : Gather(group, operands);
  for (int lane = 0; lane < static_cast<int>(kWarpLanes); ++lane) {
    const auto& slot = *static_cast<const MmaSlot*>(group.slots[lane]);
    // Register i of d: row group + 8 (i >= 2), column 2 place + (i odd).
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      double sum = slot.d[i];
      for (int k = 0; k < slot.depth; ++k) sum += static_cast<double>(operands.a[row][k]) * operands.b[k][column];
      slot.d[i] = static_cast<float>(sum);
    }
  }
}

constexpr WarpOperation kMma = {"mma", ResolveMma};

struct RowsSlot {
  const void* row;
  const void* rows[32];
};

constexpr WarpOperation kLoadMatrix = {"ldmatrix", [](WarpGroup& group) {
                                         if (group.lanes != ~0u) {
                                           running_executor->ReportMisuse("ldmatrix without all lanes of the warp",
                                                                          group.threads[0].site);
                                         }
                                         for (void* pointer : group.slots) {
                                           auto* slot = static_cast<RowsSlot*>(pointer);
                                           if (slot == nullptr) continue;
                                           for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
                                             const auto* other = static_cast<const RowsSlot*>(group.slots[lane]);
                                             slot->rows[lane] = other == nullptr ? slot->row : other->row;
                                           }
                                         }
                                       }};

uint16_t ReadShared(const void* row, int column) {
  const unsigned char* address = static_cast<const unsigned char*>(row) + 2 * column;
  if (running_executor->detector().is_on()) {
    running_executor->detector().OnAccess(reinterpret_cast<uintptr_t>(address), 2, Access::kRead);
  }
  uint16_t value;
  std::memcpy(&value, address, sizeof(value));
  return value;
}

}  // namespace

void Mma(MmaInput input, int k, float* d, const uint32_t* a, const uint32_t* b, const char* file, int line) {
  const bool is_old = k == 8 && input == MmaInput::kHalf;
  running_executor->RequireCapability(is_old ? 75 : 80, "mma", {file, line});
  MmaSlot slot = {input, k, d, a, b};
  running_executor->Collective(kMma, ~0u, &slot, {file, line});
}

void LoadMatrix(int num_matrices, bool transposed, uint32_t* d, const void* row, const char* file, int line) {
  running_executor->RequireCapability(75, "ldmatrix", {file, line});
  const int lane = static_cast<int>(running_thread->lane);
  RowsSlot slot = {row, {}};
  running_executor->Collective(kLoadMatrix, ~0u, &slot, {file, line});
  if (lane < 8 * num_matrices && reinterpret_cast<uintptr_t>(row) % 16 != 0) {
    running_executor->ReportMisuse("ldmatrix: the address of a row is no multiple of 16", {file, line});
  }
  // A lane gets two neighbours of a row, or of a column if transposed.
  const int first = lane / 4, second = 2 * (lane % 4);
  for (int matrix = 0; matrix < num_matrices; ++matrix) {
    const void* const* rows = slot.rows + 8 * matrix;
    const uint32_t low = transposed ? ReadShared(rows[second], first) : ReadShared(rows[first], second);
    const uint32_t high = transposed ? ReadShared(rows[second + 1], first) : ReadShared(rows[first], second + 1);
    d[matrix] = low | high << 16;
  }
}

bool HasAsyncCopies() { return running_executor->capability() >= 80; }

void CopyAsync(void* shared, const void* global, unsigned num_bytes, bool valid, const char* file, int line) {
  running_executor->RequireCapability(80, "cp.async", {file, line});
  running_executor->IssueCopy({shared, global, num_bytes, valid, false, 0, 0}, {file, line});
}

void CopyAsyncCommit() { running_executor->CommitCopies(); }

void CopyAsyncWait(int num_groups, const char* file, int line) {
  const Site site = {file, line};
  if (running_executor->sites().Enter("CopyAsyncWait", site)) {
    running_executor->WaitForCopies(static_cast<uint32_t>(num_groups));
  }
}

void DependencyWait(const char* file, int line) {
  if (running_executor->sites().Enter("DependencyWait", {file, line})) running_thread->dependency_waited = true;
}

void DependencyRelease() { running_executor->detector().Release(*running_thread); }

unsigned long long ReleaseAdd(unsigned long long* counter, unsigned long long n, const char* file,
                              int line) {  // NOLINT
  running_executor->RequireCapability(70, "atom.release", {file, line});
  if (running_executor->sites().Enter("ReleaseAdd", {file, line})) {
    running_executor->detector().ReleaseFence(*running_thread);
  }
  return atomicAdd(counter, n);
}

unsigned long long LoadAcquire(const unsigned long long* counter, const char* file, int line) {  // NOLINT
  running_executor->RequireCapability(70, "ld.acquire", {file, line});
  if (!running_executor->sites().Enter("LoadAcquire", {file, line})) return ~0ull;
  running_executor->Pause();
  AtomicAccess(counter, sizeof(*counter));
  const unsigned long long value = __atomic_load_n(counter, __ATOMIC_RELAXED);  // NOLINT(google-runtime-int)
  running_executor->detector().Fence(*running_thread);
  return value;
}

}  // namespace skein::emulator
