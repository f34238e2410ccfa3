#include "onednn/ops.h"

#include <algorithm>
#include <array>

namespace skein::onednn {
namespace {

using kit::Norm;
using kit::Rows;

// More than any op of a page has.
constexpr size_t kMaxProducts = 8;
constexpr size_t kMaxBlends = 8;

// The results of one row are put in their place for 16 panels at a time. If each panel touched its own place, which the
// stream of weights has pushed out of the second-level cache, a product would take a twentieth longer.
constexpr uint32_t kPanelsTogether = 16;
static_assert(kPanelsTogether + 15 <= kMaxTileRows);  // kernels may write up to 16 rows of the tile

// Channels that make up a cache line: shares of a row are cut here, so that no two threads write one line.
constexpr uint64_t kLineFloats = 16;

}  // namespace

Ops::Share Ops::ShareOf(uint64_t total, uint64_t step) const {
  const uint64_t steps = (total + step - 1) / step;
  return {std::min(total, steps * index_ / count_ * step), std::min(total, steps * (index_ + 1) / count_ * step)};
}

template <typename Body>
void Ops::ForMyChannels(uint32_t num_rows, uint32_t width, uint64_t step, const Body& body) const {
  const uint64_t steps = (width + step - 1) / step;
  const Share share = ShareOf(num_rows * steps);
  for (uint64_t item = share.begin; item < share.end;) {
    const uint64_t row = item / steps;
    const uint64_t end = std::min(share.end, (row + 1) * steps);
    body(static_cast<uint32_t>(row), (item - row * steps) * step,
         std::min<uint64_t>((end - row * steps) * step, width));
    item = end;
  }
}

template <typename Body>
void Ops::ForMyHeads(uint32_t num_rows, uint32_t width, const Body& body) const {
  ForMyChannels(num_rows, width, shared_.head_size, body);
}

template <typename Body>
void Ops::ForMyRecurrences(uint32_t num_rows, uint32_t width, uint64_t step, const Body& body) const {
  const uint64_t steps = (width + step - 1) / step;
  const Share share = ShareOf(num_rows * steps);  // of steps of rows, given to the step's first row
  for (const kit::Sequence& sequence : shared_.batch.sequences) {
    for (uint64_t i = 0; i < steps; ++i) {
      const uint64_t item = sequence.first_row * steps + i * sequence.num_rows;
      if (item < share.begin || item >= share.end) continue;
      body(sequence, i * step, std::min<uint64_t>((i + 1) * step, width));
    }
  }
}

void Ops::LayerNorm(const float* row, uint32_t width, const Norm& norm, float* out) const {
  elementwise_.normalize(row, elementwise_.moments_of(row, width, norm.epsilon), norm, 0, width, out);
}

void Ops::Embed(const EmbeddingRows& embedding, const Norm& norm, Rows x) {
  const Share share = ShareOf(x.count);
  for (uint64_t t = share.begin; t < share.end; ++t) {
    embedding.ExpandRow(shared_.batch.tokens[t], x[t]);
    LayerNorm(x[t], x.width, norm, x[t]);
  }
  Synchronize();
}

void Ops::NormShift(Rows x, const Norm& norm, size_t state, std::initializer_list<kit::Blend> blends,
                    const kit::ShiftedRows& kept) {
  NormShiftShare mine = {.x = x,
                         .norm = norm,
                         .state = state,
                         .blends = {blends.begin(), blends.size()},
                         .kept = kept,
                         .rows = {0, x.count},
                         .channels = {0, x.width}};
  // Few rows are cut into channels. The price is that every participant takes the moments of every row.
  if (x.count >= 2 * count_) {
    mine.rows = ShareOf(x.count);
  } else {
    mine.channels = ShareOf(x.width, kLineFloats);
  }
  NormShiftMyRows(mine);
  Synchronize();
}

void Ops::NormShiftMyRows(const NormShiftShare& mine) {
  for (const kit::Sequence& sequence : shared_.batch.sequences) {
    const uint64_t begin = std::max<uint64_t>(sequence.first_row, mine.rows.begin);
    const uint64_t end = std::min<uint64_t>(uint64_t{sequence.first_row} + sequence.num_rows, mine.rows.end);
    if (begin < end) NormShiftSequence(mine, sequence, begin, end);
  }
}

void Ops::NormShiftSequence(const NormShiftShare& mine, const kit::Sequence& sequence, uint64_t begin, uint64_t end) {
  const Rows x = mine.x;
  const Norm& norm = mine.norm;
  const auto moments_of = [&](uint64_t t) { return elementwise_.moments_of(x[t], x.width, norm.epsilon); };
  PreviousRow previous = {.row = sequence.read_state + mine.state, .is_normalized = true, .moments = {}};
  if (begin > sequence.first_row) previous = {x[begin - 1], false, moments_of(begin - 1)};
  for (uint64_t t = begin; t < end; ++t) {
    std::array<RowBlend, kMaxBlends> blends;
    size_t num_blends = 0;
    for (const kit::Blend& blend : mine.blends) {
      if (blend.mix != nullptr) blends[num_blends++] = {blend.mix, blend.out[t]};
    }
    const ShiftedRow kept =
        mine.kept.n.data == nullptr ? ShiftedRow{} : ShiftedRow{mine.kept.n[t], mine.kept.n_before[t]};
    const Moments moments = moments_of(t);
    elementwise_.norm_shift_row(x[t], moments, previous, norm, {blends.data(), num_blends}, kept, mine.channels.begin,
                                mine.channels.end);
    previous = {x[t], false, moments};
  }
  // The participant that reads the old shift row writes the new one afterwards: the two may lie in one place.
  if (begin != sequence.first_row || sequence.write_state == nullptr) return;
  const uint64_t last = uint64_t{sequence.first_row} + sequence.num_rows - 1;
  elementwise_.normalize(x[last], moments_of(last), norm, mine.channels.begin, mine.channels.end,
                         sequence.write_state + mine.state);
}

void Ops::Multiply(std::initializer_list<kit::Product<Matrix>> products) {
  std::array<Operand, kMaxProducts> operands;
  size_t count = 0;
  for (const kit::Product<Matrix>& product : products) {
    if (product.weight == nullptr) continue;
    operands[count++] = {.weight = product.weight,
                         .in = product.in,
                         .then = product.then,
                         .out = &product.out,
                         .out_addresses = nullptr,
                         .num_rows = product.in.count,
                         .prepared = {},
                         .active = {}};
  }
  RunProducts({operands.data(), count});
}

void Ops::NormOutputs(Rows x, const Norm& norm, Rows hidden) {
  const Share share = ShareOf(hidden.count);
  for (uint64_t i = share.begin; i < share.end; ++i) {
    LayerNorm(x[shared_.batch.output_rows[i]], x.width, norm, hidden[i]);
  }
  Synchronize();
}

void Ops::Logits(const Matrix& weight, Rows hidden) {
  const std::span<float* const> logits = shared_.batch.logits;
  Operand operand = {.weight = &weight,
                     .in = hidden,
                     .then = kit::Then::kStore,
                     .out = nullptr,
                     .out_addresses = logits.data(),
                     .num_rows = static_cast<uint32_t>(logits.size()),
                     .prepared = {},
                     .active = {}};
  RunProducts({&operand, 1});
}

void Ops::RunProducts(std::span<Operand> operands) {
  PrepareInputs(operands);
  RunMyPanels(operands);
  Synchronize();
}

void Ops::PrepareInputs(std::span<Operand> operands) {
  std::byte* place = shared_.inputs;
  for (size_t i = 0; i < operands.size(); ++i) {
    Operand& operand = operands[i];
    const PanelType type = operand.weight->type();
    const InputForm form = InputFormOf(shared_.arithmetic, type);
    if (form == InputForm::kF32) continue;
    const Rows in = {operand.in.data, operand.num_rows, operand.in.width};
    const auto earlier = operands.first(i);
    const auto same = std::find_if(earlier.begin(), earlier.end(),
                                   [&](const Operand& other) { return other.prepared.Is(form, type, in); });
    if (same != earlier.end()) {
      operand.prepared = same->prepared;
      continue;
    }
    operand.prepared = PreparedInput(form, type, in, place);
    place += PreparedInput::Bytes(form, type, in.count, in.width);
    const Share share = ShareOf(operand.prepared.num_items());
    operand.prepared.Fill(share.begin, share.end);
  }
  if (place != shared_.inputs) Synchronize();
}

void Ops::RunMyPanels(std::span<Operand> operands) {
  if (operands.size() == 1 && operands[0].num_rows > 0) {  // as the channel-mix's product with its many zeros is
    Operand& operand = operands[0];
    operand.active = FindActiveSteps(operand.in.data, operand.in.width, operand.num_rows,
                                     StepSizeOf(operand.weight->type()), scratch_.steps);
  }
  // Shares of equal work. With few rows a tile costs the bytes of its panel. With many rows it costs the
  // multiplications, which grow with the bytes and the rows.
  uint64_t total = 0;
  for (const Operand& operand : operands) {
    total += operand.weight->num_panels() * operand.weight->panel_bytes() * operand.num_rows;
  }
  const Share share = ShareOf(total);

  uint64_t cost = 0;
  bool has_begun = false;
  FinishedPanels finished;
  for (const Operand& operand : operands) {
    for (uint32_t panel = 0; panel < operand.weight->num_panels(); ++panel) {
      for (uint32_t row = 0; row < operand.num_rows; row += kMaxTileRows) {
        const uint32_t rows = std::min(kMaxTileRows, operand.num_rows - row);
        if (cost >= share.begin && cost < share.end) {
          if (!has_begun) {
            const Matrix& weight = *operand.weight;
            scratch_.trail->Pass(weight.panel(panel), (weight.num_panels() - panel) * weight.panel_bytes());
            has_begun = true;
          }
          RunTile(operand, panel, row, rows, finished);
        }
        cost += operand.weight->panel_bytes() * rows;
      }
    }
  }
  PutInPlace(finished);
}

PanelProduct Ops::ProductOf(const Operand& operand, uint32_t panel, uint32_t first_row, uint32_t num_rows,
                            float* tile) const {
  const Matrix& weight = *operand.weight;
  return {.type = weight.type(),
          .panel = weight.panel(panel),
          .num_inputs = weight.num_inputs(),
          .num_rows = num_rows,
          .x = operand.in[first_row],
          .x_bf16 = operand.prepared.Bf16(first_row),
          .x_int8 = operand.prepared.Int8(first_row),
          .active = operand.active,
          .tile = tile,
          .expanded = scratch_.expanded,
          .ahead = shared_.policy.ahead,
          .primitives = scratch_.primitives};
}

void Ops::RunTile(const Operand& operand, uint32_t panel, uint32_t first_row, uint32_t num_rows,
                  FinishedPanels& finished) {
  const bool goes_on =
      finished.operand == &operand && finished.num_rows == 1 && num_rows == 1 && finished.num_panels < kPanelsTogether;
  if (!goes_on) {
    PutInPlace(finished);
    finished = {&operand, panel, 0, first_row, num_rows};
  }
  float* tile = scratch_.tile + finished.num_panels * kPanelWidth;
  const PanelProduct product = ProductOf(operand, panel, first_row, num_rows, tile);
  const MatMulChoice& choice = ChooseMatMul(shared_.policy, shared_.arithmetic, product);
  if (!choice.run(product)) shared_.has_failed = true;
  ++finished.num_panels;

  const uint64_t num_outputs = std::min(kPanelWidth, operand.weight->num_outputs() - panel * kPanelWidth);
  const uint64_t row_work = num_outputs * product.num_inputs;
  work_ += {num_rows * row_work, choice.LibraryRows(num_rows) * row_work};
}

void Ops::PutInPlace(const FinishedPanels& finished) {
  if (finished.num_panels == 0) return;
  const Operand& operand = *finished.operand;
  const uint32_t column = finished.first_panel * kPanelWidth;
  const uint32_t num_outputs = std::min(finished.num_panels * kPanelWidth, operand.weight->num_outputs() - column);
  std::array<float*, kMaxTileRows> out;
  for (uint32_t r = 0; r < finished.num_rows; ++r) {
    const uint32_t row = finished.first_row + r;
    out[r] = (operand.out != nullptr ? (*operand.out)[row] : operand.out_addresses[row]) + column;
  }
  panels_.finish_tile(scratch_.tile, finished.num_rows, num_outputs, operand.then, out.data());
}

void Ops::GatedAdd(Rows x, Rows gate, Rows value) {
  ForMyChannels(x.count, x.width, kLineFloats, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.gated_add_row(x[t], gate[t], value[t], begin, end);
  });
  Synchronize();
}

