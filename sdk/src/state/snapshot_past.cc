#include "state/snapshot_past.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "numbers/finite.h"
#include "numbers/state_layout.h"

namespace skein {
namespace {

constexpr char kTokens[] = "tokens";
constexpr char kCheckpoint[] = "checkpoint.";

std::string CheckpointSection(int index) { return absl::StrCat(kCheckpoint, index); }

template <typename Element>
absl::Span<const uint8_t> BytesOf(const std::vector<Element>& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(Element)};
}

template <typename Element>
std::vector<Element> ElementsOf(absl::Span<const uint8_t> bytes) {
  std::vector<Element> elements(bytes.size() / sizeof(Element));
  if (!elements.empty()) std::memcpy(elements.data(), bytes.data(), bytes.size());
  return elements;
}

v1::Section& AddSection(std::string name, uint64_t num_elements, v1::Snapshot& header) {
  v1::Section& section = *header.add_sections();
  section.set_name(std::move(name));
  section.add_shape(num_elements);
  section.set_size_bytes(num_elements * sizeof(float));
  section.set_checksum(0);
  section.set_may_skip(true);
  return section;
}

// The one section with a name; -1: there is none.
absl::StatusOr<int> FindSection(const v1::Snapshot& header, const std::string& name) {
  int found = -1;
  for (int i = 0; i < header.sections_size(); ++i) {
    if (header.sections(i).name() != name) continue;
    if (found >= 0) return absl::DataLossError(absl::StrCat("snapshot: two sections ", name));
    found = i;
  }
  return found;
}

absl::Status CheckText(const std::string& text, size_t max_bytes, absl::string_view what) {
  if (text.size() <= max_bytes && IsUtf8Text(text)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("snapshot: expected ", what, " of at most ", max_bytes,
                                          " bytes of UTF-8 without NUL, found ", text.size(), " bytes"));
}

absl::Status ReadLabel(const v1::Snapshot& header, std::optional<PrefixLabel>& read) {
  if (!header.has_prefix_label()) return absl::OkStatus();
  const v1::PrefixLabel& label = header.prefix_label();
  SKEIN_RETURN_IF_ERROR(CheckText(label.name(), PrefixLabel::kMaxNameBytes, "a name"));
  SKEIN_RETURN_IF_ERROR(CheckText(label.provenance(), PrefixLabel::kMaxProvenanceBytes, "a provenance"));
  read = PrefixLabel{label.name(), label.provenance()};
  return absl::OkStatus();
}

absl::Status ReadTokens(const skein_backend_model& model, const v1::Snapshot& header,
                        absl::Span<const absl::Span<const uint8_t>> sections, Snapshot& snapshot) {
  SKEIN_ASSIGN_OR_RETURN(const int index, FindSection(header, kTokens));
  if (index < 0) return absl::OkStatus();
  const absl::Span<const uint8_t> bytes = sections[static_cast<size_t>(index)];
  if (bytes.size() % sizeof(uint32_t) != 0 || bytes.size() / sizeof(uint32_t) > snapshot.position) {
    return absl::DataLossError(absl::StrCat("snapshot: ", bytes.size(), " bytes of tokens at position ",
                                            snapshot.position, "; expected 4 for each, and no more tokens than that"));
  }
  snapshot.tokens = ElementsOf<uint32_t>(bytes);
  const auto bad = std::find_if(snapshot.tokens.begin(), snapshot.tokens.end(),
                                [&](uint32_t token) { return token >= model.vocab_size; });
  if (bad == snapshot.tokens.end()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("snapshot: token ", *bad, " in its past; the vocabulary has ", model.vocab_size));
}

absl::Status ReadCheckpoints(const skein_backend_model& model, const v1::Snapshot& header,
                             absl::Span<const absl::Span<const uint8_t>> sections, Snapshot& snapshot) {
  uint64_t begin = 0;  // the least position that may follow
  for (int i = 0; i < header.checkpoints_size(); ++i) {
    const v1::Checkpoint& checkpoint = header.checkpoints(i);
    const std::string where = absl::StrCat("checkpoint ", i);
    SKEIN_RETURN_IF_ERROR(
        CheckText(checkpoint.name(), SnapshotCheckpoint::kMaxNameBytes, absl::StrCat("a name of ", where)));
    if (checkpoint.position() < begin || checkpoint.position() > snapshot.position) {
      return absl::DataLossError(absl::StrCat("snapshot: ", where, " at position ", checkpoint.position(),
                                              "; expected ", begin, " to ", snapshot.position));
    }
    begin = checkpoint.position();
    const uint64_t name_position = checkpoint.has_name_position() ? checkpoint.name_position() : checkpoint.position();
    if (name_position < checkpoint.position() || name_position - checkpoint.position() > 1) {
      return absl::DataLossError(
          absl::StrCat("snapshot: ", where, " at position ", checkpoint.position(), " has a name at ", name_position));
    }
    SKEIN_ASSIGN_OR_RETURN(const int index, FindSection(header, CheckpointSection(i)));
    const uint64_t expected = StateFloats(model) * sizeof(float);
    const uint64_t found = index < 0 ? 0 : sections[static_cast<size_t>(index)].size();
    if (found != expected) {
      return absl::DataLossError(
          absl::StrCat("snapshot: ", where, ": expected a state of ", expected, " bytes, found ", found));
    }
    std::vector<float> state = ElementsOf<float>(sections[static_cast<size_t>(index)]);
    if (!AllFinite(state)) {
      return absl::DataLossError(absl::StrCat("snapshot: ", where, ": its state is not finite"));
    }
    snapshot.checkpoints.push_back({checkpoint.position(), checkpoint.name(), name_position, std::move(state)});
  }
  return absl::OkStatus();
}

}  // namespace

