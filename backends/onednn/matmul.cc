#include "onednn/matmul.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "kit/named_choice.h"
#include "onednn/kernels/panel_bf16.h"
#include "onednn/kernels/panel_int8.h"
#include "onednn/kernels/panel_kernels.h"

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
  Panels().multiply(PanelType::kF32, f32_panel, p.num_inputs, x, left, tile, p.ahead);
  return true;
}

bool RunOnednnF32(const PanelProduct& p) noexcept { return RunF32Panel(p, p.panel); }

bool RunOnednnExpanded(const PanelProduct& p) noexcept {
  Panels().expand(p.type, p.panel, p.num_inputs, p.expanded);
  return RunF32Panel(p, reinterpret_cast<const std::byte*>(p.expanded));
}

bool RunPanel(const PanelProduct& p) noexcept {
  Panels().multiply(p.type, p.panel, p.num_inputs, p.x, p.num_rows, p.tile, p.ahead);
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
  Panels().multiply_bf16(p.panel, p.num_inputs, p.x_bf16, p.num_rows, p.tile, p.ahead);
  return true;
}

bool RunSparsePanelBf16(const PanelProduct& p) noexcept {
  Panels().multiply_sparse_bf16(p.panel, p.num_inputs, p.active, p.x_bf16, p.num_rows, p.tile);
  return true;
}

template <MultiplyInt8* kMultiply>
bool RunInt8(const PanelProduct& p) noexcept {
  kMultiply(p.type, p.panel, QuantisedPanelOf(p.type).NumGroups(p.num_inputs), p.x_int8, p.num_rows, p.tile, p.ahead);
  return true;
}

bool RunSparsePanel(const PanelProduct& p) noexcept {
  Panels().multiply_sparse(p.type, p.panel, p.num_inputs, p.active, p.x, p.num_rows, p.tile);
  return true;
}

#if defined(__x86_64__)
bool RunSparseInt8(const PanelProduct& p) noexcept {
  MultiplySparsePanelInt8Vnni(p.type, p.panel, QuantisedPanelOf(p.type).NumGroups(p.num_inputs), p.active, p.x_int8,
                              p.num_rows, p.tile);
  return true;
}

bool RunSparseBf16(const PanelProduct& p) noexcept {
  MultiplySparsePanelBf16Avx512(p.panel, p.num_inputs, p.active, p.x_bf16, p.num_rows, p.tile);
  return true;
}

bool RunBf16(const PanelProduct& p) noexcept {
  MultiplyPanelBf16Avx512(p.panel, p.num_inputs, p.x_bf16, p.num_rows, p.tile, p.ahead);
  return true;
}
#endif

constexpr uint32_t kF32 = Bit(PanelType::kF32);
constexpr uint32_t kBf16 = Bit(PanelType::kBf16);
constexpr uint32_t kQuantised = Bit(PanelType::kQ8) | Bit(PanelType::kQ4);
constexpr uint32_t kNotF32 = Bit(PanelType::kF16) | kBf16 | kQuantised;
constexpr uint32_t kAnyPanel = kF32 | kNotF32;
constexpr uint32_t kFloats = kAnyPanel & ~kQuantised;

constexpr uint32_t kInF32 = 1u << static_cast<uint32_t>(Arithmetic::kF32);
constexpr uint32_t kInBf16 = 1u << static_cast<uint32_t>(Arithmetic::kBf16);
constexpr uint32_t kInInt8 = 1u << static_cast<uint32_t>(Arithmetic::kInt8);

// In 8-bit arithmetic kernels must give the same bits: the kernels over floats add input by input, in float32. oneDNN's
// and the processor's own instructions for bf16 add in orders of their own.
constexpr MatMulChoice kChoices[] = {
    {.name = "onednn_f32",
     .arithmetics = kInF32,
     .panel_types = kF32,
     .needs_primitives = true,
     .min_rows = 16,
     .min_row_inputs = 65536,
     .run = RunOnednnF32},
    {.name = "onednn_expanded",
     .arithmetics = kInF32,
     .panel_types = kNotF32,
     .needs_primitives = true,
     .min_rows = 16,
     .min_row_inputs = 131072,
     .run = RunOnednnExpanded},
    {.name = "panel_sparse",
     .arithmetics = kInF32 | kInInt8,
     .panel_types = kFloats,
     .needs_zeros = true,
     .run = RunSparsePanel},
    {.name = "panel", .arithmetics = kInF32 | kInInt8, .panel_types = kAnyPanel, .run = RunPanel},
    {.name = "onednn_bf16",
     .arithmetics = kInBf16,
     .form = InputForm::kBf16,
     .panel_types = kBf16,
     .needs_primitives = true,
     .min_rows = 5,
     .min_row_inputs = 4096,
     .run = RunOnednnBf16},
#if defined(__x86_64__)
    {.name = "avx512_bf16_sparse",
     .arithmetics = kInBf16,
     .form = InputForm::kBf16,
     .panel_types = kBf16,
     .needs = Tier::kAvx512Bf16,
     .needs_zeros = true,
     .run = RunSparseBf16},
    {.name = "avx512_bf16",
     .arithmetics = kInBf16,
     .form = InputForm::kBf16,
     .panel_types = kBf16,
     .needs = Tier::kAvx512Bf16,
     .run = RunBf16},
#endif
    {.name = "panel_bf16_sparse",
     .arithmetics = kInBf16,
     .form = InputForm::kBf16,
     .panel_types = kBf16,
     .needs_zeros = true,
     .run = RunSparsePanelBf16},
    {.name = "panel_bf16", .arithmetics = kInBf16, .form = InputForm::kBf16, .panel_types = kBf16, .run = RunPanelBf16},
#if defined(__x86_64__)
    {.name = "amx_int8",
     .arithmetics = kInInt8,
     .form = InputForm::kInt8,
     .panel_types = kQuantised,
     .needs = Tier::kAmx,
     .min_rows = 8,
     .run = RunInt8<MultiplyPanelInt8Amx>},
    {.name = "avx512_vnni_sparse",
     .arithmetics = kInInt8,
     .form = InputForm::kInt8,
     .panel_types = kQuantised,
     .needs = Tier::kAvx512Vnni,
     .needs_zeros = true,
     .run = RunSparseInt8},
    {.name = "avx512_vnni",
     .arithmetics = kInInt8,
     .form = InputForm::kInt8,
     .panel_types = kQuantised,
     .needs = Tier::kAvx512Vnni,
     .run = RunInt8<MultiplyPanelInt8Vnni>},
#endif
    {.name = "panel_int8",
     .arithmetics = kInInt8,
     .form = InputForm::kInt8,
     .panel_types = kQuantised,
     .run = RunInt8<MultiplyPanelInt8>},
};

