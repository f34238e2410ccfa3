// Products of small matrices that the lanes of a warp hold together, mma, and the loads that spread them, ldmatrix.
//
// The layouts are those of the PTX manual's section on mma, where lane l is of group l / 4 and has the place l % 4 in
// it.
#include <cstring>

#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

struct Element {
  uint32_t row, column;
};

// Matrices of 16 bits, two to a register, and of tf32, one to a register. Element i of a lane's fragment:
//
// m16n8k16, a:  row     group      for i in {0, 1, 4, 5}, group + 8 for {2, 3, 6, 7}
//               column  2 place + (i & 1), and 8 more from i = 4 on
//           b:  row     2 place + (i & 1), and 8 more from i = 2 on;  column group
// m16n8k8, 16 bits,
//           a:  row     group for i in {0, 1}, group + 8 for {2, 3};  column 2 place + (i & 1)
//           b:  row     2 place + i;  column group
// m16n8k8, tf32,
//           a:  row     group for i in {0, 2}, group + 8 for {1, 3};  column place, and 4 more from i = 2 on
//           b:  row     place, and 4 more for i = 1;  column group
// All:      c, d: row   group for i in {0, 1}, group + 8 for {2, 3};  column 2 place + (i & 1)
struct Layout16 {
  static Element A(uint32_t group, uint32_t place, uint32_t i) {
    return {group + (i & 2 ? 8 : 0), 2 * place + (i & 1) + (i >= 4 ? 8 : 0)};
  }
  static Element B(uint32_t group, uint32_t place, uint32_t i) {
    return {2 * place + (i & 1) + (i >= 2 ? 8 : 0), group};
  }
};
struct LayoutTf32 {
  static Element A(uint32_t group, uint32_t place, uint32_t i) {
    return {group + (i & 1 ? 8 : 0), place + (i >= 2 ? 4 : 0)};
  }
  static Element B(uint32_t group, uint32_t place, uint32_t i) { return {place + (i >= 1 ? 4 : 0), group}; }
};
Element SumElement(uint32_t group, uint32_t place, uint32_t i) {
  return {group + (i & 2 ? 8 : 0), 2 * place + (i & 1)};
}

// A number of tf32 in a register of 32 bits: the bits that it does not have are not looked at.
struct Tf32 {
  uint32_t bits;
  explicit operator float() const { return std::bit_cast<float>(bits & kTf32Bits); }
};

constexpr uint32_t kRows = 16, kColumns = 8;

// d = a b + c. Operands: the registers of d, then of a, b and c. Products are exact and their sum is rounded once; how
// a tensor core rounds in between is not said.
template <typename T, typename Layout, uint32_t kInner>
void Product(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  if (lanes != kAllLanes) throw Fault{.message = "not all lanes of the warp take part"};
  constexpr uint32_t kOfA = kRows * kInner / kLanes, kOfB = kInner * kColumns / kLanes;
  constexpr uint32_t kInRegister = 4 / sizeof(T);
  const Place* operands = instruction.operands.data();
  const Place* first_a = operands + 4;
  const Place* first_b = first_a + kOfA / kInRegister;
  const Place* first_c = first_b + kOfB / kInRegister;
  const auto element = [&](const Place* first, uint32_t lane, uint32_t i) {
    return static_cast<float>(warp.Lanes<T>(first[i / kInRegister])[lane * kInRegister + i % kInRegister]);
  };
  float a[kRows][kInner], b[kInner][kColumns];
  double sums[kRows][kColumns];
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    const uint32_t group = lane / 4, place = lane % 4;
    for (uint32_t i = 0; i < kOfA; ++i) {
      const Element at = Layout::A(group, place, i);
      a[at.row][at.column] = element(first_a, lane, i);
    }
    for (uint32_t i = 0; i < kOfB; ++i) {
      const Element at = Layout::B(group, place, i);
      b[at.row][at.column] = element(first_b, lane, i);
    }
    for (uint32_t i = 0; i < 4; ++i) {
      const Element at = SumElement(group, place, i);
      sums[at.row][at.column] = static_cast<double>(warp.Lanes<float>(first_c[i])[lane]);
    }
  }
  for (uint32_t row = 0; row < kRows; ++row) {
    for (uint32_t k = 0; k < kInner; ++k) {
      for (uint32_t column = 0; column < kColumns; ++column) {
        sums[row][column] += static_cast<double>(a[row][k]) * static_cast<double>(b[k][column]);
      }
    }
  }
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    for (uint32_t i = 0; i < 4; ++i) {
      const Element at = SumElement(lane / 4, lane % 4, i);
      warp.Lanes<float>(operands[i])[lane] = static_cast<float>(sums[at.row][at.column]);
    }
  }
}

