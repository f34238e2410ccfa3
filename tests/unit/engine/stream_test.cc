#include "engine/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "numbers/state_layout.h"
#include "skein/runtime.h"
#include "tests/support/fake_model.h"

namespace skein {
namespace {

using test::FakeModelLimits;
using test::FakeStepRunner;
using testing::HasSubstr;

class CountingWriter final : public Writer {
 public:
  void Cancel() override { ++num_cancels; }
  int num_cancels = 0;
};

class StreamTest : public ::testing::Test {
 protected:
  // A state that has read these tokens, for the fake model.
  StateRef StateOf(std::vector<float> tokens) {
    std::vector<float> values(StateFloats(model_->config()));
    values[0] = static_cast<float>(tokens.size());
    std::copy(tokens.begin(), tokens.end(), values.begin() + 1);
    return *model_->engine()->ImportState(values);
  }
  static std::vector<uint8_t> SnapshotOf(const Stream& stream) {
    const StreamState at = stream.Committed();
    PlannedSnapshot planned(*stream.model(), at);
    std::vector<uint8_t> bytes(planned.num_bytes());
    EXPECT_TRUE(planned.Write(absl::MakeSpan(bytes)).ok());
    return bytes;
  }
  static StreamState At(StateRef state, uint64_t position) {
    StreamState at;
    at.state = std::move(state);
    at.position = position;
    return at;
  }

