// The panels that this backend packs are those of SKEIN_LAYOUT_PANELS, and mapped ones are not copied.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "host/host_memory.h"
#include "host/weight_store.h"
#include "onednn/packed_matrix.h"
#include "skein/dtype.h"
#include "support/boundary.h"
#include "tests/conformance/panels.h"
#include "tests/conformance/test_host.h"

namespace skein::onednn {
namespace {

using conformance::PanelsOf;
using conformance::TestHost;

constexpr uint32_t kTypes[] = {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4};

// A matrix of random bits, which need not be numbers.
struct Stored {
  Stored(uint32_t dtype, uint64_t num_rows, uint64_t num_columns)
      : rows(num_rows * RowBytes(dtype, num_columns)),
        view{.dtype = dtype, .num_rows = num_rows, .num_columns = num_columns} {
    std::mt19937 random(dtype);
    for (uint8_t& byte : rows) byte = static_cast<uint8_t>(random());
    if (dtype == SKEIN_DTYPE_F32) {  // whose bits pass through float registers: no signalling NaN
      for (size_t i = 3; i < rows.size(); i += 4) rows[i] = static_cast<uint8_t>(rows[i] & 0xBF);
    }
    view.data = rows.data();
  }
  std::vector<uint8_t> rows;
  kit::TensorView view;
};

std::vector<uint8_t> BytesOf(const PackedMatrix& matrix) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(matrix.panel(0));
  return {bytes, bytes + matrix.num_panels() * matrix.panel_bytes()};
}

TEST(PackedMatrix, PacksToThePanelsOfTheHeader) {
  const TestHost host(1);
  for (const uint32_t dtype : kTypes) {
    for (const auto& [rows, columns] : {std::pair(64u, 128u), {1u, 1u}, {70u, 33u}, {130u, 257u}, {64u, 16u}}) {
      const Stored stored(dtype, rows, columns);
      kit::WeightArena arena(*host.table(), 0);
      PackedMatrix matrix(arena, rows, columns, dtype, SKEIN_DTYPE_NONE);
      matrix.Pack(stored.view);
      EXPECT_EQ(BytesOf(matrix), PanelsOf(dtype, rows, columns, stored.rows.data()))
          << "type " << dtype << ", " << rows << " x " << columns;
    }
  }
}

TEST(PackedMatrix, AlignedPanelsStayAndOthersAreCopied) {
  const TestHost host(1);
  constexpr uint32_t kRows = 130, kColumns = 257;
  for (const uint32_t dtype : kTypes) {
    const Stored stored(dtype, kRows, kColumns);
    const std::vector<uint8_t> panels = PanelsOf(dtype, kRows, kColumns, stored.rows.data());
    kit::HostArray<unsigned char> memory(*host.table(), panels.size() + 1, "panels");
    kit::TensorView view = stored.view;
    view.layout = SKEIN_LAYOUT_PANELS;
    for (const size_t shift : {0, 1}) {
      std::memcpy(memory.data() + shift, panels.data(), panels.size());
      view.data = memory.data() + shift;
      EXPECT_EQ(PackedMatrix::CanStay(view), shift == 0);
      kit::WeightArena arena(*host.table(), 0);
      PackedMatrix copied(arena, kRows, kColumns, dtype, SKEIN_DTYPE_NONE);
      copied.Pack(view);
      EXPECT_EQ(BytesOf(copied), panels);
      if (shift == 0) {
        const PackedMatrix mapped(view);
        EXPECT_EQ(static_cast<const void*>(mapped.panel(0)), memory.data());
        EXPECT_EQ(mapped.type(), copied.type());
        EXPECT_EQ(mapped.panel_bytes(), copied.panel_bytes());
        EXPECT_EQ(mapped.num_panels(), copied.num_panels());
      }
    }
  }
}

TEST(PackedMatrix, PanelsThatDoNotSuitTheArithmeticAreRefusedByName) {
  const TestHost host(1);
  const kit::ExpectedTensor expected = {
      .role = SKEIN_ROLE_TIME_KEY, .layer = 2, .use = kit::Use::kMatrix, .shape = {64, 64}, .form = {}};
  const Stored stored(SKEIN_DTYPE_F16, 64, 64);
  skein_tensor tensor = {};
  tensor.struct_size = sizeof(tensor);
  tensor.role = expected.role;
  tensor.layer = expected.layer;
  tensor.dtype = SKEIN_DTYPE_F16;
  tensor.num_dims = 2;
  tensor.shape[0] = tensor.shape[1] = 64;
  tensor.data = stored.rows.data();
  tensor.size_bytes = stored.rows.size();
  tensor.layout = SKEIN_LAYOUT_PANELS;
  kit::WeightStore<PackedMatrix> store(*host.table(), SKEIN_DTYPE_BF16, {expected}, 0);
  try {
    store.Put(tensor);
    ADD_FAILURE() << "F16 panels were taken for bf16 arithmetic";
  } catch (const plugin::Error& error) {
    EXPECT_NE(std::string(error.what()).find("TIME_KEY (role 21) of layer 2: is in panels of type 2"),
              std::string::npos)
        << error.what();
  }
  tensor.layout = SKEIN_LAYOUT_ROWS;
  EXPECT_NO_THROW(store.Put(tensor));
}

}  // namespace
}  // namespace skein::onednn
