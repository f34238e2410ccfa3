// Feeding tokens at once, for programs that do their own sampling.
#ifndef SKEIN_CPP_EVAL_HPP_
#define SKEIN_CPP_EVAL_HPP_

#include <cstdint>
#include <vector>

#include "skein/cpp/call.hpp"
#include "skein/cpp/model.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/span.hpp"
#include "skein/cpp/stream.hpp"
#include "skein/stream.h"

SKEIN_CPP_BEGIN

// Floats that an eval of `num_tokens` tokens writes, by SKEIN_OUTPUT_*.
inline uint64_t NumOutputs(const skein_model_info& info, uint32_t output_kind, uint64_t num_tokens) {
  switch (output_kind) {
    case SKEIN_OUTPUT_LAST_LOGITS:
      return info.vocab_size;
    case SKEIN_OUTPUT_ALL_LOGITS:
      return num_tokens * info.vocab_size;
    case SKEIN_OUTPUT_LAST_HIDDEN:
      return info.d_model;
    case SKEIN_OUTPUT_ALL_HIDDEN:
      return num_tokens * info.d_model;
    default:
      return 0;
  }
}

// Feeds tokens to streams of one model as one batch, and waits until all are done. Throws the first failure; each
// item's `status` says how it ended.
inline void Eval(const Model& model, Span<skein_eval_item> items) {
  Call(skein_eval, model.get(), static_cast<void*>(items.data()), static_cast<uint32_t>(sizeof(skein_eval_item)),
       static_cast<uint32_t>(items.size()));
}

// Feeds tokens to one stream; gives what `output_kind` (SKEIN_OUTPUT_*) asks for, row after row.
inline std::vector<float> Eval(const Model& model, const Stream& stream, Span<const Token> tokens,
                               uint32_t output_kind = SKEIN_OUTPUT_LAST_LOGITS) {
  std::vector<float> output(NumOutputs(model.Info(), output_kind, tokens.size()));
  skein_eval_item item = {};
  item.stream = stream.get();
  item.tokens = tokens.data();
  item.num_tokens = tokens.size();
  item.output = output.data();
  item.output_capacity = output.size();
  item.output_kind = output_kind;
  Eval(model, Span<skein_eval_item>(&item, 1));
  return output;
}

SKEIN_CPP_END

#endif  // SKEIN_CPP_EVAL_HPP_
