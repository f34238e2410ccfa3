// Scores and embeddings of given texts.
#ifndef SKEIN_CPP_SCORE_HPP_
#define SKEIN_CPP_SCORE_HPP_

#include <cstdint>
#include <string_view>
#include <vector>

#include "skein/cpp/call.hpp"
#include "skein/cpp/model.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/span.hpp"
#include "skein/cpp/stream.hpp"
#include "skein/score.h"

SKEIN_CPP_BEGIN

// Scores items behind streams of one model, all in one call. Throws the first failure; each item's `status` says how
// it ended.
inline void Score(const Model& model, Span<skein_score_item> items) {
  Call(skein_score, model.get(), static_cast<void*>(items.data()), static_cast<uint32_t>(sizeof(skein_score_item)),
       static_cast<uint32_t>(items.size()));
}

struct Scores {
  uint64_t num_scored = 0;         // tokens whose log-probability is a number
  double logprob = 0;              // the sum of these
  std::vector<float> logprobs;     // [tokens]
  std::vector<skein_logprob> top;  // [tokens, num_top]
};

// The log-probabilities of tokens behind a stream, which is not moved.
inline Scores Score(const Model& model, const Stream& stream, Span<const Token> tokens, uint32_t num_top = 0) {
  Scores scores;
  scores.logprobs.resize(tokens.size());
  scores.top.resize(tokens.size() * num_top);
  skein_score_item item = {};
  item.stream = stream.get();
  item.tokens = tokens.data();
  item.num_tokens = tokens.size();
  item.logprobs = scores.logprobs.data();
  item.top = scores.top.data();
  item.num_top = num_top;
  Score(model, Span<skein_score_item>(&item, 1));
  scores.num_scored = item.num_scored;
  scores.logprob = item.logprob;
  return scores;
}

// Computes embeddings, all in one call. Throws the first failure; each item's `status` says how it ended.
inline void Embed(const Model& model, Span<skein_embed_item> items) {
  Call(skein_embed, model.get(), static_cast<void*>(items.data()), static_cast<uint32_t>(sizeof(skein_embed_item)),
       static_cast<uint32_t>(items.size()));
}

// The embedding of a text behind the model's initial state, of length 1.
inline std::vector<float> Embed(const Model& model, std::string_view text, uint32_t pooling = SKEIN_POOLING_MEAN) {
  std::vector<float> embedding(model.Info().d_model);
  skein_embed_item item = {};
  item.text = text.data();
  item.text_bytes = text.size();
  item.embedding = embedding.data();
  item.capacity = embedding.size();
  item.pooling = pooling;
  item.normalise = 1;
  Embed(model, Span<skein_embed_item>(&item, 1));
  return embedding;
}

SKEIN_CPP_END

#endif  // SKEIN_CPP_SCORE_HPP_