  const std::shared_ptr<Model> model_ =
      test::MakeFakeModel(test::EmptyRuntime(), std::make_unique<FakeStepRunner>(), FakeModelLimits{.max_streams = 3});
};

TEST_F(StreamTest, WarnsOnceWhenItPassesTheTrainedLength) {
  const auto model = test::MakeFakeModel(test::EmptyRuntime(), std::make_unique<FakeStepRunner>(),
                                         FakeModelLimits{.trained_length = 100});
  const auto stream = *Stream::Create(model, "");
  WriteRight right = *stream->BeginWrite();
  Log& log = model->runtime()->log();
  bool taken;
  right.Commit(At({}, 99));
  right.Commit(At({}, 100));
  EXPECT_FALSE(log.Take(1000, &taken).has_value());
  right.Commit(At({}, 103));
  const auto line = log.Take(1000, &taken);
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->severity, uint32_t{SKEIN_LOG_WARNING});
  EXPECT_THAT(line->text, HasSubstr("stream: passes 100 tokens"));
  right.Commit(At({}, 104));
  EXPECT_FALSE(log.Take(1000, &taken).has_value());
}

TEST_F(StreamTest, WithoutATrainedLengthNothingIsSaid) {
  const auto stream = *Stream::Create(model_, "");
  WriteRight right = *stream->BeginWrite();
  right.Commit(At({}, 1u << 30));
  bool taken;
  EXPECT_FALSE(model_->runtime()->log().Take(1000, &taken).has_value());
}

TEST_F(StreamTest, HasOneWriter) {
  const auto stream = *Stream::Create(model_, "");
  absl::StatusOr<WriteRight> right = stream->BeginWrite();
  ASSERT_TRUE(right.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(stream->BeginWrite().status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(stream->Reset()));
  right->Release();
  EXPECT_TRUE(stream->BeginWrite().ok());
}

TEST_F(StreamTest, RightIsLetGoWithItsObject) {
  const auto stream = *Stream::Create(model_, "");
  { const WriteRight right = *stream->BeginWrite(); }
  WriteRight moved;
  {
    WriteRight right = *stream->BeginWrite();
    moved = std::move(right);
  }
  EXPECT_FALSE(stream->BeginWrite().ok());
  moved = WriteRight();
  EXPECT_TRUE(stream->BeginWrite().ok());
}

TEST_F(StreamTest, ForkStandsWhereItsSourceStoodAndMovesAlone) {
  const auto stream = *Stream::Create(model_, "");
  stream->BeginWrite()->Commit(At(StateOf({5, 6}), 2));
  const auto fork = *stream->Fork();
  EXPECT_EQ(fork->Committed().position, 2u);
  EXPECT_EQ(fork->Committed().state, stream->Committed().state);
  stream->BeginWrite()->Commit(At(StateOf({5, 6, 7}), 3));
  EXPECT_EQ(fork->Committed().position, 2u);
}

TEST_F(StreamTest, ForkIsAllowedWhileThereIsAWriter) {
  const auto stream = *Stream::Create(model_, "");
  const WriteRight right = *stream->BeginWrite();
  EXPECT_TRUE(stream->Fork().ok());
}

TEST_F(StreamTest, NoMoreStreamsThanTheModelMayHave) {
  const auto a = *Stream::Create(model_, "");
  auto b = *a->Fork();
  const auto c = *a->Fork();
  const absl::Status status = a->Fork().status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(status.message(), HasSubstr("max_streams"));
  EXPECT_GT(RetryAfterMs(status), 0u);
  b.reset();
  EXPECT_TRUE(a->Fork().ok());
}

TEST_F(StreamTest, FreshStateIsExportedWithoutASlot) {
  const auto stream = *Stream::Create(model_, "");
  std::vector<float> values(StateFloats(model_->config()), 1.0f);
  ASSERT_TRUE(stream->ExportState(absl::MakeSpan(values)).ok());
  EXPECT_EQ(std::count(values.begin(), values.end(), 0.0f), static_cast<long>(values.size()));
}

TEST_F(StreamTest, SnapshotRestoresOnAnotherStream) {
  const auto stream = *Stream::Create(model_, "");
  StreamState at = At(StateOf({5, 6, 7}), 3);
  at.pending = 42;
  at.sampler = std::make_shared<const SamplerState>(SamplerState{3, 4, {{9, 1.5}}});
  stream->BeginWrite()->Commit(std::move(at));
  std::vector<uint8_t> bytes = SnapshotOf(*stream);
  const auto other = *Stream::Create(model_, "");
  ASSERT_TRUE(other->Restore(bytes).ok());
  EXPECT_EQ(other->Committed().position, 3u);
  EXPECT_EQ(other->Committed().pending, 42u);
  EXPECT_EQ(*other->Committed().sampler, (SamplerState{3, 4, {{9, 1.5}}}));
  std::vector<float> values(StateFloats(model_->config()));
  ASSERT_TRUE(other->ExportState(absl::MakeSpan(values)).ok());
  EXPECT_EQ(values[3], 7.0f);
}

TEST_F(StreamTest, RestoreOfDamagedBytesLeavesTheStream) {
  const auto stream = *Stream::Create(model_, "");
  stream->BeginWrite()->Commit(At(StateOf({5}), 1));
  std::vector<uint8_t> bytes = SnapshotOf(*stream);
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_FALSE(stream->Restore(bytes).ok());
  EXPECT_EQ(stream->Committed().position, 1u);
  EXPECT_TRUE(stream->BeginWrite().ok());
}

TEST_F(StreamTest, ResetGoesBackToTheStart) {
  const auto stream = *Stream::Create(model_, "");
  stream->BeginWrite()->Commit(At(StateOf({5}), 1));
  ASSERT_TRUE(stream->Reset().ok());
  EXPECT_EQ(stream->Committed().position, 0u);
  EXPECT_TRUE(stream->Committed().state.empty());
}

TEST_F(StreamTest, WriterIsCancelledWithTheStreamUntilItLetsGo) {
  const auto stream = *Stream::Create(model_, "");
  const auto writer = std::make_shared<CountingWriter>();
  WriteRight right = *stream->BeginWrite();
  stream->SetWriter(writer);
  stream->CancelWriter();
  EXPECT_EQ(writer->num_cancels, 1);
  right.Release();
  stream->CancelWriter();
  EXPECT_EQ(writer->num_cancels, 1);
}

}  // namespace
}  // namespace skein
