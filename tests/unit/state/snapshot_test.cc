#include "state/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "numbers/state_layout.h"
#include "skein/v1/snapshot.pb.h"
#include "tests/support/snapshot_bytes.h"

namespace skein {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = std::vector<uint8_t>;

Snapshot Example() {
  Snapshot snapshot;
  snapshot.fingerprint = "0123456789abcdef0123456789abcdef";
  snapshot.position = 123456789012;
  snapshot.pending = {42};
  snapshot.sampler = {~uint64_t{0}, 3, {{7, 0.1 + 0.2}, {49, 0x1p-1074}, {0, 3.0}}};
  snapshot.state = {1.5f, -0.0f, 3e-39f, 1e30f, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return snapshot;
}

Bytes Write(const Snapshot& snapshot, const skein_backend_model& model = test::SmallStateModel()) {
  Bytes bytes(SnapshotBytes(model, snapshot));
  WriteSnapshot(model, snapshot, snapshot.state, absl::MakeSpan(bytes));
  return bytes;
}

// The example with its header changed by `change`, and right checksums.
template <typename Change>
Bytes Forge(Change change) {
  test::SnapshotParts parts = test::TakeApart(Write(Example()));
  change(parts);
  return test::PutTogether(parts);
}

absl::Status Refusal(const Bytes& bytes, const skein_backend_model& model = test::SmallStateModel()) {
  return ReadSnapshot(model, bytes).status();
}

void ExpectSame(const Snapshot& read, const Snapshot& written) {
  EXPECT_EQ(read.fingerprint, written.fingerprint);
  EXPECT_EQ(read.position, written.position);
  EXPECT_EQ(read.pending, written.pending);
  EXPECT_EQ(read.sampler, written.sampler);
  ASSERT_EQ(read.state.size(), written.state.size());
  EXPECT_EQ(std::memcmp(read.state.data(), written.state.data(), read.state.size() * sizeof(float)), 0);
}

TEST(SnapshotTest, ReadsBackWhatWasWritten) {
  const auto read = ReadSnapshot(test::SmallStateModel(), Write(Example()));
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(*read, Example());
}

// The example with everything that a snapshot can carry of the past.
Snapshot ExampleWithPast() {
  Snapshot snapshot = Example();
  snapshot.label = PrefixLabel{"persona", "written by hand, 2026"};
  snapshot.tokens = {1, 2, 49};
  const std::vector<float> state = snapshot.state;
  snapshot.checkpoints = {{7, "", 7, std::vector<float>(state.size(), 0.5f)}, {123, "turn 1", 124, state}};
  return snapshot;
}

TEST(SnapshotTest, ReadsBackLabelTokensAndCheckpoints) {
  const Snapshot written = ExampleWithPast();
  const auto read = ReadSnapshot(test::SmallStateModel(), Write(written));
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(*read, written);
  ASSERT_TRUE(read->label.has_value());
  EXPECT_EQ(read->label->name, "persona");
  EXPECT_EQ(read->label->provenance, "written by hand, 2026");
  EXPECT_EQ(read->tokens, written.tokens);
  ASSERT_EQ(read->checkpoints.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read->checkpoints[i].position, written.checkpoints[i].position);
    EXPECT_EQ(read->checkpoints[i].name, written.checkpoints[i].name);
    EXPECT_EQ(read->checkpoints[i].name_position, written.checkpoints[i].name_position);
    EXPECT_EQ(read->checkpoints[i].state, written.checkpoints[i].state);
  }
}

TEST(SnapshotTest, WithoutAPastThereIsNone) {
  const auto read = ReadSnapshot(test::SmallStateModel(), Write(Example()));
  ASSERT_TRUE(read.ok());
  EXPECT_FALSE(read->label.has_value());
  EXPECT_TRUE(read->tokens.empty());
  EXPECT_TRUE(read->checkpoints.empty());
}

TEST(SnapshotTest, RefusesAPastThatCannotBe) {
  struct Case {
    const char* expected;
    void (*change)(Snapshot& snapshot);
  };
  const Case cases[] = {
      {"a name of at most 127 bytes", [](Snapshot& s) { s.label->name.assign(128, 'x'); }},
      {"a provenance of at most 4095 bytes", [](Snapshot& s) { s.label->provenance = "\xff"; }},
      {"token 50 in its past; the vocabulary has 50",
       [](Snapshot& s) {
         s.tokens = {0, 50};
       }},
      {"12 bytes of tokens at position 2",
       [](Snapshot& s) {
         s.position = 2;
         s.checkpoints.clear();
       }},
      {"checkpoint 1 at position 6; expected 7 to", [](Snapshot& s) { s.checkpoints[1].position = 6; }},
      {"checkpoint 1 at position 123 has a name at 125", [](Snapshot& s) { s.checkpoints[1].name_position = 125; }},
      {"checkpoint 1 at position 123; expected 7 to 122", [](Snapshot& s) { s.position = 122; }},
      {"a name of checkpoint 1 of at most 63 bytes", [](Snapshot& s) { s.checkpoints[1].name.assign(64, 'x'); }},
      {"checkpoint 1: its state is not finite", [](Snapshot& s) { s.checkpoints[1].state[3] = INFINITY; }},
  };
  for (const Case& one : cases) {
    Snapshot snapshot = ExampleWithPast();
    one.change(snapshot);
    const absl::Status status = Refusal(Write(snapshot));
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr(one.expected));
  }
}