void Ops::Wkv4(const kit::Wkv4Inputs& in, size_t state, Rows y) {
  const auto run = [&](const kit::Sequence& sequence, size_t begin, size_t end) {
    const uint32_t row = sequence.first_row;
    time_mix_.wkv4_channels({.r = in.r[row],
                             .k = in.k[row],
                             .v = in.v[row],
                             .decay = in.decay,
                             .bonus = in.bonus,
                             .y = y[row],
                             .width = y.width,
                             .num_tokens = sequence.num_rows},
                            begin, end, sequence.read_state + state,
                            sequence.write_state == nullptr ? nullptr : sequence.write_state + state);
  };
  ForMyRecurrences(y.count, y.width, kLineFloats, run);
  Synchronize();
}

void Ops::Wkv5(const kit::Wkv5Inputs& in, size_t state, Rows y) {
  const uint32_t n = shared_.head_size;
  ForMyRecurrences(y.count, y.width, n, [&](const kit::Sequence& sequence, size_t begin, size_t) {
    const uint32_t row = sequence.first_row;
    const size_t head_state = state + begin * n;
    time_mix_.wkv5_head({.r = in.r[row] + begin,
                         .w = in.w + row * in.w_stride + begin,
                         .k = in.k[row] + begin,
                         .v = in.v[row] + begin,
                         .bonus = in.bonus + begin,
                         .y = y[row] + begin,
                         .row_stride = y.width,
                         .w_stride = in.w_stride,
                         .num_tokens = sequence.num_rows,
                         .head_size = n,
                         .states_pass_caches = shared_.states_pass_caches,
                         .ahead = shared_.policy.ahead},
                        sequence.read_state + head_state,
                        sequence.write_state == nullptr ? scratch_.state : sequence.write_state + head_state);
  });
  SynchronizeHeads();
}

