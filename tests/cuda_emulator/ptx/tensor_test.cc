// mma and ldmatrix against plain products, with fragments laid out by the drawings of the PTX manual.
//
// The drawings are written down here element by element, and not as the formulas that the interpreter has: a lane that
// is misplaced in one of them differs from the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "types.h"
#include "warp_harness.h"

namespace skein::emulator::ptx {
namespace {

// Which lane holds the element in a row and column, and as which of its fragment.
struct Owner {
  uint32_t lane, index;
};
using Drawing = std::vector<std::vector<Owner>>;

// A drawing of the manual as text: cells "LANE:INDEX", a row in each line. "+4" behind a line repeats it for the next
// rows with lanes that are 4 higher, so often as the number before it says: "7x+4".
Drawing Read(const std::string& text) {
  Drawing drawing;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    std::vector<Owner> row;
    uint32_t repeats = 0;
    for (std::string cell; cells >> cell;) {
      if (cell.ends_with("x+4")) {
        repeats = static_cast<uint32_t>(std::stoul(cell));
      } else {
        row.push_back({static_cast<uint32_t>(std::stoul(cell)),
                       static_cast<uint32_t>(std::stoul(cell.substr(cell.find(':') + 1)))});
      }
    }
    if (row.empty()) continue;
    drawing.push_back(row);
    for (uint32_t i = 1; i <= repeats; ++i) {
      for (Owner& owner : row) owner.lane += 4;
      drawing.push_back(row);
    }
  }
  return drawing;
}
// The same with rows for columns: b is drawn so, a column to each group of four lanes.
Drawing Turned(const Drawing& drawing) {
  Drawing turned(drawing[0].size(), std::vector<Owner>(drawing.size()));
  for (size_t i = 0; i < drawing.size(); ++i) {
    for (size_t j = 0; j < drawing[0].size(); ++j) turned[j][i] = drawing[i][j];
  }
  return turned;
}

// "Matrix Fragments for mma.m16n8k16 with floating point type": a of .f16 or .bf16, c and d of .f32.
const std::string kA16 = R"(
0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1 0:4 0:5 1:4 1:5 2:4 2:5 3:4 3:5 7x+4
0:2 0:3 1:2 1:3 2:2 2:3 3:2 3:3 0:6 0:7 1:6 1:7 2:6 2:7 3:6 3:7 7x+4)";
// b, a column in each line: rows 0 to 15.
const std::string kB16 = "0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1 0:2 0:3 1:2 1:3 2:2 2:3 3:2 3:3 7x+4";
const std::string kC = R"(
0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1 7x+4
0:2 0:3 1:2 1:3 2:2 2:3 3:2 3:3 7x+4)";
// "Matrix Fragments for mma.m16n8k8": of .f16 and .bf16.
const std::string kA8 = R"(
0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1 7x+4
0:2 0:3 1:2 1:3 2:2 2:3 3:2 3:3 7x+4)";
const std::string kB8 = "0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1 7x+4";
// The same of .tf32.
const std::string kATf32 = R"(
0:0 1:0 2:0 3:0 0:2 1:2 2:2 3:2 7x+4
0:1 1:1 2:1 3:1 0:3 1:3 2:3 3:3 7x+4)";
const std::string kBTf32 = "0:0 1:0 2:0 3:0 0:1 1:1 2:1 3:1 7x+4";

struct Product {
  std::string name;
  std::string a, b;
  uint32_t num_inner;
  uint32_t element_bytes;
  uint32_t (*bits)(float);
};
uint32_t HalfBits(float x) { return Half(x).bits; }
uint32_t Bf16Bits(float x) { return Bf16(x).bits; }
// The bits that tf32 does not have are noise, and are not looked at.
uint32_t NoisyBits(float x) { return std::bit_cast<uint32_t>(x) | 0x1ABC; }
const Product kProducts[] = {
    {"m16n8k16.row.col.f32.f16.f16.f32", kA16, kB16, 16, 2, HalfBits},
    {"m16n8k16.row.col.f32.bf16.bf16.f32", kA16, kB16, 16, 2, Bf16Bits},
    {"m16n8k8.row.col.f32.f16.f16.f32", kA8, kB8, 8, 2, HalfBits},
    {"m16n8k8.row.col.f32.bf16.bf16.f32", kA8, kB8, 8, 2, Bf16Bits},
    {"m16n8k8.row.col.f32.tf32.tf32.f32", kATf32, kBTf32, 8, 4, NoisyBits},
};

std::string Names(size_t first, size_t count, const std::string& prefix = "%r") {
  std::string names;
  for (size_t i = 0; i < count; ++i) names += (i > 0 ? ", " : "") + prefix + std::to_string(first + i);
  return "{" + names + "}";
}

