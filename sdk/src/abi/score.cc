// skein/score.h.
#include "skein/score.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "abi/guard.h"
#include "abi/handle.h"
#include "serving/embed.h"
#include "serving/score.h"

namespace skein::abi {

namespace {

// Through the last fields of the first versions of the structs.
constexpr uint32_t kMinScoreBytes = offsetof(skein_score_item, logprob) + sizeof(double);
constexpr uint32_t kMinEmbedBytes = offsetof(skein_embed_item, num_read) + sizeof(uint64_t);

// The i-th struct of a caller's array, which may end before the newer fields.
template <typename Item>
Item& ItemAt(void* items, uint32_t item_size, uint32_t i) {
  return *reinterpret_cast<Item*>(static_cast<char*>(items) + uint64_t{i} * item_size);
}

// A copy of it, with zeros behind its end.
template <typename Item>
Item CopyOf(const Item& item, uint32_t item_size) {
  Item copy = {};
  std::memcpy(&copy, &item, std::min<size_t>(item_size, sizeof(Item)));
  return copy;
}

absl::StatusOr<ScoreItem> UnwrapItem(const skein_score_item& item) {
  ScoreItem unwrapped;
  SKEIN_ASSIGN_OR_RETURN(unwrapped.stream, Unwrap(item.stream));
  if (item.num_tokens > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(item.tokens, "tokens"));
  if (item.num_top > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(item.top, "top"));
  unwrapped.tokens = {item.tokens, item.num_tokens};
  if (item.logprobs != nullptr) unwrapped.logprobs = {item.logprobs, item.num_tokens};
  unwrapped.num_top = item.num_top;
  unwrapped.top = {item.top, item.num_tokens * item.num_top};
  unwrapped.priority = item.priority;
  return unwrapped;
}

absl::StatusOr<EmbedItem> UnwrapItem(const skein_embed_item& item) {
  EmbedItem unwrapped;
  if (item.stream != nullptr) {
    SKEIN_ASSIGN_OR_RETURN(unwrapped.stream, Unwrap(item.stream));
  }
  if (item.tokens != nullptr) {
    unwrapped.tokens = {item.tokens, item.num_tokens};
  } else {
    if (item.num_tokens > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(item.tokens, "tokens"));
    if (item.text_bytes > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(item.text, "text"));
    unwrapped.text = absl::string_view(item.text, item.text_bytes);
  }
  SKEIN_RETURN_IF_ERROR(CheckPointer(item.embedding, "embedding"));
  unwrapped.pooling = item.pooling;
  unwrapped.normalise = item.normalise != 0;
  unwrapped.embedding = {item.embedding, item.capacity};
  if (item.tenant != nullptr) unwrapped.tenant = item.tenant;
  unwrapped.priority = item.priority;
  return unwrapped;
}

// The first status that is not OK, with the number of its item.
absl::Status FirstError(absl::Span<const absl::Status> statuses) {
  for (size_t i = 0; i < statuses.size(); ++i) {
    SKEIN_RETURN_IF_ERROR(Annotate(statuses[i], absl::StrCat("item ", i)));
  }
  return absl::OkStatus();
}

}  // namespace

extern "C" {

SKEIN_API skein_status skein_score(skein_model model, void* items, uint32_t item_size, uint32_t count,
                                   skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(model));
    SKEIN_RETURN_IF_ERROR(CheckPointer(items, "items"));
    SKEIN_RETURN_IF_ERROR(CheckElementSize(item_size, kMinScoreBytes, "item_size", "skein_score_item"));
    const auto item_at = [&](uint32_t i) -> skein_score_item& { return ItemAt<skein_score_item>(items, item_size, i); };
    // Every item has a status also if memory runs out, before the items run or after.
    for (uint32_t i = 0; i < count; ++i) item_at(i).status = SKEIN_RESOURCE_EXHAUSTED;
    std::vector<absl::StatusOr<ScoreItem>> unwrapped;
    for (uint32_t i = 0; i < count; ++i) unwrapped.push_back(UnwrapItem(CopyOf(item_at(i), item_size)));
    const std::vector<absl::Status> statuses = Score(object, absl::MakeSpan(unwrapped));
    for (uint32_t i = 0; i < count; ++i) {
      item_at(i).status = statuses[i].raw_code();
      if (!statuses[i].ok()) continue;
      item_at(i).num_scored = unwrapped[i]->num_scored;
      item_at(i).logprob = unwrapped[i]->logprob;
    }
    return FirstError(statuses);
  });
}

SKEIN_API skein_status skein_embed(skein_model model, void* items, uint32_t item_size, uint32_t count,
                                   skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(model));
    SKEIN_RETURN_IF_ERROR(CheckPointer(items, "items"));
    SKEIN_RETURN_IF_ERROR(CheckElementSize(item_size, kMinEmbedBytes, "item_size", "skein_embed_item"));
    const auto item_at = [&](uint32_t i) -> skein_embed_item& { return ItemAt<skein_embed_item>(items, item_size, i); };
    for (uint32_t i = 0; i < count; ++i) item_at(i).status = SKEIN_RESOURCE_EXHAUSTED;
    std::vector<absl::StatusOr<EmbedItem>> unwrapped;
    for (uint32_t i = 0; i < count; ++i) unwrapped.push_back(UnwrapItem(CopyOf(item_at(i), item_size)));
    const std::vector<absl::Status> statuses = Embed(object, absl::MakeSpan(unwrapped));
    for (uint32_t i = 0; i < count; ++i) {
      item_at(i).status = statuses[i].raw_code();
      if (statuses[i].ok()) item_at(i).num_read = unwrapped[i]->num_read;
    }
    return FirstError(statuses);
  });
}

}  // extern "C"

}  // namespace skein::abi