TEST(SnapshotTest, RefusesACheckpointWhoseStateIsTooShort) {
  test::SnapshotParts parts = test::TakeApart(Write(ExampleWithPast()));
  parts.sections.back().resize(60);
  EXPECT_THAT(std::string(Refusal(test::PutTogether(parts)).message()),
              HasSubstr("checkpoint 1: expected a state of 64 bytes, found 60"));
}

TEST(SnapshotTest, RefusesACheckpointWithoutAState) {
  test::SnapshotParts parts = test::TakeApart(Write(ExampleWithPast()));
  parts.header.mutable_sections(parts.header.sections_size() - 1)->set_name("checkpoint.7");
  EXPECT_THAT(std::string(Refusal(test::PutTogether(parts)).message()),
              HasSubstr("checkpoint 1: expected a state of 64 bytes, found 0"));
}

TEST(SnapshotTest, AnyFlippedBitOfThePastIsNoticed) {
  Bytes bytes = Write(ExampleWithPast());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(ReadSnapshot(test::SmallStateModel(), bytes).ok()) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

TEST(SnapshotTest, ReadsBackTheStatesOfAllGenerations) {
  for (const uint32_t generation : {4u, 5u, 6u, 7u}) {
    skein_backend_model model = test::SmallStateModel();
    model.generation = generation;
    model.d_att = generation == 4 ? 3 : model.num_heads * model.head_size;
    Snapshot snapshot = Example();
    snapshot.state.resize(StateFloats(model));
    for (size_t i = 0; i < snapshot.state.size(); ++i) snapshot.state[i] = static_cast<float>(i);
    const auto read = ReadSnapshot(model, Write(snapshot, model));
    ASSERT_TRUE(read.ok()) << read.status();
    ExpectSame(*read, snapshot);
  }
}

TEST(SnapshotTest, SectionsHoldAllLayersOfOnePart) {
  const test::SnapshotParts parts = test::TakeApart(Write(Example()));
  ASSERT_EQ(parts.sections.size(), 3u);
  EXPECT_EQ(parts.header.sections(2).name(), "wkv");
  std::vector<float> wkv(8);
  ASSERT_EQ(parts.sections[2].size(), wkv.size() * sizeof(float));
  std::memcpy(wkv.data(), parts.sections[2].data(), parts.sections[2].size());
  EXPECT_THAT(wkv, ElementsAre(4, 5, 6, 7, 12, 13, 14, 15));
}

TEST(SnapshotTest, SizeIsKnownBeforeTheStateAndTheFingerprint) {
  Snapshot bare = Example();
  bare.fingerprint.clear();
  bare.state.clear();
  EXPECT_EQ(SnapshotBytes(test::SmallStateModel(), bare), Write(Example()).size());
}

TEST(SnapshotTest, SizeIsKnownBeforeTheStatesOfCheckpoints) {
  Snapshot bare = ExampleWithPast();
  for (SnapshotCheckpoint& checkpoint : bare.checkpoints) checkpoint.state.clear();
  EXPECT_EQ(SnapshotBytes(test::SmallStateModel(), bare), Write(ExampleWithPast()).size());
}

TEST(SnapshotTest, PositionDoesNotChangeTheSize) {
  Snapshot early = Example();
  early.position = 0;
  EXPECT_EQ(SnapshotBytes(test::SmallStateModel(), early), SnapshotBytes(test::SmallStateModel(), Example()));
}

TEST(SnapshotTest, EveryTokenMayHaveOccurred) {
  skein_backend_model model = test::SmallStateModel();
  model.vocab_size = 70000;
  Snapshot snapshot = Example();
  snapshot.sampler.occurrences.clear();
  for (uint32_t token = 0; token < model.vocab_size; ++token) snapshot.sampler.occurrences.push_back({token, 1.5});
  const auto read = ReadSnapshot(model, Write(snapshot, model));
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(*read, snapshot);
}

// A model keeps up to 4096 checkpoints, and each of them may have a name.
TEST(SnapshotTest, EveryCheckpointMayHaveTheLongestName) {
  Snapshot snapshot = Example();
  for (uint32_t i = 0; i < 4096; ++i) {
    std::string name = std::to_string(i);
    name.resize(SnapshotCheckpoint::kMaxNameBytes, '-');
    snapshot.checkpoints.push_back({256 * i, name, 256 * i + 1, snapshot.state});
  }
  const Bytes bytes = Write(snapshot);
  const auto read = ReadSnapshot(test::SmallStateModel(), bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->checkpoints.size(), snapshot.checkpoints.size());
  EXPECT_TRUE(SummariseSnapshot(bytes).ok());
}

// --- bytes that must stay ---

Bytes ReadGolden(const std::string& name) {
  std::ifstream file(std::string(SKEIN_TESTS_DIR) + "/data/" + name, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

TEST(SnapshotTest, GoldenBytesOfVersion2AreWrittenAndRead) {
  const Bytes golden = ReadGolden("example.v2.snapshot");
  EXPECT_EQ(Write(Example()), golden);
  const auto read = ReadSnapshot(test::SmallStateModel(), golden);
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(*read, Example());
}

TEST(SnapshotTest, GoldenBytesOfVersion1AreRead) {
  const Bytes golden = ReadGolden("v4-odd.v1.snapshot");
  const auto read = ReadSnapshot(test::V4OddModel(), golden);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->fingerprint, "fffaddbf353ff4c0b8a8bd0e8279351b");
  EXPECT_EQ(read->position, 50u);
  EXPECT_EQ(read->pending, std::vector<uint32_t>{50});
  EXPECT_EQ(read->sampler, (SamplerState{0, 2, {}}));
  constexpr size_t kStateOffset = 112;
  ASSERT_EQ(golden.size(), kStateOffset + read->state.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(read->state.data(), golden.data() + kStateOffset, golden.size() - kStateOffset), 0);
  // The content is then written as version 2 without loss.
  const auto again = ReadSnapshot(test::V4OddModel(), Write(*read, test::V4OddModel()));
  ASSERT_TRUE(again.ok()) << again.status();
  ExpectSame(*again, *read);
}

// --- bytes that are damaged ---

void ExpectEveryTruncationIsDataLoss(const Bytes& bytes, const skein_backend_model& model) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto read = ReadSnapshot(model, {bytes.data(), size});
    EXPECT_TRUE(absl::IsDataLoss(read.status())) << size << ": " << read.status();
  }
}

