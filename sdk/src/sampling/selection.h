// Where a running sum over a row, from the greatest logit to the least, reaches an amount. It is found without a sort:
// a pass over the row tells in which share of the tokens it lies, another one takes that share out, and histograms
// refine it.
#ifndef SKEIN_SAMPLING_SELECTION_H_
#define SKEIN_SAMPLING_SELECTION_H_

#include <vector>

#include "sampling/logit_blocks.h"

namespace skein {

struct Crossing {
  float logit;   // of the first token at which the sum is at least what is wanted, else the least logit
  double above;  // the sum over the tokens with greater logits
};

// The working memory. Threads: one at a time.
struct SelectionScratch {
  std::vector<double> sums;
  std::vector<float> logits;
  std::vector<float> weights;
};

// Each token counts as 1. If the tokens that are at least `least` do not reach what is wanted, {least, 0} may be found.
Crossing FindCount(const LogitBlocks& row, double wanted, float least, SelectionScratch& scratch);

// As above, but each token counts as `weights`, of which there is one for each token, exp(logit - row.max()).
Crossing FindMass(const LogitBlocks& row, const float* weights, double wanted, float least, SelectionScratch& scratch);

}  // namespace skein

#endif  // SKEIN_SAMPLING_SELECTION_H_
