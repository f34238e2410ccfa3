#include "state/snapshot.h"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/checksum.h"
#include "base/status.h"
#include "numbers/finite.h"
#include "skein/v1/snapshot.pb.h"
#include "state/snapshot_checks.h"
#include "state/snapshot_past.h"
#include "state/snapshot_v1.h"

namespace skein {
namespace {

constexpr char kMagic[8] = {'S', 'K', 'E', 'I', 'N', 'S', 'N', 'P'};
constexpr uint32_t kVersion = 2;
constexpr uint64_t kAlignment = 64;
constexpr size_t kNumFingerprintDigits = 32;
// For a snapshot whose model is not known: twice the World vocabulary, and as many checkpoints as a model keeps.
constexpr uint64_t kLargestVocabulary = 1 << 17;
constexpr uint64_t kMostCheckpoints = 4096;

// The fixed beginning of the bytes.
struct Preamble {
  char magic[8];
  uint32_t version;
  uint32_t reserved0;
  uint64_t total_bytes;
  uint64_t header_bytes;
  uint64_t header_checksum;
  uint64_t sections_offset;
  uint64_t reserved1;
  uint64_t preamble_checksum;
};
static_assert(sizeof(Preamble) == 64 && offsetof(Preamble, preamble_checksum) == 56, "the layout in snapshot.h");

constexpr uint64_t AlignUp(uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

// A part of the state, of all layers, as one section.
struct SectionPlan {
  StatePart part;
  uint64_t offset_in_layer;  // in floats, in the canonical layout
  std::vector<uint64_t> shape;
  uint64_t size_bytes;
};

std::vector<SectionPlan> PlanSections(const skein_backend_model& model) {
  std::vector<SectionPlan> plans;
  uint64_t offset = 0;
  for (StatePart& part : LayerStateParts(model)) {
    std::vector<uint64_t> dims = {model.num_layers};
    dims.insert(dims.end(), part.shape.begin(), part.shape.end());
    const uint64_t size_bytes = model.num_layers * part.num_floats * sizeof(float);
    const uint64_t num_floats = part.num_floats;
    plans.push_back({std::move(part), offset, std::move(dims), size_bytes});
    offset += num_floats;
  }
  return plans;
}

v1::WkvLayout WkvLayoutOf(uint32_t generation) {
  if (generation == 4) return v1::WKV_LAYOUT_NONE;
  return generation == 7 ? v1::WKV_LAYOUT_VK : v1::WKV_LAYOUT_KV;
}

// --- writing ---

v1::Sampler ToProto(const SamplerState& state) {
  v1::Sampler sampler;
  sampler.set_seed(state.seed);
  sampler.set_sample_index(state.sample_index);
  for (const Occurrence& occurrence : state.occurrences) {
    sampler.add_occurrence_tokens(occurrence.token);
    sampler.add_occurrence_weights(occurrence.weight);
  }
  return sampler;
}

// The header as it is written, but with checksums of 0, which do not change its size.
v1::Snapshot DescribeSnapshot(const skein_backend_model& model, const Snapshot& snapshot) {
  v1::Snapshot header;
  header.set_source_fingerprint(snapshot.fingerprint.empty() ? std::string(kNumFingerprintDigits, '0')
                                                             : snapshot.fingerprint);
  header.set_generation(model.generation);
  header.set_variant(model.variant);
  if (model.generation != 4) header.set_wkv_layout(WkvLayoutOf(model.generation));
  header.set_position(snapshot.position);
  header.mutable_pending()->Add(snapshot.pending.begin(), snapshot.pending.end());
  *header.mutable_sampler() = ToProto(snapshot.sampler);
  for (const SectionPlan& plan : PlanSections(model)) {
    v1::Section& section = *header.add_sections();
    section.set_name(plan.part.name);
    section.set_dtype(v1::DTYPE_F32);
    section.mutable_shape()->Add(plan.shape.begin(), plan.shape.end());
    section.set_size_bytes(plan.size_bytes);
    section.set_checksum(0);
  }
  DescribePast(model, snapshot, header);
  return header;
}

uint64_t SectionsOffset(uint64_t header_bytes) { return AlignUp(sizeof(Preamble) + header_bytes); }

// Copies the floats of one part out of a canonical state. Gives their checksum, taken while they are in the cache.
uint64_t CopyFromState(const SectionPlan& plan, const skein_backend_model& model, absl::Span<const float> state,
                       uint8_t* to) {
  ChecksumStream checksum;
  const uint64_t floats_per_layer = state.size() / model.num_layers;
  const uint64_t part_bytes = plan.part.num_floats * sizeof(float);
  for (uint32_t layer = 0; layer < model.num_layers; ++layer) {
    std::memcpy(to, state.data() + layer * floats_per_layer + plan.offset_in_layer, part_bytes);
    checksum.Add(to, part_bytes);
    to += part_bytes;
  }
  return checksum.Finish();
}

// Fills the bytes from `*at` to the next section, and steps over them.
void EndSection(uint64_t size_bytes, uint8_t** at) {
  std::memset(*at + size_bytes, 0, AlignUp(size_bytes) - size_bytes);
  *at += AlignUp(size_bytes);
}

// --- reading ---

absl::StatusOr<Preamble> ReadPreamble(absl::Span<const uint8_t> bytes) {
  Preamble preamble;
  if (bytes.size() < sizeof(preamble)) {
    return absl::DataLossError(
        absl::StrCat("snapshot: expected at least ", sizeof(preamble), " bytes, found ", bytes.size()));
  }
  std::memcpy(&preamble, bytes.data(), sizeof(preamble));
  if (preamble.preamble_checksum != Checksum(&preamble, offsetof(Preamble, preamble_checksum))) {
    return absl::DataLossError("snapshot: the first 56 bytes do not match their checksum");
  }
  if (preamble.reserved0 != 0 || preamble.reserved1 != 0) {
    return absl::DataLossError("snapshot: reserved bytes are not zero");
  }
  if (preamble.total_bytes != bytes.size()) {
    return absl::DataLossError(
        absl::StrCat("snapshot: expected ", preamble.total_bytes, " bytes, found ", bytes.size()));
  }
  return preamble;
}

// The largest header that is read. The occurrences of all tokens fit into it, and so does what it says of `num_states`
// checkpoints with the longest names. A parser may need some fifty times this memory.
uint64_t MaxHeaderBytes(uint64_t vocab_size, uint64_t num_states) {
  constexpr uint64_t kBesideThese = 64 << 10;
  constexpr uint64_t kPerToken = 16;
  constexpr uint64_t kPerState = 256;
  return std::min<uint64_t>(kBesideThese + kPerToken * vocab_size + kPerState * num_states, INT_MAX);
}

absl::Status CheckZero(absl::Span<const uint8_t> bytes, absl::string_view behind) {
  if (std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; })) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("snapshot: the bytes behind ", behind, " are not zero"));
}