void ExpectEveryFlippedBitIsRefused(Bytes bytes, const skein_backend_model& model) {
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    EXPECT_FALSE(ReadSnapshot(model, bytes).ok()) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
  }
  EXPECT_TRUE(ReadSnapshot(model, bytes).ok());
}

TEST(SnapshotTest, EveryTruncationIsDataLoss) {
  ExpectEveryTruncationIsDataLoss(Write(Example()), test::SmallStateModel());
  ExpectEveryTruncationIsDataLoss(ReadGolden("v4-odd.v1.snapshot"), test::V4OddModel());
}

TEST(SnapshotTest, EveryFlippedBitIsRefused) {
  ExpectEveryFlippedBitIsRefused(Write(Example()), test::SmallStateModel());
  ExpectEveryFlippedBitIsRefused(ReadGolden("v4-odd.v1.snapshot"), test::V4OddModel());
}

TEST(SnapshotTest, TrailingBytesAreRefused) {
  Bytes bytes = Write(Example());
  bytes.resize(bytes.size() + 64);
  EXPECT_TRUE(absl::IsDataLoss(Refusal(bytes)));
}

TEST(SnapshotTest, VersionOfTheFutureIsNamed) {
  Bytes bytes = Write(Example());
  bytes[8] = 3;
  EXPECT_TRUE(absl::IsUnimplemented(Refusal(bytes)));
  EXPECT_THAT(std::string(Refusal(bytes).message()), HasSubstr("version 3; this version reads 1 and 2"));
}

