#include "serving/embed.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/engine.h"
#include "scheduler/tenant.h"
#include "serving/reading.h"
#include "skein/backend.h"
#include "skein/score.h"

namespace skein {
namespace {

// Adds up the hidden rows of one item.
class RowSum final : public RowReader {
 public:
  explicit RowSum(uint32_t d_model) : sum_(d_model) {}

  absl::Status OnRows(uint64_t /*first*/, absl::Span<const float> rows) override {
    for (uint64_t i = 0; i < rows.size(); ++i) sum_[i % sum_.size()] += rows[i];
    num_rows_ += rows.size() / sum_.size();
    return absl::OkStatus();
  }

  // Writes the mean of the rows. DATA_LOSS: a number of it is not finite.
  absl::Status Finish(const EmbedItem& item) const {
    double square = 0;
    for (const double value : sum_) square += value * value;
    if (!std::isfinite(square)) {
      return absl::DataLossError("the hidden state is not finite; expected finite numbers");
    }
    const double length = item.normalise ? std::sqrt(square) : static_cast<double>(num_rows_);
    const double scale = length > 0 ? 1 / length : 0;
    std::transform(sum_.begin(), sum_.end(), item.embedding.begin(),
                   [scale](double value) { return static_cast<float>(value * scale); });
    return absl::OkStatus();
  }

 private:
  std::vector<double> sum_;
  uint64_t num_rows_ = 0;
};

// The tokens of an item, of which there is at least one.
absl::StatusOr<std::vector<uint32_t>> TokensOf(const Model& model, const EmbedItem& item) {
  std::vector<uint32_t> tokens(item.tokens.begin(), item.tokens.end());
  if (item.text.has_value()) {
    SKEIN_RETURN_IF_ERROR(model.CheckTokenizer("embed: a text"));
    SKEIN_ASSIGN_OR_RETURN(tokens, model.tokenizer()->Encode(*item.text));
  }
  if (tokens.empty()) return absl::InvalidArgumentError("no tokens; expected at least one token of a text");
  SKEIN_RETURN_IF_ERROR(CheckTokens(model, tokens));
  return tokens;
}

absl::Status CheckItem(const Model& model, const EmbedItem& item) {
  if (item.stream != nullptr && item.stream->model().get() != &model) {
    return absl::InvalidArgumentError("the stream is of another model than the one given");
  }
  if (item.stream != nullptr && !item.tenant.empty()) {
    return absl::InvalidArgumentError("tenant: the item has a stream, whose tenant counts; expected NULL");
  }
  SKEIN_RETURN_IF_ERROR(CheckTenantName(item.tenant));
  SKEIN_RETURN_IF_ERROR(CheckPriority(item.priority));
  if (item.pooling > SKEIN_POOLING_MEAN) {
    return absl::InvalidArgumentError(absl::StrCat("pooling ", item.pooling, "; expected 0 or 1"));
  }
  const uint32_t d_model = model.config().d_model;
  if (item.embedding.size() >= d_model) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("capacity ", item.embedding.size(), " floats; expected ", d_model));
}

// One item on its way.
struct Embedding {
  explicit Embedding(uint32_t d_model) : sum(d_model) {}

  std::vector<uint32_t> tokens;
  RowSum sum;
};

// Sets the reading of an item.
absl::Status Prepare(const Model& model, EmbedItem& item, Embedding& embedding, Reading& reading) {
  SKEIN_RETURN_IF_ERROR(CheckItem(model, item));
  SKEIN_ASSIGN_OR_RETURN(embedding.tokens, TokensOf(model, item));
  if (item.stream != nullptr) {
    reading.at = item.stream->Committed();
    reading.tenant = item.stream->tenant();
  } else {
    reading.at.state = model.initial_state();
    reading.tenant = model.engine()->tenants().Get(item.tenant);
  }
  reading.priority = item.priority;
  const uint64_t num_before = reading.at.pending.has_value() ? 1 : 0;
  reading.tokens = embedding.tokens;
  reading.output = SKEIN_STEP_HIDDEN;
  reading.first_row = num_before + (item.pooling == SKEIN_POOLING_MEAN ? 0 : embedding.tokens.size() - 1);
  reading.reader = &embedding.sum;
  item.num_read = embedding.tokens.size();
  return absl::OkStatus();
}

}  // namespace

std::vector<absl::Status> Embed(const std::shared_ptr<Model>& model, absl::Span<absl::StatusOr<EmbedItem>> items) {
  std::vector<Reading> readings(items.size());
  std::vector<Embedding> embeddings(items.size(), Embedding(model->config().d_model));
  std::vector<absl::Status> statuses(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    readings[i].status = items[i].ok() ? Prepare(*model, *items[i], embeddings[i], readings[i]) : items[i].status();
  }
  ReadAll(model, absl::MakeSpan(readings));
  for (size_t i = 0; i < items.size(); ++i) {
    statuses[i] = readings[i].status.ok() ? embeddings[i].sum.Finish(*items[i]) : readings[i].status;
  }
  return statuses;
}

}  // namespace skein