absl::StatusOr<v1::Snapshot> ReadHeader(uint64_t max_bytes, const Preamble& preamble, absl::Span<const uint8_t> bytes) {
  const uint64_t size = preamble.header_bytes;
  const uint64_t max = std::min<uint64_t>(max_bytes, bytes.size() - sizeof(preamble));
  if (size > max) {
    return absl::DataLossError(absl::StrCat("snapshot: a header of ", size, " bytes; expected at most ", max));
  }
  if (preamble.sections_offset != SectionsOffset(size) || preamble.sections_offset > bytes.size()) {
    return absl::DataLossError(absl::StrCat("snapshot: sections at ", preamble.sections_offset, "; expected ",
                                            SectionsOffset(size), " of ", bytes.size(), " bytes"));
  }
  const absl::Span<const uint8_t> header_bytes = bytes.subspan(sizeof(preamble), size);
  if (Checksum(header_bytes.data(), size) != preamble.header_checksum) {
    return absl::DataLossError("snapshot: the header does not match its checksum");
  }
  const uint64_t end = sizeof(preamble) + size;
  SKEIN_RETURN_IF_ERROR(CheckZero(bytes.subspan(end, preamble.sections_offset - end), "the header"));
  v1::Snapshot header;
  if (!header.ParseFromArray(header_bytes.data(), static_cast<int>(size))) {
    return absl::DataLossError("snapshot: the header is not a serialised skein.v1.Snapshot");
  }
  return header;
}

// A name that a hostile writer may have chosen, made fit for a message.
std::string Quoted(const std::string& name) {
  constexpr size_t kMaxShown = 32;
  return absl::StrCat("\"", absl::CHexEscape(name.substr(0, kMaxShown)), "\"");
}

// OK if this version understands all of the header that it must understand, to go on as the stream would.
absl::Status CheckUnderstood(const skein_backend_model& model, const v1::Snapshot& header) {
  if (header.required_features_size() > 0) {
    return absl::UnimplementedError(absl::StrCat("snapshot: needs the feature ", Quoted(header.required_features(0)),
                                                 ", which this version does not know"));
  }
  if (header.adapter_ids_size() > 0) {
    return absl::UnimplementedError("snapshot: of a stream with adapters of its own, which this version has not");
  }
  if (header.wkv_layout() == WkvLayoutOf(model.generation)) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("snapshot: wkv_layout ", static_cast<int>(header.wkv_layout()),
                                               "; expected ", static_cast<int>(WkvLayoutOf(model.generation))));
}