// --- bytes of other models ---

TEST(SnapshotTest, StateOfAnotherShapeNamesBothShapes) {
  skein_backend_model model = test::SmallStateModel();
  model.d_model = 3;
  EXPECT_TRUE(absl::IsFailedPrecondition(Refusal(Write(Example()), model)));
  EXPECT_THAT(std::string(Refusal(Write(Example()), model).message()),
              HasSubstr("att_shift is [2, 2]; this model's is [2, 3]"));
}

TEST(SnapshotTest, AnotherVersionOfRwkvNamesBoth) {
  skein_backend_model model = test::SmallStateModel();
  model.variant = 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(Refusal(Write(Example()), model)));
  EXPECT_THAT(std::string(Refusal(Write(Example()), model).message()),
              HasSubstr("generation 5, variant 2; this model is of generation 5, variant 1"));
}

// --- bytes of a hostile writer, all checksums right ---

TEST(SnapshotTest, StateThatIsNotFiniteIsRefused) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    Snapshot snapshot = Example();
    snapshot.state[2] = bad;
    EXPECT_TRUE(absl::IsDataLoss(Refusal(Write(snapshot))));
    EXPECT_THAT(std::string(Refusal(Write(snapshot)).message()), HasSubstr("float 2"));
  }
}

TEST(SnapshotTest, PositionThatCouldOverflowIsRefused) {
  Snapshot snapshot = Example();
  snapshot.position = kMaxPosition;
  EXPECT_TRUE(Refusal(Write(snapshot)).ok());
  for (const uint64_t position : {kMaxPosition + 1, ~uint64_t{0}}) {
    snapshot.position = position;
    EXPECT_TRUE(absl::IsDataLoss(Refusal(Write(snapshot))));
    EXPECT_THAT(std::string(Refusal(Write(snapshot)).message()), HasSubstr("expected at most 4611686018427387904"));
  }
}

TEST(SnapshotTest, PendingTokensAreAtMostOneAndInTheVocabulary) {
  for (const std::vector<uint32_t>& pending : {std::vector<uint32_t>{50}, std::vector<uint32_t>{1, 2}}) {
    Snapshot snapshot = Example();
    snapshot.pending = pending;
    EXPECT_TRUE(absl::IsDataLoss(Refusal(Write(snapshot))));
  }
}

TEST(SnapshotTest, SamplerIsCheckedAsHostile) {
  const std::vector<std::vector<Occurrence>> hostile = {
      {{50, 1.0}}, {{1, 1.0}, {2, 1.0}, {1, 1.0}}, {{1, NAN}}, {{1, -1.0}}, {{1, INFINITY}}, {{1, 1e300}}};
  for (const std::vector<Occurrence>& occurrences : hostile) {
    Snapshot snapshot = Example();
    snapshot.sampler.occurrences = occurrences;
    EXPECT_TRUE(absl::IsDataLoss(Refusal(Write(snapshot)))) << Refusal(Write(snapshot));
    EXPECT_THAT(std::string(Refusal(Write(snapshot)).message()), HasSubstr("sampler: occurrence of token"));
  }
  EXPECT_TRUE(absl::IsDataLoss(
      Refusal(Forge([](auto& parts) { parts.header.mutable_sampler()->add_occurrence_weights(1.0); }))));
}

