#include "runtime/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "runtime/model_observer.h"

namespace skein {
namespace {

using std::chrono::microseconds;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using Clock = Trace::Clock;

class TraceTest : public ::testing::Test {
 protected:
  TraceTest()
      : path_(::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".json") {}

  std::string FileText() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  // The file as a viewer reads it: the last bracket may be missing.
  Json Read() const {
    const std::string text = FileText();
    Json whole = Json::parse(text, nullptr, false);
    return whole.is_discarded() ? Json::parse(text + "]", nullptr, false) : whole;
  }

  const std::string path_;
  Log log_;
};

TEST_F(TraceTest, IsAJsonArrayOfEvents) {
  const Clock::time_point begin = Clock::now();
  {
    const auto trace = *Trace::Open(path_, log_);
    const uint32_t process = trace->AddProcess("the \"model\"\n");
    trace->NameTrack(process, 1, "steps");
    const TraceArgument arguments[] = {{"tokens", 7}, {"entries", 2}};
    trace->Span(process, 1, "step", begin + microseconds(1000), begin + microseconds(1250), arguments);
    trace->BeginAsync(process, "queue", 5, begin);
    trace->EndAsync(process, "queue", 5, begin + microseconds(10), {});
  }
  const Json events = Json::parse(FileText(), nullptr, false);
  ASSERT_EQ(events.size(), 5u) << FileText();
  EXPECT_EQ(events[0]["args"]["name"], "the \"model\"\n");
  EXPECT_EQ(events[1]["name"], "thread_name");
  EXPECT_EQ(events[2]["ph"], "X");
  EXPECT_EQ(events[2]["name"], "step");
  EXPECT_DOUBLE_EQ(events[2]["dur"].get<double>(), 250);
  EXPECT_EQ(events[2]["args"], (Json{{"tokens", 7}, {"entries", 2}}));
  EXPECT_EQ(events[3]["ph"], "b");
  EXPECT_EQ(events[4]["ph"], "e");
  EXPECT_EQ(events[4]["id"], events[3]["id"]);
}

TEST_F(TraceTest, WithoutEventsIsAnEmptyArray) {
  Trace::Open(path_, log_)->reset();
  EXPECT_EQ(Json::parse(FileText(), nullptr, false), Json::array());
}

// As after the end of the process.
TEST_F(TraceTest, CanBeReadAfterEachFlush) {
  const auto trace = *Trace::Open(path_, log_);
  trace->Flush();
  EXPECT_EQ(Read(), Json::array());
  for (size_t i = 1; i < 4; ++i) {
    trace->Span(1, 1, "step", Clock::now(), Clock::now(), {});
    trace->Flush();
    EXPECT_EQ(Read().size(), i) << FileText();
  }
}

TEST_F(TraceTest, FullBufferIsWritten) {
  constexpr int kEvents = 20000;  // of about 70 bytes
  const auto trace = *Trace::Open(path_, log_);
  for (int i = 0; i < kEvents; ++i) trace->Span(1, 1, "step", Clock::now(), Clock::now(), {});
  const Json before = Read();
  EXPECT_GT(before.size(), 1000u);
  EXPECT_LT(before.size(), size_t{kEvents});
  trace->Flush();
  EXPECT_EQ(Read().size(), size_t{kEvents});
}

TEST_F(TraceTest, ThreadsDoNotMixTheirEvents) {
  const auto trace = *Trace::Open(path_, log_);
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&trace, t] {
      for (int i = 0; i < 1000; ++i) {
        trace->Span(1, t, "step", Clock::now(), Clock::now(), {});
        if (i % 100 == 0) trace->Flush();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  trace->Flush();
  EXPECT_EQ(Read().size(), 4000u);
}

TEST_F(TraceTest, FileThatCannotBeCreatedIsAnError) {
  const auto trace = Trace::Open("/no/such/folder/trace.json", log_);
  EXPECT_EQ(trace.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(trace.status().message(), HasSubstr("trace: /no/such/folder/trace.json"));
}

TEST_F(TraceTest, FullDiskIsOneWarning) {
  const auto trace = *Trace::Open("/dev/full", log_);
  for (int i = 0; i < 3; ++i) {
    trace->Span(1, 1, "step", Clock::now(), Clock::now(), {});
    trace->Flush();
  }
  bool taken;
  const auto line = log_.Take(1000, &taken);
  ASSERT_TRUE(line.has_value());
  EXPECT_THAT(line->text, HasSubstr("trace: /dev/full: No space left on device"));
  EXPECT_THAT(line->text, HasSubstr("; tracing ends"));
  EXPECT_FALSE(log_.Take(1000, &taken).has_value());
}

// A limit on the size of files ends a write within an event.
TEST_F(TraceTest, EventThatDoesNotFitTheDiskLeavesThoseBefore) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto trace = *Trace::Open(path_, log_);
  trace->Span(1, 1, "first", Clock::now(), Clock::now(), {});
  trace->Flush();
  const rlimit tight = {FileText().size() + 20, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  trace->Span(1, 1, "second", Clock::now(), Clock::now(), {});
  trace->Flush();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  const Json events = Read();
  ASSERT_EQ(events.size(), 1u) << FileText();
  EXPECT_EQ(events[0]["name"], "first");
}

TEST_F(TraceTest, StepsOfAModelAreSpansOnItsTracks) {
  const auto trace = *Trace::Open(path_, log_);
  ModelObserver observer({"m", {}, {}}, trace.get());
  const Clock::time_point begin = Clock::now();
  observer.OnPlanned({begin, begin + microseconds(5)}, {.queued = 1, .running = 2, .paused = 3}, {});
  observer.OnStep({begin, begin + microseconds(50)}, {.num_entries = 2, .num_tokens = 9, .num_decodes = 1});
  observer.OnConcluded({begin, begin + microseconds(7)});  // flushes
  const Json events = Read();
  ASSERT_EQ(events.size(), 6u) << FileText();
  EXPECT_EQ(events[0]["args"]["name"], "m");
  EXPECT_EQ(events[3]["name"], "plan");
  EXPECT_EQ(events[3]["args"], (Json{{"queued", 1}, {"running", 2}, {"paused", 3}}));
  EXPECT_EQ(events[4]["name"], "step");
  EXPECT_EQ(events[4]["args"], (Json{{"entries", 2}, {"tokens", 9}, {"decodes", 1}}));
  EXPECT_EQ(events[5]["name"], "draw and text");
  EXPECT_NE(events[4]["tid"], events[5]["tid"]);
}

}  // namespace
}  // namespace skein
