#include "onednn/ops.h"

#include <algorithm>
#include <array>
#include <utility>

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

// Channels that make up a cache line: chunks of a row are cut here, so that no two threads write one line.
constexpr uint64_t kLineFloats = 16;

// The size of chunks, 10 to 50 us of work: to begin one costs a tenth of a microsecond, and the thread that ends a
// phase keeps the others waiting for one. In channels of rows; in channels of a recurrence, which does more with each;
// in bytes of weights, as often as there are rows, up to the number from which on products take longer than reading.
constexpr uint64_t kChunkFloats = 32768;
constexpr uint64_t kChunkRecurrences = 2048;
constexpr uint64_t kChunkBytes = 512 << 10;
constexpr uint32_t kReadRows = 16;

// A share has at most so many chunks.
constexpr uint64_t kMostChunks = 4096;

}  // namespace

uint32_t Ops::NumChunks(uint64_t num_items, uint64_t chunk_items) const {
  const uint64_t count = walk_.count();
  const uint64_t share_items = (num_items + count - 1) / count;
  const uint64_t chunks = std::clamp<uint64_t>((share_items + chunk_items - 1) / chunk_items, 1, kMostChunks);
  return static_cast<uint32_t>(std::min(num_items, count * chunks));
}

template <typename Body>
void Ops::RunPhase(uint64_t num_items, uint64_t chunk_items, const Body& body) {
  const uint32_t num_chunks = NumChunks(num_items, std::max<uint64_t>(chunk_items, 1));
  walk_.Run(
      num_chunks,
      [&](uint32_t chunk) {
        body(Range{num_items * chunk / num_chunks, num_items * (chunk + 1) / num_chunks});
      },
      [this] { return scratch_.trail->FetchLine(); });
}

template <typename Body>
void Ops::ForChannels(uint32_t num_rows, uint32_t width, uint64_t step, const Body& body) {
  const uint64_t steps = (width + step - 1) / step;
  RunPhase(num_rows * steps, kChunkFloats / step, [&](Range items) {
    for (uint64_t item = items.begin; item < items.end;) {
      const uint64_t row = item / steps;
      const uint64_t end = std::min(items.end, (row + 1) * steps);
      body(static_cast<uint32_t>(row), (item - row * steps) * step,
           std::min<uint64_t>((end - row * steps) * step, width));
      item = end;
    }
  });
}

template <typename Body>
void Ops::ForHeads(uint32_t num_rows, uint32_t width, const Body& body) {
  ForChannels(num_rows, width, shared_.head_size, body);
}

template <typename Body>
void Ops::ForRecurrences(uint32_t num_rows, uint32_t width, uint64_t step, const Body& body) {
  const uint64_t steps = (width + step - 1) / step;
  // Items are steps of rows; a sequence's steps are spread over the items of its rows.
  RunPhase(num_rows * steps, kChunkRecurrences / step, [&](Range items) {
    for (const kit::Sequence& sequence : shared_.batch.sequences) {
      const uint64_t first = sequence.first_row * steps;
      if (first >= items.end || first + sequence.num_rows * steps <= items.begin) continue;
      for (uint64_t i = 0; i < steps; ++i) {
        const uint64_t item = first + i * sequence.num_rows;
        if (item >= items.begin && item < items.end) {
          body(sequence, i * step, std::min<uint64_t>((i + 1) * step, width));
        }
      }
    }
  });
}

void Ops::LayerNorm(const float* row, uint32_t width, const Norm& norm, float* out) const {
  elementwise_.normalize(row, elementwise_.moments_of(row, width, norm.epsilon), norm, 0, width, out);
}

void Ops::Embed(const EmbeddingRows& embedding, const Norm& norm, Rows x) {
  RunPhase(x.count, kChunkFloats / x.width, [&](Range rows) {
    for (uint64_t t = rows.begin; t < rows.end; ++t) {
      embedding.ExpandRow(shared_.batch.tokens[t], x[t]);
      LayerNorm(x[t], x.width, norm, x[t]);
    }
  });
}