absl::StatusOr<SamplerState> FromProto(const v1::Sampler& sampler) {
  if (sampler.occurrence_tokens_size() != sampler.occurrence_weights_size()) {
    return absl::DataLossError(absl::StrCat("snapshot: sampler: ", sampler.occurrence_tokens_size(),
                                            " tokens occurred, with ", sampler.occurrence_weights_size(), " weights"));
  }
  SamplerState state = {sampler.seed(), sampler.sample_index(), {}};
  for (int i = 0; i < sampler.occurrence_tokens_size(); ++i) {
    state.occurrences.push_back({sampler.occurrence_tokens(i), sampler.occurrence_weights(i)});
  }
  return state;
}

absl::Status CheckChecksum(const v1::Section& section, uint64_t found) {
  if (section.checksum() == found) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("snapshot: section ", Quoted(section.name()), " does not match its checksum"));
}

// The bytes of each section, not yet checked against their checksums.
absl::StatusOr<std::vector<absl::Span<const uint8_t>>> LocateSections(const v1::Snapshot& header, uint64_t offset,
                                                                      absl::Span<const uint8_t> bytes) {
  std::vector<absl::Span<const uint8_t>> located;
  for (const v1::Section& section : header.sections()) {
    const std::string name = absl::StrCat("section ", Quoted(section.name()));
    if (section.size_bytes() > bytes.size() - offset || AlignUp(section.size_bytes()) > bytes.size() - offset) {
      return absl::DataLossError(absl::StrCat("snapshot: ", name, " of ", section.size_bytes(), " bytes at ", offset,
                                              "; the snapshot ends at ", bytes.size()));
    }
    located.push_back(bytes.subspan(offset, section.size_bytes()));
    const uint64_t end = offset + section.size_bytes();
    offset += AlignUp(section.size_bytes());
    SKEIN_RETURN_IF_ERROR(CheckZero(bytes.subspan(end, offset - end), name));
  }
  if (offset == bytes.size()) return located;
  return absl::DataLossError(
      absl::StrCat("snapshot: expected its end at ", offset, ", behind the last section; found ", bytes.size()));
}

// Compares the checksums of all sections but those in `others`.
absl::Status CheckSections(const v1::Snapshot& header, absl::Span<const absl::Span<const uint8_t>> located,
                           const std::vector<int>& others) {
  for (int i = 0; i < header.sections_size(); ++i) {
    if (std::find(others.begin(), others.end(), i) != others.end()) continue;
    const absl::Span<const uint8_t> section = located[static_cast<size_t>(i)];
    SKEIN_RETURN_IF_ERROR(CheckChecksum(header.sections(i), Checksum(section.data(), section.size())));
  }
  return absl::OkStatus();
}

absl::Status CheckSection(const SectionPlan& plan, const v1::Section& section) {
  if (section.dtype() != v1::DTYPE_F32) {
    return absl::UnimplementedError(absl::StrCat("snapshot: section ", plan.part.name, ": dtype ",
                                                 static_cast<int>(section.dtype()), "; this version reads float32"));
  }
  if (!std::equal(section.shape().begin(), section.shape().end(), plan.shape.begin(), plan.shape.end())) {
    // A hostile shape may be long.
    const std::string found = section.shape_size() > 8 ? absl::StrCat(section.shape_size(), " dimensions")
                                                       : absl::StrCat("[", absl::StrJoin(section.shape(), ", "), "]");
    return absl::FailedPreconditionError(absl::StrCat("snapshot: section ", plan.part.name, " is ", found,
                                                      "; this model's is [", absl::StrJoin(plan.shape, ", "), "]"));
  }
  if (section.size_bytes() == plan.size_bytes) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("snapshot: section ", plan.part.name, ": ", section.size_bytes(),
                                          " bytes; expected ", plan.size_bytes));
}

