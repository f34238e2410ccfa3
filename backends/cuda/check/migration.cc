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

using Tokens = std::vector<uint32_t>;

// Tokens are fed on `here` up to a third, on `there` up to two thirds, and on `here` again.
void CheckJourney(const Device& here, const Device& there, const SyntheticModel& model) {
  const Tokens tokens = conformance::SyntheticTokens(15, model.model().vocab_size, 7);
  const Float64Rows expected = ComputeInFloat64(model, SKEIN_DTYPE_NONE, tokens);
  const Tokens begin(tokens.begin(), tokens.begin() + 5), middle(tokens.begin() + 5, tokens.begin() + 10),
      end(tokens.begin() + 10, tokens.end());
  LogitsComparison comparison(SKEIN_DTYPE_NONE, model.model().vocab_size);
  Pipeline home(here, model), away(there, model);

  home.Feed(0, begin, 5);
  const std::vector<float> leaving = home.Export(0);
  away.Import(3, leaving);
  ExpectSameBits(away.Export(3), leaving, leaving.size(), "a state that was imported and exported");
  comparison.Add(away.Feed(3, middle, 2, 3), expected, 5, "logits away");

  const std::vector<float> returning = away.Export(3);
  home.Import(6, returning);
  ExpectSameBits(home.Export(6), returning, returning.size(), "a state that came back");
  comparison.Add(home.Feed(6, end, 5, 6), expected, 10, "logits after the return");
  ExpectNear(home.Export(6), expected.exact_state, expected.exact_state.size(), conformance::kTolerance,
             "the state at the end");
}

}  // namespace

void CheckMigration(Run& run) {
  const std::vector<SyntheticShape> shapes = run.IsFull() ? conformance::AllShapes() : conformance::SmallShapes();
  for (const SyntheticShape& shape : shapes) {
    const SyntheticModel model(shape);
    run.Case(shape.name + "/from the device", [&] { CheckJourney(run.device(), run.reference(), model); });
    run.Case(shape.name + "/from the reference", [&] { CheckJourney(run.reference(), run.device(), model); });
  }
}

}  // namespace skein::check