void Ops::NormShift(Rows x, const Norm& norm, size_t state, std::initializer_list<kit::Blend> blends,
                    const kit::ShiftedRows& kept) {
  NormShiftChunk chunk = {.x = x,
                          .norm = norm,
                          .state = state,
                          .blends = {blends.begin(), blends.size()},
                          .kept = kept,
                          .rows = {0, x.count},
                          .channels = {0, x.width}};
  // Few rows are cut into channels. The price is that every chunk takes the moments of every row.
  if (x.count >= 2 * walk_.count()) {
    RunPhase(x.count, kChunkFloats / x.width, [&](Range rows) {
      chunk.rows = rows;
      NormShiftRows(chunk);
    });
  } else {
    const uint64_t num_lines = (x.width + kLineFloats - 1) / kLineFloats;
    RunPhase(x.count == 0 ? 0 : num_lines, num_lines, [&](Range lines) {
      chunk.channels = {lines.begin * kLineFloats, std::min<uint64_t>(lines.end * kLineFloats, x.width)};
      NormShiftRows(chunk);
    });
  }
}

void Ops::NormShiftRows(const NormShiftChunk& chunk) {
  for (const kit::Sequence& sequence : shared_.batch.sequences) {
    const uint64_t begin = std::max<uint64_t>(sequence.first_row, chunk.rows.begin);
    const uint64_t end = std::min<uint64_t>(uint64_t{sequence.first_row} + sequence.num_rows, chunk.rows.end);
    if (begin < end) NormShiftSequence(chunk, sequence, begin, end);
  }
}

void Ops::NormShiftSequence(const NormShiftChunk& chunk, const kit::Sequence& sequence, uint64_t begin, uint64_t end) {
  const Rows x = chunk.x;
  const Norm& norm = chunk.norm;
  const auto moments_of = [&](uint64_t t) { return elementwise_.moments_of(x[t], x.width, norm.epsilon); };
  PreviousRow previous = {.row = sequence.read_state + chunk.state, .is_normalized = true, .moments = {}};
  if (begin > sequence.first_row) previous = {x[begin - 1], false, moments_of(begin - 1)};
  for (uint64_t t = begin; t < end; ++t) {
    std::array<RowBlend, kMaxBlends> blends;
    size_t num_blends = 0;
    for (const kit::Blend& blend : chunk.blends) {
      if (blend.mix != nullptr) blends[num_blends++] = {blend.mix, blend.out[t]};
    }
    const ShiftedRow kept =
        chunk.kept.n.data == nullptr ? ShiftedRow{} : ShiftedRow{chunk.kept.n[t], chunk.kept.n_before[t]};
    const Moments moments = moments_of(t);
    elementwise_.norm_shift_row(x[t], moments, previous, norm, {blends.data(), num_blends}, kept, chunk.channels.begin,
                                chunk.channels.end);
    previous = {x[t], false, moments};
  }
  // The chunk that reads the old shift row writes the new one afterwards: the two may lie in one place.
  if (begin != sequence.first_row || sequence.write_state == nullptr) return;
  const uint64_t last = uint64_t{sequence.first_row} + sequence.num_rows - 1;
  elementwise_.normalize(x[last], moments_of(last), norm, chunk.channels.begin, chunk.channels.end,
                         sequence.write_state + chunk.state);
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
                         .is_first_of_prepared = false,
                         .active = {}};
  }
  RunProducts({operands.data(), count});
}

void Ops::NormOutputs(Rows x, const Norm& norm, Rows hidden) {
  RunPhase(hidden.count, kChunkFloats / x.width, [&](Range rows) {
    for (uint64_t i = rows.begin; i < rows.end; ++i) {
      LayerNorm(x[shared_.batch.output_rows[i]], x.width, norm, hidden[i]);
    }
  });
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
                     .is_first_of_prepared = false,
                     .active = {}};
  RunProducts({&operand, 1});
}