// The section of each plan: its index in the header.
absl::StatusOr<std::vector<int>> MatchSections(const std::vector<SectionPlan>& plans, const v1::Snapshot& header) {
  constexpr int kMissing = -1;
  std::vector<int> matched(plans.size(), kMissing);
  for (int i = 0; i < header.sections_size(); ++i) {
    const v1::Section& section = header.sections(i);
    const auto plan = std::find_if(plans.begin(), plans.end(),
                                   [&](const SectionPlan& known) { return section.name() == known.part.name; });
    if (plan == plans.end()) {
      if (section.may_skip()) continue;
      return absl::UnimplementedError(
          absl::StrCat("snapshot: section ", Quoted(section.name()), ", which this version does not know"));
    }
    SKEIN_RETURN_IF_ERROR(CheckSection(*plan, section));
    int& index = matched[static_cast<size_t>(plan - plans.begin())];
    if (index != kMissing) return absl::DataLossError(absl::StrCat("snapshot: two sections ", plan->part.name));
    index = i;
  }
  const auto missing = std::find(matched.begin(), matched.end(), kMissing);
  if (missing == matched.end()) return matched;
  return absl::DataLossError(absl::StrCat("snapshot: expected a section ",
                                          plans[static_cast<size_t>(missing - matched.begin())].part.name,
                                          ", found none"));
}

// Reads the canonical state from the sections of `plans`, which are `matched`. It is checked while it is in the cache.
absl::Status ReadState(const skein_backend_model& model, const v1::Snapshot& header,
                       absl::Span<const absl::Span<const uint8_t>> located, const std::vector<SectionPlan>& plans,
                       const std::vector<int>& matched, absl::Span<float> state) {
  const uint64_t floats_per_layer = state.size() / model.num_layers;
  bool is_finite = true;
  for (size_t i = 0; i < plans.size(); ++i) {
    const uint8_t* from = located[static_cast<size_t>(matched[i])].data();
    const uint64_t part_bytes = plans[i].part.num_floats * sizeof(float);
    ChecksumStream checksum;
    for (uint32_t layer = 0; layer < model.num_layers; ++layer, from += part_bytes) {
      const absl::Span<float> to =
          state.subspan(layer * floats_per_layer + plans[i].offset_in_layer, plans[i].part.num_floats);
      std::memcpy(to.data(), from, part_bytes);
      checksum.Add(to.data(), part_bytes);
      is_finite = is_finite && AllFinite(to);
    }
    SKEIN_RETURN_IF_ERROR(CheckChecksum(header.sections(matched[i]), checksum.Finish()));
  }
  return is_finite ? absl::OkStatus() : CheckStateFinite(state);
}

absl::StatusOr<Snapshot> ReadSnapshotV2(const skein_backend_model& model, absl::Span<const uint8_t> bytes,
                                        absl::Span<float> state) {
  SKEIN_ASSIGN_OR_RETURN(const Preamble preamble, ReadPreamble(bytes));
  const uint64_t section_bytes = bytes.size() - std::min<uint64_t>(bytes.size(), preamble.header_bytes);
  const uint64_t num_states = section_bytes / (StateFloats(model) * sizeof(float));
  const uint64_t max_header_bytes = MaxHeaderBytes(model.vocab_size, num_states);
  SKEIN_ASSIGN_OR_RETURN(const v1::Snapshot header, ReadHeader(max_header_bytes, preamble, bytes));
  Snapshot snapshot;
  snapshot.fingerprint = header.source_fingerprint();
  SKEIN_RETURN_IF_ERROR(CheckSnapshotSource(model, snapshot.fingerprint, header.generation(), header.variant()));
  SKEIN_RETURN_IF_ERROR(CheckUnderstood(model, header));
  snapshot.position = header.position();
  snapshot.pending.assign(header.pending().begin(), header.pending().end());
  SKEIN_ASSIGN_OR_RETURN(snapshot.sampler, FromProto(header.sampler()));
  const std::vector<SectionPlan> plans = PlanSections(model);
  SKEIN_ASSIGN_OR_RETURN(const std::vector<int> matched, MatchSections(plans, header));
  SKEIN_ASSIGN_OR_RETURN(const auto located, LocateSections(header, preamble.sections_offset, bytes));
  SKEIN_RETURN_IF_ERROR(CheckSections(header, located, matched));
  SKEIN_RETURN_IF_ERROR(ReadState(model, header, located, plans, matched, state));
  SKEIN_RETURN_IF_ERROR(CheckSnapshotValues(model, snapshot));
  SKEIN_RETURN_IF_ERROR(ReadPast(model, header, located, snapshot));
  return snapshot;
}

absl::StatusOr<uint32_t> ReadVersion(absl::Span<const uint8_t> bytes) {
  uint32_t version;
  if (bytes.size() < sizeof(kMagic) + sizeof(version)) {
    return absl::DataLossError(
        absl::StrCat("snapshot: expected a magic and a version, found ", bytes.size(), " bytes"));
  }
  if (std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) != 0) {
    return absl::DataLossError("snapshot: expected the magic SKEINSNP at offset 0, found other bytes");
  }
  std::memcpy(&version, bytes.data() + sizeof(kMagic), sizeof(version));
  return version;
}

}  // namespace

