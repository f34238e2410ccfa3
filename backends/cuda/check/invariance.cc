#include <algorithm>
#include <random>

#include "cuda/check/expect.h"
#include "cuda/check/stages.h"
#include "cuda/check/type_name.h"
#include "tests/conformance/model_shapes.h"
#include "tests/conformance/quantised_model.h"

namespace skein::check {
namespace {

using conformance::Entry;
using conformance::Pipeline;
using conformance::SyntheticModel;
using conformance::SyntheticShape;
using conformance::SyntheticTokens;

using Tokens = std::vector<uint32_t>;

// Up to this many rows have the bits of one row whatever the arithmetic.
constexpr uint32_t kFewRows = 4;
constexpr uint32_t kMaxStreams = 64;

// Wide enough that products are cut into tiles and rows into blocks.
std::vector<SyntheticShape> Shapes(const Run& run) {
  std::vector<SyntheticShape> shapes = conformance::SmallShapes();
  if (run.IsToy()) return {shapes.back()};
  // clang-format off
  const std::vector<SyntheticShape> wide = {
      // generation, variant, L, C, A, N, F, V, ranks m w a v g
      {"Rwkv7Wide", 7, 0, 2, 512, 512, 64, 2048, 331, 0, 32, 32, 16, 64},
      {"Rwkv6Wide", 6, 0, 2, 256, 256, 64, 896, 331, 32, 64, 0, 0, 0},
      {"Rwkv7OddWide", 7, 0, 2, 192, 192, 64, 768, 77, 0, 24, 16, 8, 20},
  };
  // clang-format on
  shapes.insert(shapes.begin(), wide.begin(), wide.end());
  return shapes;
}

// Of stream `stream`: a prompt, then tokens that it decodes.
struct Text {
  Tokens prompt, decoded;
};
Text TextOf(uint32_t stream, uint32_t vocab_size, uint32_t num_decoded) {
  return {.prompt = SyntheticTokens(3 + stream % 5, vocab_size, 10 + stream),
          .decoded = SyntheticTokens(num_decoded, vocab_size, 500 + stream)};
}

// The logits of stream 0 among `count` streams, whose order in the step changes from token to token.
std::vector<float> DecodeAmong(Pipeline& pipeline, uint32_t vocab_size, uint32_t count, uint32_t num_decoded) {
  std::mt19937 random(count);
  std::vector<uint32_t> order(count);
  for (uint32_t i = 0; i < count; ++i) {
    order[i] = i;
    pipeline.Feed(i, TextOf(i, vocab_size, num_decoded).prompt, 16);
  }
  std::vector<float> rows;
  for (uint32_t t = 0; t < num_decoded; ++t) {
    std::shuffle(order.begin(), order.end(), random);
    std::vector<Entry> entries;
    for (const uint32_t i : order) {
      entries.push_back({.read_slot = i, .write_slot = i, .tokens = {TextOf(i, vocab_size, num_decoded).decoded[t]}});
    }
    ExpectStatus(pipeline.Step(entries), SKEIN_OK, "a step", pipeline.message());
    const size_t place = static_cast<size_t>(std::find(order.begin(), order.end(), 0u) - order.begin());
    rows.insert(rows.end(), entries[place].rows.begin(), entries[place].rows.end());
  }
  return rows;
}

// The logits of the prompt of stream 0 in a step with tokens and prompts of others, in front of them or behind.
std::vector<float> PromptAmong(Pipeline& pipeline, uint32_t vocab_size, bool is_first) {
  std::vector<Entry> entries;
  for (uint32_t i = 1; i < 7; ++i) {
    entries.push_back({.read_slot = SKEIN_SLOT_INITIAL, .write_slot = i, .tokens = TextOf(i, vocab_size, 1).prompt});
  }
  entries.insert(is_first ? entries.begin() : entries.end(),
                 {.read_slot = SKEIN_SLOT_INITIAL, .write_slot = 0, .tokens = TextOf(0, vocab_size, 1).prompt});
  ExpectStatus(pipeline.Step(entries), SKEIN_OK, "a step", pipeline.message());
  return is_first ? entries.front().rows : entries.back().rows;
}

void CheckStream(Run& run, const SyntheticShape& shape, uint32_t weight_type, uint32_t compute_type) {
  const SyntheticModel model = conformance::Quantised(shape, {weight_type});
  Pipeline pipeline(run.device(), model,
                    {.cuts = {},
                     .compute_type = compute_type,
                     .num_slots = kMaxStreams,
                     .max_tokens = 256,
                     .max_entries = kMaxStreams});
  const uint32_t num_decoded = run.IsToy() ? 2 : 5;
  const bool is_deterministic = run.IsDeterministic(compute_type);
  const std::vector<float> alone = DecodeAmong(pipeline, shape.vocab_size, 1, num_decoded);
  const std::vector<uint32_t> counts =
      run.IsToy() ? std::vector<uint32_t>{3, 6} : std::vector<uint32_t>{2, 3, 4, 5, 8, 16, 17, 33, 64};
  for (const uint32_t count : counts) {
    if (count > kFewRows && !is_deterministic) continue;
    ExpectSameBits(DecodeAmong(pipeline, shape.vocab_size, count, num_decoded), alone, shape.vocab_size,
                   "logits of a stream among " + std::to_string(count));
  }
  if (!is_deterministic) return;
  const std::vector<float> prompt = pipeline.Feed(0, TextOf(0, shape.vocab_size, 1).prompt, 16);
  for (const bool is_first : {true, false}) {
    ExpectSameBits(PromptAmong(pipeline, shape.vocab_size, is_first), prompt, shape.vocab_size,
                   "logits of a prompt among other prompts");
  }
}

void CheckShapes(Run& run, const std::vector<SyntheticShape>& shapes) {
  const std::pair<uint32_t, uint32_t> kinds[] = {
      {SKEIN_DTYPE_F16, SKEIN_DTYPE_NONE}, {SKEIN_DTYPE_F16, SKEIN_DTYPE_F16}, {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q8},
      {SKEIN_DTYPE_Q4, SKEIN_DTYPE_Q4},    {SKEIN_DTYPE_F32, SKEIN_DTYPE_F32}, {SKEIN_DTYPE_BF16, SKEIN_DTYPE_BF16}};
  for (const auto& [weight_type, compute_type] : kinds) {
    if (!run.Takes(weight_type) || !run.Computes(compute_type)) continue;
    for (const SyntheticShape& shape : shapes) {
      run.Case(shape.name + "/" + TypeName(weight_type) + "/" + TypeName(compute_type),
               [&, weights = weight_type, arithmetic = compute_type] { CheckStream(run, shape, weights, arithmetic); });
    }
  }
}

}  // namespace

void CheckInvariance(Run& run) { CheckShapes(run, Shapes(run)); }

void CheckFewStreams(Run& run) {
  const SyntheticShape shape = Shapes(run).front();
  if (!run.IsToy()) return CheckShapes(run, {shape});
  run.Case(shape.name, [&] { CheckStream(run, shape, SKEIN_DTYPE_F16, SKEIN_DTYPE_NONE); });
}

}  // namespace skein::check