void Ops::NormGate(Rows y, const Norm& norm, Rows g, Rows out) {
  ForMyHeads(y.count, y.width, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.norm_gate_row(y[t], norm, g.data == nullptr ? nullptr : g[t], shared_.head_size, begin, end, out[t]);
  });
  Synchronize();
}

void Ops::DataShift(const kit::ShiftedRows& rows, std::initializer_list<kit::DataBlend> blends) {
  ForMyChannels(rows.n.count, rows.n.width, kLineFloats, [&](uint32_t t, size_t begin, size_t end) {
    std::array<RowDataBlend, kMaxBlends> row_blends;
    size_t num_blends = 0;
    for (const kit::DataBlend& blend : blends) row_blends[num_blends++] = {blend.mix, blend.m[t], blend.out[t]};
    elementwise_.data_shift_row({rows.n[t], rows.n_before[t]}, {row_blends.data(), num_blends}, begin, end);
  });
  Synchronize();
}

void Ops::Decay6(Rows decay, const float* bias, Rows w) {
  ForMyHeads(w.count, w.width,
             [&](uint32_t t, size_t begin, size_t end) { elementwise_.decay6_row(decay[t], bias, begin, end, w[t]); });
  SynchronizeHeads();
}

void Ops::Decay7(Rows decay, const float* bias, Rows w) {
  ForMyHeads(w.count, w.width,
             [&](uint32_t t, size_t begin, size_t end) { elementwise_.decay7_row(decay[t], bias, begin, end, w[t]); });
  SynchronizeHeads();
}