uint64_t SnapshotBytes(const skein_backend_model& model, const Snapshot& snapshot) {
  const v1::Snapshot header = DescribeSnapshot(model, snapshot);
  uint64_t bytes = SectionsOffset(header.ByteSizeLong());
  for (const v1::Section& section : header.sections()) bytes += AlignUp(section.size_bytes());
  return bytes;
}

void WriteSnapshot(const skein_backend_model& model, const Snapshot& snapshot, absl::Span<const float> state,
                   absl::Span<uint8_t> bytes) {
  v1::Snapshot header = DescribeSnapshot(model, snapshot);
  Preamble preamble = {};
  std::memcpy(preamble.magic, kMagic, sizeof(kMagic));
  preamble.version = kVersion;
  preamble.total_bytes = bytes.size();
  preamble.header_bytes = header.ByteSizeLong();
  preamble.sections_offset = SectionsOffset(preamble.header_bytes);

  uint8_t* at = bytes.data() + preamble.sections_offset;
  int section = 0;
  for (const SectionPlan& plan : PlanSections(model)) {
    header.mutable_sections(section++)->set_checksum(CopyFromState(plan, model, state, at));
    EndSection(plan.size_bytes, &at);
  }
  for (const absl::Span<const uint8_t> past : PastSections(snapshot)) {
    std::memcpy(at, past.data(), past.size());
    header.mutable_sections(section++)->set_checksum(Checksum(at, past.size()));
    EndSection(past.size(), &at);
  }

  uint8_t* header_at = bytes.data() + sizeof(preamble);
  uint8_t* header_end = header.SerializeWithCachedSizesToArray(header_at);
  std::memset(header_end, 0, static_cast<size_t>(bytes.data() + preamble.sections_offset - header_end));
  preamble.header_checksum = Checksum(header_at, preamble.header_bytes);
  preamble.preamble_checksum = Checksum(&preamble, offsetof(Preamble, preamble_checksum));
  std::memcpy(bytes.data(), &preamble, sizeof(preamble));
}

absl::StatusOr<Snapshot> ReadSnapshot(const skein_backend_model& model, absl::Span<const uint8_t> bytes,
                                      absl::Span<float> state) {
  SKEIN_ASSIGN_OR_RETURN(const uint32_t version, ReadVersion(bytes));
  if (version == 1) return ReadSnapshotV1(model, bytes, state);
  if (version == kVersion) return ReadSnapshotV2(model, bytes, state);
  return absl::UnimplementedError(absl::StrCat("snapshot: version ", version, "; this version reads 1 and ", kVersion));
}

absl::StatusOr<Snapshot> ReadSnapshot(const skein_backend_model& model, absl::Span<const uint8_t> bytes) {
  std::vector<float> state(StateFloats(model));
  SKEIN_ASSIGN_OR_RETURN(Snapshot snapshot, ReadSnapshot(model, bytes, absl::MakeSpan(state)));
  snapshot.state = std::move(state);
  return snapshot;
}

absl::StatusOr<SnapshotSummary> SummariseSnapshot(absl::Span<const uint8_t> bytes) {
  SKEIN_ASSIGN_OR_RETURN(const uint32_t version, ReadVersion(bytes));
  if (version != kVersion) {
    return absl::UnimplementedError(
        absl::StrCat("snapshot: version ", version, "; this version describes version ", kVersion));
  }
  SKEIN_ASSIGN_OR_RETURN(const Preamble preamble, ReadPreamble(bytes));
  SKEIN_ASSIGN_OR_RETURN(const v1::Snapshot header,
                         ReadHeader(MaxHeaderBytes(kLargestVocabulary, kMostCheckpoints), preamble, bytes));
  SKEIN_ASSIGN_OR_RETURN(const auto located, LocateSections(header, preamble.sections_offset, bytes));
  SKEIN_RETURN_IF_ERROR(CheckSections(header, located, {}));
  SKEIN_RETURN_IF_ERROR(CheckFingerprint(header.source_fingerprint()));
  SnapshotSummary summary;
  summary.fingerprint = header.source_fingerprint();
  summary.generation = header.generation();
  summary.variant = header.variant();
  summary.position = header.position();
  summary.num_pending = static_cast<uint32_t>(header.pending_size());
  summary.num_bytes = bytes.size();
  for (const v1::Section& section : header.sections()) {
    if (!section.may_skip()) summary.state_bytes += section.size_bytes();
  }
  SKEIN_RETURN_IF_ERROR(SummarisePast(header, summary));
  return summary;
}

}  // namespace skein