void Ops::RunProducts(std::span<Operand> operands) {
  PrepareInputs(operands);
  RunPanels(operands);
}

void Ops::PrepareInputs(std::span<Operand> operands) {
  std::byte* place = shared_.inputs;
  uint64_t num_items = 0, num_floats = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    Operand& operand = operands[i];
    const PanelType type = operand.weight->type();
    const InputForm form = InputFormOf(shared_.arithmetic, type);
    if (form == InputForm::kF32) continue;
    const Rows in = {operand.in.data, operand.num_rows, operand.in.width};
    const auto earlier = operands.first(i);
    const auto same = std::find_if(earlier.begin(), earlier.end(),
                                   [&](const Operand& other) { return other.prepared.Is(form, type, in); });
    operand.is_first_of_prepared = same == earlier.end();
    if (!operand.is_first_of_prepared) {
      operand.prepared = same->prepared;
      continue;
    }
    operand.prepared = PreparedInput(form, type, in, place);
    place += PreparedInput::Bytes(form, type, in.count, in.width);
    num_items += operand.prepared.num_items();
    num_floats += uint64_t{in.count} * in.width;
  }
  if (num_floats == 0) return;
  RunPhase(num_items, kChunkFloats * num_items / num_floats, [&](Range items) { FillInputs(operands, items); });
}

void Ops::FillInputs(std::span<const Operand> operands, Range items) {
  uint64_t first = 0;  // of an operand's items
  for (const Operand& operand : operands) {
    if (!operand.is_first_of_prepared) continue;
    const uint64_t end = first + operand.prepared.num_items();
    operand.prepared.Fill(std::clamp(items.begin, first, end) - first, std::clamp(items.end, first, end) - first);
    first = end;
  }
}

void Ops::RunPanels(std::span<Operand> operands) {
  // With few rows a tile costs the bytes of its panel. With many rows it costs the multiplications, which grow with the
  // bytes and the rows.
  uint64_t total = 0;
  uint32_t num_rows = 0;
  for (const Operand& operand : operands) {
    total += operand.cost();
    num_rows = std::max(num_rows, operand.num_rows);
  }
  if (total == 0) return;
  const uint64_t chunk_cost = kChunkBytes * std::min(num_rows, kReadRows);
  const uint32_t num_chunks = NumChunks(total, chunk_cost);
  MarkTrail(operands, total * walk_.FirstChunk(num_chunks) / num_chunks);

  bool has_active = operands.size() > 1;  // one product alone is the channel-mix's, with its many zeros
  RunPhase(total, chunk_cost, [&](Range costs) {
    if (!std::exchange(has_active, true)) {
      Operand& operand = operands[0];
      operand.active = FindActiveSteps(operand.in.data, operand.in.width, operand.num_rows,
                                       StepSizeOf(operand.weight->type()), scratch_.steps);
    }
    RunTiles(operands, costs);
  });
}

void Ops::RunTiles(std::span<const Operand> operands, Range costs) {
  FinishedPanels finished;
  uint64_t first = 0;  // of an operand's costs
  for (const Operand& operand : operands) {
    const uint64_t panel_cost = operand.panel_cost();
    if (panel_cost == 0) continue;
    uint64_t panel = costs.begin > first ? (costs.begin - first) / panel_cost : 0;
    for (; panel < operand.weight->num_panels() && first + panel * panel_cost < costs.end; ++panel) {
      for (uint32_t row = 0; row < operand.num_rows; row += kMaxTileRows) {
        const uint64_t begin = first + panel * panel_cost + row * operand.weight->panel_bytes();
        if (begin < costs.begin || begin >= costs.end) continue;
        RunTile(operand, static_cast<uint32_t>(panel), row, std::min(kMaxTileRows, operand.num_rows - row), finished);
      }
    }
    first += operand.cost();
  }
  PutInPlace(finished);
}

