#include "onednn/matmul.h"

#include "onednn/panel_kernels.h"

namespace skein::onednn {
namespace {

constexpr uint32_t Bit(PanelType type) { return 1u << static_cast<uint32_t>(type); }

// Covers the rows by primitives, largest first, and the fewer than 16 that remain by the own kernel.
bool RunF32Panel(const PanelProduct& p, const std::byte* f32_panel) noexcept {
  const float* x = p.x;
  float* tile = p.tile;
  uint32_t left = p.num_rows;
  for (const uint32_t rows : PanelPrimitives::kRowCounts) {
    for (; left >= rows; left -= rows, x += size_t{rows} * p.num_inputs, tile += size_t{rows} * kPanelWidth) {
      if (!p.primitives->Run(p.num_inputs, rows, x, f32_panel, tile)) return false;
    }
  }
  MultiplyPanel(PanelType::kF32, f32_panel, p.num_inputs, x, left, tile);
  return true;
}

bool RunOnednnF32(const PanelProduct& p) noexcept { return RunF32Panel(p, p.panel); }

bool RunOnednnExpanded(const PanelProduct& p) noexcept {
  ExpandPanel(p.type, p.panel, p.num_inputs, p.expanded);
  return RunF32Panel(p, reinterpret_cast<const std::byte*>(p.expanded));
}

bool RunPanel(const PanelProduct& p) noexcept {
  MultiplyPanel(p.type, p.panel, p.num_inputs, p.x, p.num_rows, p.tile);
  return true;
}

// As RunF32Panel, but the last rows are filled up to 16.
bool RunOnednnBf16(const PanelProduct& p) noexcept {
  const uint16_t* x = p.x_bf16;
  float* tile = p.tile;
  uint32_t left = static_cast<uint32_t>(RoundUp(p.num_rows, PanelPrimitives::kRowCounts.back()));
  for (const uint32_t rows : PanelPrimitives::kRowCounts) {
    for (; left >= rows; left -= rows, x += size_t{rows} * p.num_inputs, tile += size_t{rows} * kPanelWidth) {
      if (!p.primitives->Run(p.num_inputs, rows, x, p.panel, tile)) return false;
    }
  }
  return true;
}

bool RunPanelBf16(const PanelProduct& p) noexcept {
  MultiplyPanelBf16(p.panel, p.num_inputs, p.x_bf16, p.num_rows, p.tile);
  return true;
}

constexpr uint32_t kAnyPanel = Bit(PanelType::kF32) | Bit(PanelType::kF16) | Bit(PanelType::kBf16);
constexpr uint32_t k16BitPanels = Bit(PanelType::kF16) | Bit(PanelType::kBf16);

constexpr MatMulChoice kChoices[] = {
    // name, arithmetic, panels, min_row_inputs, needs_primitives, run
    {"onednn_f32", Arithmetic::kF32, Bit(PanelType::kF32), 65536, true, RunOnednnF32},
    {"onednn_expanded", Arithmetic::kF32, k16BitPanels, 131072, true, RunOnednnExpanded},
    {"panel", Arithmetic::kF32, kAnyPanel, 0, false, RunPanel},
    {"onednn_bf16", Arithmetic::kBf16, Bit(PanelType::kBf16), 4096, true, RunOnednnBf16},
    {"panel_bf16", Arithmetic::kBf16, Bit(PanelType::kBf16), 0, false, RunPanelBf16},
};

}  // namespace

bool MatMulChoice::AppliesTo(const PanelProduct& product, Arithmetic wanted) const {
  return arithmetic == wanted && (panel_types & Bit(product.type)) != 0 &&
         uint64_t{product.num_rows} * product.num_inputs >= min_row_inputs &&
         (!needs_primitives || product.primitives->Has(product.num_inputs));
}

std::span<const MatMulChoice> MatMulChoices() { return kChoices; }

const MatMulChoice& ChooseMatMul(const PanelProduct& product, Arithmetic arithmetic) {
  const MatMulChoice* choice = kChoices;
  while (!choice->AppliesTo(product, arithmetic)) ++choice;
  return *choice;
}

}  // namespace skein::onednn
