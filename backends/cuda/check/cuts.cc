#include "cuda/check/expect.h"
#include "cuda/check/float64_rows.h"
#include "cuda/check/stages.h"
#include "tests/conformance/model_shapes.h"

namespace skein::check {
namespace {

using conformance::Device;
using conformance::Pipeline;
using conformance::SyntheticModel;
using conformance::SyntheticShape;

// The model in segments that lie on the two devices in turn, `first` first.
void CheckCut(const Device& first, const Device& second, const SyntheticModel& model, const Float64Rows& expected,
              const std::vector<uint32_t>& tokens, const std::vector<uint32_t>& cuts) {
  Pipeline parts({&first, &second}, model, {.cuts = cuts});
  LogitsComparison comparison(SKEIN_DTYPE_NONE, model.model().vocab_size);
  comparison.Add(parts.Feed(0, tokens, 7), expected, 0, "logits in chunks of 7");
  comparison.Add(parts.Feed(1, tokens, 1), expected, 0, "logits of tokens one by one");
  ExpectNear(parts.Export(0), expected.exact_state, expected.exact_state.size(), conformance::kTolerance, "the state");
}

std::string CutsName(const std::vector<uint32_t>& cuts) {
  std::string name;
  for (const uint32_t cut : cuts) name += (name.empty() ? "" : "+") + std::to_string(cut);
  return name;
}

// Before every layer in turn, before the head, and both.
std::vector<std::vector<uint32_t>> AllCuts(uint32_t num_layers) {
  std::vector<std::vector<uint32_t>> cuts;
  for (uint32_t cut = 0; cut <= num_layers; ++cut) cuts.push_back({cut});
  if (num_layers > 1) cuts.push_back({1, num_layers});
  return cuts;
}

}  // namespace

void CheckCuts(Run& run) {
  std::vector<SyntheticShape> shapes = run.IsFull() ? conformance::AllShapes() : conformance::SmallShapes();
  if (run.IsToy()) shapes = {shapes.front(), shapes.back()};
  for (const SyntheticShape& shape : shapes) {
    const SyntheticModel model(shape);
    const std::vector<uint32_t> tokens = conformance::SyntheticTokens(run.IsToy() ? 8 : 18, shape.vocab_size, 7);
    const Float64Rows expected = ComputeInFloat64(model, SKEIN_DTYPE_NONE, tokens);
    for (const std::vector<uint32_t>& cuts : AllCuts(shape.num_layers)) {
      const std::string name = shape.name + "/cut before " + CutsName(cuts);
      run.Case(name + "/device first", [&] { CheckCut(run.device(), run.reference(), model, expected, tokens, cuts); });
      run.Case(name + "/reference first",
               [&] { CheckCut(run.reference(), run.device(), model, expected, tokens, cuts); });
    }
  }
}

}  // namespace skein::check