void DescribePast(const skein_backend_model& model, const Snapshot& snapshot, v1::Snapshot& header) {
  if (snapshot.label.has_value()) {
    header.mutable_prefix_label()->set_name(snapshot.label->name);
    header.mutable_prefix_label()->set_provenance(snapshot.label->provenance);
  }
  if (!snapshot.tokens.empty()) AddSection(kTokens, snapshot.tokens.size(), header);
  for (size_t i = 0; i < snapshot.checkpoints.size(); ++i) {
    const SnapshotCheckpoint& checkpoint = snapshot.checkpoints[i];
    v1::Checkpoint& described = *header.add_checkpoints();
    described.set_position(checkpoint.position);
    if (!checkpoint.name.empty()) described.set_name(checkpoint.name);
    if (checkpoint.name_position != checkpoint.position) described.set_name_position(checkpoint.name_position);
    AddSection(CheckpointSection(static_cast<int>(i)), StateFloats(model), header).set_dtype(v1::DTYPE_F32);
  }
}

std::vector<absl::Span<const uint8_t>> PastSections(const Snapshot& snapshot) {
  std::vector<absl::Span<const uint8_t>> sections;
  if (!snapshot.tokens.empty()) sections.push_back(BytesOf(snapshot.tokens));
  for (const SnapshotCheckpoint& checkpoint : snapshot.checkpoints) sections.push_back(BytesOf(checkpoint.state));
  return sections;
}

absl::Status ReadPast(const skein_backend_model& model, const v1::Snapshot& header,
                      absl::Span<const absl::Span<const uint8_t>> sections, Snapshot& snapshot) {
  SKEIN_RETURN_IF_ERROR(ReadLabel(header, snapshot.label));
  SKEIN_RETURN_IF_ERROR(ReadTokens(model, header, sections, snapshot));
  return ReadCheckpoints(model, header, sections, snapshot);
}

absl::Status SummarisePast(const v1::Snapshot& header, SnapshotSummary& summary) {
  SKEIN_RETURN_IF_ERROR(ReadLabel(header, summary.label));
  SKEIN_ASSIGN_OR_RETURN(const int index, FindSection(header, kTokens));
  if (index >= 0) summary.num_tokens = header.sections(index).size_bytes() / sizeof(uint32_t);
  for (const v1::Checkpoint& checkpoint : header.checkpoints()) {
    SKEIN_RETURN_IF_ERROR(CheckText(checkpoint.name(), SnapshotCheckpoint::kMaxNameBytes, "a name of a checkpoint"));
    summary.checkpoints.push_back({checkpoint.position(), checkpoint.name()});
  }
  return absl::OkStatus();
}

}  // namespace skein