// The products that are known, by the part of the opcode behind "mma.sync.aligned.".
struct ProductRow {
  std::string_view name;
  size_t num_a, num_b;  // registers
  Handler handler;
};
constexpr ProductRow kProducts[] = {
    {"m16n8k16.row.col.f32.f16.f16.f32", 4, 2, Product<Half, Layout16, 16>},
    {"m16n8k16.row.col.f32.bf16.bf16.f32", 4, 2, Product<Bf16, Layout16, 16>},
    {"m16n8k8.row.col.f32.f16.f16.f32", 2, 1, Product<Half, Layout16, 8>},
    {"m16n8k8.row.col.f32.bf16.bf16.f32", 2, 1, Product<Bf16, Layout16, 8>},
    {"m16n8k8.row.col.f32.tf32.tf32.f32", 4, 2, Product<Tf32, LayoutTf32, 8>},
};

// All 32 lanes meet: the instruction is "aligned".
void MeetAll(Decoder& decoder) {
  Operand all;
  all.kind = Operand::Kind::kNumber;
  all.text = "0xFFFFFFFF";
  decoder.instruction.operands[kMeetMask] = decoder.SourceOf(all, Type::kB32);
  decoder.instruction.flow = Flow::kMeet;
}

void DecodeMma(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  constexpr std::string_view kBegin = "mma.sync.aligned.";
  const ProductRow* found = nullptr;
  for (const ProductRow& row : kProducts) {
    if (instruction.opcode.starts_with(kBegin) && instruction.opcode.substr(kBegin.size()) == row.name) found = &row;
  }
  if (found == nullptr) decoder.Fail("this product is not known");
  decoder.modifiers = Modifiers("");
  decoder.ExpectOperands(4);
  size_t next = 0;
  const auto add = [&](size_t index, size_t count, Type type, bool is_target) {
    const auto elements = decoder.ElementsOf(index);
    if (elements.size() != count) decoder.Fail("expected " + std::to_string(count) + " registers");
    for (const Operand& element : elements) {
      instruction.operands[next++] = is_target ? decoder.TargetOf(element, type) : decoder.SourceOf(element, type);
    }
  };
  add(0, 4, Type::kF32, true);
  add(1, found->num_a, Type::kB32, false);
  add(2, found->num_b, Type::kB32, false);
  add(3, 4, Type::kF32, false);
  MeetAll(decoder);
  instruction.handler = found->handler;
}

// Matrices of 8 x 8 elements of 16 bits. Lane 8 m + r has the address of row r of matrix m, which is 16 bytes. Lane l
// gets into register m elements 2 (l % 4) and the next of row l / 4; transposed, of column l / 4.
template <bool kTransposed>
void LoadMatrices(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  if (lanes != kAllLanes) throw Fault{.message = "not all lanes of the warp take part"};
  const uint32_t* addresses = warp.Lanes<uint32_t>(instruction.operands[0]);
  for (uint32_t matrix = 0; matrix < instruction.num_elements; ++matrix) {
    uint16_t rows[8][8];
    for (uint32_t row = 0; row < 8; ++row) {
      const uint32_t lane = 8 * matrix + row;
      const auto address = static_cast<uint32_t>(addresses[lane] + instruction.immediate);
      std::memcpy(rows[row], warp.machine().Resolve(warp, Space::kShared, address, 16, Access::kRead, lane), 16);
    }
    uint32_t* target = warp.Lanes<uint32_t>(instruction.operands[matrix + 1]);
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      const uint32_t line = lane / 4, first = 2 * (lane % 4);
      const uint32_t low = kTransposed ? rows[first][line] : rows[line][first];
      const uint32_t high = kTransposed ? rows[first + 1][line] : rows[line][first + 1];
      target[lane] = low | high << 16;
    }
  }
}

void DecodeLdmatrix(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  Modifiers& modifiers = decoder.modifiers;
  if (!modifiers.Take("sync") || !modifiers.Take("aligned") || !modifiers.Take("m8n8") ||
      modifiers.TakeOne({"shared", "shared::cta"}).empty()) {
    decoder.Fail("not known");
  }
  const std::string_view count = modifiers.TakeOne({"x1", "x2", "x4"});
  if (count.empty()) decoder.Fail("expected a number of matrices");
  const bool is_transposed = modifiers.Take("trans");
  decoder.TakeType({Type::kB16});
  decoder.ExpectOperands(2);
  decoder.Address(1, 0);
  if (instruction.address_bytes != 4) decoder.Fail("this address of shared memory is not known");
  const auto elements = decoder.ElementsOf(0);
  if (elements.size() != static_cast<size_t>(count[1] - '0')) decoder.Fail("expected a register for each matrix");
  instruction.num_elements = static_cast<uint8_t>(elements.size());
  for (size_t i = 0; i < elements.size(); ++i) {
    instruction.operands[i + 1] = decoder.TargetOf(elements[i], Type::kB32);
  }
  MeetAll(decoder);
  instruction.handler = is_transposed ? LoadMatrices<true> : LoadMatrices<false>;
}

constexpr Opcode kOpcodes[] = {{"mma", DecodeMma}, {"ldmatrix", DecodeLdmatrix}};

}  // namespace

std::span<const Opcode> TensorOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
