// The choice of the kernel that multiplies some rows of activations by one panel of weights: a table, from best to
// plainest, whose last row for each form always works.
#ifndef SKEIN_BACKENDS_ONEDNN_MATMUL_H_
#define SKEIN_BACKENDS_ONEDNN_MATMUL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "onednn/cpu.h"
#include "onednn/kernels/active_steps.h"
#include "onednn/kernels/int8_rows.h"
#include "onednn/kernels/panel.h"
#include "onednn/panel_primitives.h"

namespace skein::onednn {

// Most rows that one call takes.
constexpr uint32_t kMaxTileRows = PanelPrimitives::kMaxRows;

// In which form activations are multiplied. Floats are summed in float32, whatever the form.
enum class InputForm { kF32, kBf16, kInt8 };

// The way in which a segment multiplies.
enum class Arithmetic {
  kF32,   // float32 activations over all panels
  kBf16,  // bf16 activations; all panels are kBf16
  // 8-bit activations over quantised panels, float32 over the others. A row's result depends neither on how many rows
  // are computed with it nor, where there are fused multiplications, on the processor.
  kInt8,
};

constexpr InputForm InputFormOf(Arithmetic arithmetic, PanelType type) {
  if (arithmetic == Arithmetic::kBf16) return InputForm::kBf16;
  return arithmetic == Arithmetic::kInt8 && IsQuantised(type) ? InputForm::kInt8 : InputForm::kF32;
}

// tile = x by a panel. x is there in the form that the kernel takes, at least.
struct PanelProduct {
  PanelType type;
  const std::byte* panel;
  uint32_t num_inputs;
  uint32_t num_rows;       // 1 to kMaxTileRows
  const float* x;          // [num_rows][num_inputs]
  const uint16_t* x_bf16;  // the same in bf16; kernels may read up to a multiple of 16 rows, and ignore the last ones
  Int8Rows x_int8;
  ActiveSteps active;           // of x, in steps of this type of panel
  float* tile;                  // [num_rows, up to a multiple of 16][64]
  float* expanded;              // scratch for one kF32 panel
  uint32_t ahead;               // see kernels/prefetch.h
  PanelPrimitives* primitives;  // the calling thread's; with kInt8 it has none
};

// A kernel, and which products it is for.
struct MatMulChoice {
  const char* name;
  uint32_t arithmetics;  // bit per Arithmetic; with kInt8, the kernel keeps what that promises of a row's result
  InputForm form = InputForm::kF32;
  uint32_t panel_types;           // bit per PanelType
  Tier needs = Tier::kGeneric;    // of the processor
  bool needs_primitives = false;  // of oneDNN, for the width
  bool needs_zeros = false;       // in the inputs: active steps that are known to be few
  // From where it is worth its preparations. It runs with fewer rows too.
  uint32_t min_rows = 1;
  uint64_t min_row_inputs = 0;                        // rows times inputs
  bool (*run)(const PanelProduct& product) noexcept;  // false if oneDNN failed

  bool Takes(PanelType type) const { return (panel_types >> static_cast<uint32_t>(type) & 1) != 0; }
  // The number of a product's rows that oneDNN multiplies. An own kernel takes the others.
  uint32_t LibraryRows(uint32_t num_rows) const {
    if (!needs_primitives) return 0;
    return form == InputForm::kBf16 ? num_rows : num_rows - num_rows % PanelPrimitives::kRowCounts.back();
  }
};

// From best to plainest, for each form of the inputs.
std::span<const MatMulChoice> MatMulChoices();

// A line per choice that runs on `tier`: name, panels, from how many rows.
std::string DescribeMatMulChoices(Tier tier);

// The choice of a process.
struct MatMulPolicy {
  Tier tier;
  const MatMulChoice* preferred;  // taken wherever it can run, however few the rows; or NULL
  uint32_t ahead;                 // bytes by which kernels are to prefetch

  // UsableTier, PrefetchDistance, and the choice that the environment variable SKEIN_KERNEL names, if it runs on that
  // tier.
  static MatMulPolicy FromEnvironment();
};

// A line for the log if SKEIN_KERNEL names no kernel of this processor, and so is ignored; else "".
std::string KernelWarning();

// The first choice that can run the product, and has rows enough.
const MatMulChoice& ChooseMatMul(const MatMulPolicy& policy, Arithmetic arithmetic, const PanelProduct& product);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_MATMUL_H_
