#include "engine/prefix.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "engine/engine.h"

namespace skein {
namespace {

absl::Status CheckText(const std::string& text, size_t max_bytes, const char* what) {
  if (text.size() > max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("prefix: a ", what, " of ", text.size(), " bytes; expected at most ", max_bytes));
  }
  if (IsUtf8Text(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("prefix: the ", what, " is not UTF-8"));
}

}  // namespace

Prefix::Prefix(std::shared_ptr<Model> model, StreamState place, PrefixLabel label)
    : model_(std::move(model)),
      place_(std::move(place)),
      label_(std::move(label)),
      number_(model_->engine()->prefixes()->NewPlaceNumber()) {}

absl::StatusOr<std::shared_ptr<Prefix>> Prefix::Create(const Stream& stream, PrefixLabel label) {
  SKEIN_RETURN_IF_ERROR(CheckText(label.name, PrefixLabel::kMaxNameBytes, "name"));
  SKEIN_RETURN_IF_ERROR(CheckText(label.provenance, PrefixLabel::kMaxProvenanceBytes, "provenance"));
  return std::make_shared<Prefix>(stream.model(), stream.Committed(), std::move(label));
}

absl::StatusOr<std::shared_ptr<Prefix>> Prefix::Load(std::shared_ptr<Model> model, const std::string& path) {
  SKEIN_ASSIGN_OR_RETURN(RestoredSnapshot restored, LoadSnapshot(*model, path));
  return std::make_shared<Prefix>(std::move(model), std::move(restored.at),
                                  std::move(restored.label).value_or(PrefixLabel()));
}

absl::Status Prefix::Save(const std::string& path, const SaveOptions& options) const {
  return SaveSnapshot(*model_, place_, label_, path, options);
}

absl::StatusOr<std::shared_ptr<Stream>> Prefix::Start(const std::string& tenant, const std::string& salt) const {
  return Stream::StartAt(model_, place_, number_, tenant, salt);
}

}  // namespace skein