struct PanelName {
  PanelType type;
  const char* name;
};
constexpr PanelName kPanelNames[] = {{PanelType::kF32, "f32"},
                                     {PanelType::kF16, "f16"},
                                     {PanelType::kBf16, "bf16"},
                                     {PanelType::kQ8, "q8"},
                                     {PanelType::kQ4, "q4"}};

constexpr const char* FormName(InputForm form) {
  if (form == InputForm::kInt8) return "int8";
  return form == InputForm::kBf16 ? "bf16" : "f32";
}

bool CanRun(const MatMulChoice& choice, Tier tier, Arithmetic arithmetic, const PanelProduct& product) {
  return (choice.arithmetics >> static_cast<uint32_t>(arithmetic) & 1) != 0 &&
         choice.form == InputFormOf(arithmetic, product.type) && choice.Takes(product.type) && choice.needs <= tier &&
         (!choice.needs_zeros || product.active.steps != nullptr) &&
         (!choice.needs_primitives || product.primitives->Has(product.num_inputs));
}

}  // namespace

std::span<const MatMulChoice> MatMulChoices() { return kChoices; }

std::string DescribeMatMulChoices(Tier tier) {
  std::string lines;
  for (const MatMulChoice& choice : kChoices) {
    if (choice.needs > tier) continue;
    lines += std::string(choice.name) + ": " + FormName(choice.form) + " by";
    for (const PanelName& panel : kPanelNames) {
      if (choice.Takes(panel.type)) lines += std::string(" ") + panel.name;
    }
    if (choice.min_rows > 1) lines += ", from " + std::to_string(choice.min_rows) + " rows";
    if (choice.min_row_inputs > 0) lines += ", from " + std::to_string(choice.min_row_inputs) + " rows x inputs";
    if (choice.needs_zeros) lines += ", of mostly zeros";
    lines += "\n";
  }
  return lines;
}

namespace {

// The kernels that can run on `tier`.
std::vector<const MatMulChoice*> ChoicesOn(Tier tier) {
  std::vector<const MatMulChoice*> choices;
  for (const MatMulChoice& choice : kChoices) {
    if (choice.needs <= tier) choices.push_back(&choice);
  }
  return choices;
}

std::vector<std::string_view> NamesOf(const std::vector<const MatMulChoice*>& choices) {
  std::vector<std::string_view> names;
  for (const MatMulChoice* choice : choices) names.emplace_back(choice->name);
  return names;
}

}  // namespace

MatMulPolicy MatMulPolicy::FromEnvironment() {
  MatMulPolicy policy = {.tier = UsableTier(), .preferred = nullptr, .ahead = PrefetchDistance()};
  const std::vector<const MatMulChoice*> choices = ChoicesOn(policy.tier);
  if (const auto index = kit::NamedChoice("SKEIN_KERNEL").IndexIn(NamesOf(choices))) policy.preferred = choices[*index];
  return policy;
}

std::string KernelWarning() {
  const kit::NamedChoice kernel("SKEIN_KERNEL");
  const std::vector<std::string_view> names = NamesOf(ChoicesOn(UsableTier()));
  return !kernel.is_set() || kernel.IndexIn(names) ? "" : kernel.WarningOf(names);
}

const MatMulChoice& ChooseMatMul(const MatMulPolicy& policy, Arithmetic arithmetic, const PanelProduct& product) {
  if (policy.preferred != nullptr && CanRun(*policy.preferred, policy.tier, arithmetic, product)) {
    return *policy.preferred;
  }
  const MatMulChoice* choice = kChoices;
  while (!CanRun(*choice, policy.tier, arithmetic, product) || product.num_rows < choice->min_rows ||
         uint64_t{product.num_rows} * product.num_inputs < choice->min_row_inputs) {
    ++choice;
  }
  return *choice;
}

}  // namespace skein::onednn