TEST(SnapshotTest, FingerprintThatIsNotHexNeverReachesAMessage) {
  for (const std::string& text : {std::string("\x1b[2J"), std::string(32, 'G'), std::string(33, '0'), std::string()}) {
    const absl::Status refusal = Refusal(Forge([&](auto& parts) { parts.header.set_source_fingerprint(text); }));
    EXPECT_TRUE(absl::IsDataLoss(refusal));
    EXPECT_THAT(std::string(refusal.message()), HasSubstr("expected a fingerprint of 32 lower-case hex digits"));
  }
  Bytes old = ReadGolden("v4-odd.v1.snapshot");
  old[56] = 0x1b;
  test::MendChecksumsV1(old);
  EXPECT_TRUE(absl::IsDataLoss(Refusal(old, test::V4OddModel())));
}

TEST(SnapshotTest, WhatThisVersionMustKnowAndDoesNotIsRefused) {
  const Bytes hostile[] = {
      Forge([](auto& parts) { parts.header.add_required_features("mind\n"); }),
      Forge([](auto& parts) { parts.header.add_adapter_ids("a"); }),
      Forge([](auto& parts) { parts.header.set_wkv_layout(v1::WKV_LAYOUT_VK); }),
      Forge([](auto& parts) { parts.header.clear_wkv_layout(); }),
      Forge([](auto& parts) { parts.header.mutable_sections(1)->set_dtype(v1::DTYPE_F16); }),
      Forge([](auto& parts) {
        parts.Add("opaque:rosa", {1, 2, 3});
      }),
  };
  for (const Bytes& bytes : hostile) EXPECT_TRUE(absl::IsUnimplemented(Refusal(bytes))) << Refusal(bytes);
  EXPECT_THAT(std::string(Refusal(hostile[0]).message()), HasSubstr("\"mind\\n\""));
}

TEST(SnapshotTest, UnknownSectionThatMayBeSkippedIsSkipped) {
  const Bytes bytes = Forge([](auto& parts) { parts.Add("opaque:rosa", {1, 2, 3}).set_may_skip(true); });
  const auto read = ReadSnapshot(test::SmallStateModel(), bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(*read, Example());
}

TEST(SnapshotTest, FieldsOfALaterMinorAreIgnored) {
  const Bytes bytes = Forge([](auto& parts) { parts.header.mutable_unknown_fields()->append("\xf8\x06\x2a"); });
  const auto read = ReadSnapshot(test::SmallStateModel(), bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(*read, Example());
}

TEST(SnapshotTest, SectionsMayLieInAnyOrder) {
  const Bytes bytes = Forge([](auto& parts) {
    parts.header.mutable_sections()->SwapElements(0, 2);
    std::swap(parts.sections[0], parts.sections[2]);
  });
  const auto read = ReadSnapshot(test::SmallStateModel(), bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(*read, Example());
}

TEST(SnapshotTest, SectionsThatContradictThemselvesAreRefused) {
  const Bytes hostile[] = {
      Forge([](auto& parts) {
        parts.header.mutable_sections()->RemoveLast();
        parts.sections.pop_back();
      }),
      Forge([](auto& parts) {
        *parts.header.add_sections() = parts.header.sections(0);
        parts.sections.push_back(parts.sections[0]);
      }),
      Forge([](auto& parts) { parts.sections[0].resize(12); }),
      Forge([](auto& parts) { parts.sections[0].resize(20); }),
      Forge([](auto& parts) { parts.keeps_sizes = true, parts.header.mutable_sections(2)->set_size_bytes(~0ull); }),
      Forge([](auto& parts) { parts.keeps_sizes = true, parts.header.mutable_sections(2)->set_size_bytes(1 << 20); }),
  };
  for (const Bytes& bytes : hostile) EXPECT_TRUE(absl::IsDataLoss(Refusal(bytes))) << Refusal(bytes);
}

TEST(SnapshotTest, HeaderLargerThanItsModelCouldNeedIsRefused) {
  const Bytes bytes = Forge([](auto& parts) {
    for (int i = 0; i < 40000; ++i) parts.header.add_sections();
    parts.sections.resize(parts.sections.size() + 40000);
  });
  EXPECT_TRUE(absl::IsDataLoss(Refusal(bytes)));
  EXPECT_THAT(std::string(Refusal(bytes).message()), HasSubstr("a header of"));
}

}  // namespace
}  // namespace skein
