// The parts of every generation before its first layer and after its last: the embedding with its norm, and the output
// norm with the output head. Also how the generations list their weights: one visit per tensor, from which all that a
// segment expects, checks and binds follows.
//
// A generation's list calls visit(role, layer index in the model, pointer to fill, form) for each tensor of a segment.
// A pointer to float is a vector, whatever its shape. `form` (vector_form.h) is for vectors and may be left out. The
// role gives the shape (numbers/roles.inc).
#ifndef SKEIN_BACKENDS_EQUATIONS_MODEL_ENDS_H_
#define SKEIN_BACKENDS_EQUATIONS_MODEL_ENDS_H_

#include <cstdint>

#include "equations/operands.h"
#include "equations/ops_concepts.h"
#include "skein/backend.h"

namespace skein::kit {

// Matrix: the form of a matrix that an ops set multiplies by. EmbeddingRows: rows that are looked up by token id. The
// segment's weight store owns the targets of the pointers here and in the layers.
template <typename Matrix, typename EmbeddingRows>
struct ModelEnds {
  const EmbeddingRows* embedding = nullptr;  // NULL: the segment starts from the carries
  Norm embedding_norm;
  Norm output_norm;
  const Matrix* output_head = nullptr;  // NULL: the segment ends with the carries
};

// Lists a norm.
template <typename Visitor>
void VisitNorm(Visitor& visit, uint32_t weight_role, uint32_t bias_role, uint32_t layer, float epsilon, Norm& norm) {
  norm.epsilon = epsilon;
  visit(weight_role, layer, norm.weight);
  visit(bias_role, layer, norm.bias);
}

// Lists the ends that the segment of `desc` has.
template <typename Matrix, typename EmbeddingRows, typename Visitor>
void VisitEnds(const skein_segment_desc& desc, ModelEnds<Matrix, EmbeddingRows>& ends, Visitor& visit) {
  const skein_backend_model& m = desc.model;
  if (desc.flags & SKEIN_SEGMENT_EMBEDDING) {
    visit(SKEIN_ROLE_EMBEDDING, 0, ends.embedding);
    VisitNorm(visit, SKEIN_ROLE_EMBEDDING_NORM_W, SKEIN_ROLE_EMBEDDING_NORM_B, 0, m.norm_epsilon, ends.embedding_norm);
  }
  if (desc.flags & SKEIN_SEGMENT_HEAD) {
    VisitNorm(visit, SKEIN_ROLE_OUTPUT_NORM_W, SKEIN_ROLE_OUTPUT_NORM_B, 0, m.norm_epsilon, ends.output_norm);
    visit(SKEIN_ROLE_HEAD, 0, ends.output_head);
  }
}

// Before the first layer. In a segment that starts from the carries, x is there already.
template <CommonOps Ops>
void Enter(Ops& ops, const ModelEnds<typename Ops::Matrix, typename Ops::EmbeddingRows>& ends, Rows x) {
  if (ends.embedding == nullptr) return;
  ops.Embed(*ends.embedding, ends.embedding_norm, x);  // x = LayerNorm(E[token])
}

// After the last layer, if the segment has the output head. `hidden`: as many rows as outputs are wanted.
template <CommonOps Ops>
void Leave(Ops& ops, const ModelEnds<typename Ops::Matrix, typename Ops::EmbeddingRows>& ends, Rows x, Rows hidden) {
  if (ends.output_head == nullptr) return;
  ops.NormOutputs(x, ends.output_norm, hidden);  // hidden = LayerNorm(x)
  ops.Logits(*ends.output_head, hidden);         // logits = W_head hidden
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_MODEL_ENDS_H_