void Ops::Keys(const kit::KeysInputs& in, const kit::KeysOutputs& out) {
  ForMyHeads(in.key.count, in.key.width, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.keys_row(
        {.key = in.key[t], .rate = in.rate[t], .rate_bias = in.rate_bias, .key_k = in.key_k, .key_a = in.key_a},
        {.k = out.k[t], .kk = out.kk[t], .b = out.b[t]}, shared_.head_size, begin, end);
  });
  SynchronizeHeads();
}

void Ops::ValueResidual(const kit::ValueResidualInputs& in, Rows v) {
  ForMyHeads(v.count, v.width, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.value_residual_row(
        {.value = in.value[t], .v_first = in.v_first[t], .gate = in.gate[t], .gate_bias = in.gate_bias}, begin, end,
        v[t]);
  });
  SynchronizeHeads();
}

void Ops::Wkv7(const kit::Wkv7Inputs& in, size_t state, Rows y) {
  const uint32_t n = shared_.head_size;
  ForMyRecurrences(y.count, y.width, n, [&](const kit::Sequence& sequence, size_t begin, size_t) {
    const uint32_t row = sequence.first_row;
    const size_t head_state = state + begin * n;
    time_mix_.wkv7_head({.r = in.r[row] + begin,
                         .w = in.w[row] + begin,
                         .k = in.k[row] + begin,
                         .v = in.v[row] + begin,
                         .kk = in.kk[row] + begin,
                         .b = in.b[row] + begin,
                         .y = y[row] + begin,
                         .row_stride = y.width,
                         .num_tokens = sequence.num_rows,
                         .head_size = n,
                         .states_pass_caches = shared_.states_pass_caches,
                         .ahead = shared_.policy.ahead},
                        sequence.read_state + head_state,
                        sequence.write_state == nullptr ? scratch_.state : sequence.write_state + head_state);
  });
  SynchronizeHeads();
}

void Ops::NormBonusGate(Rows y, const Norm& norm, const kit::Wkv7Inputs& in, const float* bonus, Rows g, Rows out) {
  ForMyHeads(y.count, y.width, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.norm_bonus_gate_row({.y = y[t], .r = in.r[t], .k = in.k[t], .v = in.v[t], .g = g[t], .bonus = bonus},
                                     norm, shared_.head_size, begin, end, out[t]);
  });
  Synchronize();
}

}  // namespace skein::onednn
