// Where a running sum over a row, from the greatest logit to the least, reaches an amount. A histogram finds it without
// a sort, and a histogram of the crossing bucket refines it: a few passes over the row for any distribution.
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

// Each token counts as 1.
Crossing FindCount(const LogitBlocks& row, double wanted, SelectionScratch& scratch);

// Each token counts as `weights`, of which there is one for each token, exp(logit - row.max()).
Crossing FindMass(const LogitBlocks& row, const float* weights, double wanted, SelectionScratch& scratch);

}  // namespace skein

#endif  // SKEIN_SAMPLING_SELECTION_H_