TEST(PtxTensorTest, ProductsAreThoseOfTheMatricesThatTheLanesHold) {
  for (const Product& product : kProducts) {
    const Drawing a_drawing = Read(product.a), b_drawing = Turned(Read(product.b)), c_drawing = Read(kC);
    ASSERT_EQ(a_drawing.size(), 16u);
    ASSERT_EQ(a_drawing[0].size(), product.num_inner);
    ASSERT_EQ(b_drawing.size(), product.num_inner);
    ASSERT_EQ(b_drawing[0].size(), 8u);
    std::mt19937 random(3);
    const auto draw = [&] { return static_cast<float>(static_cast<int>(random() % 31) - 15); };
    std::vector<Words> in;
    const auto put = [&](const Drawing& drawing, size_t first, std::vector<std::vector<float>>& values,
                         uint32_t element_bytes, uint32_t (*bits)(float)) {
      values.assign(drawing.size(), std::vector<float>(drawing[0].size()));
      for (size_t row = 0; row < drawing.size(); ++row) {
        for (size_t column = 0; column < drawing[0].size(); ++column) {
          values[row][column] = draw();
          const Owner owner = drawing[row][column];
          const uint32_t in_word = 4 / element_bytes;
          const size_t word = first + owner.index / in_word;
          if (in.size() <= word) in.resize(word + 1, Words(kLanes, 0));
          in[word][owner.lane] |= bits(values[row][column]) << 8 * element_bytes * (owner.index % in_word);
        }
      }
      return in.size();
    };
    std::vector<std::vector<float>> a, b, c;
    const size_t first_b = put(a_drawing, 0, a, product.element_bytes, product.bits);
    const size_t first_c = put(b_drawing, first_b, b, product.element_bytes, product.bits);
    put(c_drawing, first_c, c, 4, [](float x) { return std::bit_cast<uint32_t>(x); });
    std::string body;
    for (size_t i = 0; i < 4; ++i) {
      body += "mov.b32 %f" + std::to_string(i) + ", %r" + std::to_string(first_c + i) + ";\n";
    }
    body += "mma.sync.aligned." + product.name + " " + Names(4, 4, "%f") + ", " + Names(0, first_b) + ", " +
            Names(first_b, first_c - first_b) + ", " + Names(0, 4, "%f") + ";\n";
    for (size_t i = 0; i < 4; ++i) {
      body += "mov.b32 %r" + std::to_string(32 + i) + ", %f" + std::to_string(4 + i) + ";\n";
    }
    const std::vector<Words> out = RunLines({.body = body, .in = in, .num_out = 4});
    for (size_t row = 0; row < 16; ++row) {
      for (size_t column = 0; column < 8; ++column) {
        float expected = c[row][column];
        for (size_t k = 0; k < product.num_inner; ++k) expected += a[row][k] * b[k][column];
        const Owner owner = c_drawing[row][column];
        ASSERT_EQ(AsFloat(out[owner.index][owner.lane]), expected) << product.name << " " << row << ", " << column;
      }
    }
  }
}

TEST(PtxTensorTest, AProductNeedsTheWholeWarp) {
  const std::string body =
      "setp.lt.u32 %p0, %r63, 31; @%p0 mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
      "{%f0, %f1, %f2, %f3}, {%r0, %r1}, {%r2}, {%f0, %f1, %f2, %f3};";
  EXPECT_NE(FaultOf({.body = body}), "");
}

// Row r of matrix m is at 16 bytes times its lane 8 m + r, in turned order, and its elements are 100 m + 10 r + column.
// The manual: thread 4 r + i gets the elements 2 i and 2 i + 1 of row r.
TEST(PtxTensorTest, MatricesAreSpreadOverTheLanesByRows) {
  for (const uint32_t num_matrices : {1u, 2u, 4u}) {
    for (const bool transposed : {false, true}) {
      std::string body =
          "mov.u32 %r10, memory; mov.u32 %r11, 31; sub.u32 %r11, %r11, %r63; mad.lo.u32 %r10, %r11, 16, %r10;\n";
      for (uint32_t i = 0; i < 4; ++i)
        body += "st.shared.u32 [%r10+" + std::to_string(4 * i) + "], %r" + std::to_string(i) + ";\n";
      body += "bar.warp.sync -1;\nldmatrix.sync.aligned.m8n8.x" + std::to_string(num_matrices) +
              (transposed ? ".trans" : "") + ".shared.b16 " + Names(32, num_matrices) + ", [%r10];";
      Lines lines = {.body = body, .num_out = num_matrices, .declarations = ".shared .align 16 .b8 memory[512];"};
      const auto element = [](uint32_t matrix, uint32_t row, uint32_t column) {
        return 100 * matrix + 10 * row + column;
      };
      for (uint32_t i = 0; i < 4; ++i) {
        lines.in.push_back(ByLane([&](uint32_t lane) {
          return element(lane / 8, lane % 8, 2 * i) | element(lane / 8, lane % 8, 2 * i + 1) << 16;
        }));
      }
      const std::vector<Words> out = RunLines(lines);
      for (uint32_t matrix = 0; matrix < num_matrices; ++matrix) {
        for (uint32_t row = 0; row < 8; ++row) {
          for (uint32_t i = 0; i < 4; ++i) {
            const uint32_t expected = transposed ? element(matrix, 2 * i, row) | element(matrix, 2 * i + 1, row) << 16
                                                 : element(matrix, row, 2 * i) | element(matrix, row, 2 * i + 1) << 16;
            ASSERT_EQ(out[matrix][4 * row + i], expected) << matrix << " " << row << " " << i << " " << transposed;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace skein::emulator::ptx