void Ops::MarkTrail(std::span<const Operand> operands, uint64_t begin) {
  uint64_t first = 0;  // of an operand's costs
  for (const Operand& operand : operands) {
    const PackedMatrix& weight = *operand.weight;
    if (begin < first + operand.cost()) {
      const uint64_t panel = begin > first ? (begin - first) / operand.panel_cost() : 0;
      scratch_.trail->Pass(weight.panel(static_cast<uint32_t>(panel)),
                           (weight.num_panels() - panel) * weight.panel_bytes());
      return;
    }
    first += operand.cost();
  }
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
  ForChannels(x.count, x.width, kLineFloats, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.gated_add_row(x[t], gate[t], value[t], begin, end);
  });
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
  ForRecurrences(y.count, y.width, kLineFloats, run);
}

void Ops::Wkv5(const kit::Wkv5Inputs& in, size_t state, Rows y) {
  const uint32_t n = shared_.head_size;
  ForRecurrences(y.count, y.width, n, [&](const kit::Sequence& sequence, size_t begin, size_t) {
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
}

void Ops::NormGate(Rows y, const Norm& norm, Rows g, Rows out) {
  ForHeads(y.count, y.width, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.norm_gate_row(y[t], norm, g.data == nullptr ? nullptr : g[t], shared_.head_size, begin, end, out[t]);
  });
}

void Ops::DataShift(const kit::ShiftedRows& rows, std::initializer_list<kit::DataBlend> blends) {
  ForChannels(rows.n.count, rows.n.width, kLineFloats, [&](uint32_t t, size_t begin, size_t end) {
    std::array<RowDataBlend, kMaxBlends> row_blends;
    size_t num_blends = 0;
    for (const kit::DataBlend& blend : blends) row_blends[num_blends++] = {blend.mix, blend.m[t], blend.out[t]};
    elementwise_.data_shift_row({rows.n[t], rows.n_before[t]}, {row_blends.data(), num_blends}, begin, end);
  });
}

void Ops::Decay6(Rows decay, const float* bias, Rows w) {
  ForHeads(w.count, w.width,
           [&](uint32_t t, size_t begin, size_t end) { elementwise_.decay6_row(decay[t], bias, begin, end, w[t]); });
}

void Ops::Decay7(Rows decay, const float* bias, Rows w) {
  ForHeads(w.count, w.width,
           [&](uint32_t t, size_t begin, size_t end) { elementwise_.decay7_row(decay[t], bias, begin, end, w[t]); });
}

void Ops::Keys(const kit::KeysInputs& in, const kit::KeysOutputs& out) {
  ForHeads(in.key.count, in.key.width, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.keys_row(
        {.key = in.key[t], .rate = in.rate[t], .rate_bias = in.rate_bias, .key_k = in.key_k, .key_a = in.key_a},
        {.k = out.k[t], .kk = out.kk[t], .b = out.b[t]}, shared_.head_size, begin, end);
  });
}

void Ops::ValueResidual(const kit::ValueResidualInputs& in, Rows v) {
  ForHeads(v.count, v.width, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.value_residual_row(
        {.value = in.value[t], .v_first = in.v_first[t], .gate = in.gate[t], .gate_bias = in.gate_bias}, begin, end,
        v[t]);
  });
}

void Ops::Wkv7(const kit::Wkv7Inputs& in, size_t state, Rows y) {
  const uint32_t n = shared_.head_size;
  ForRecurrences(y.count, y.width, n, [&](const kit::Sequence& sequence, size_t begin, size_t) {
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
}

void Ops::NormBonusGate(Rows y, const Norm& norm, const kit::Wkv7Inputs& in, const float* bonus, Rows g, Rows out) {
  ForHeads(y.count, y.width, [&](uint32_t t, size_t begin, size_t end) {
    elementwise_.norm_bonus_gate_row({.y = y[t], .r = in.r[t], .k = in.k[t], .v = in.v[t], .g = g[t], .bonus = bonus},
                                     norm, shared_.head_size, begin, end, out[t]);
  });
}

}  // namespace skein::onednn
