#include "runtime/log.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/failing_allocator.h"

namespace skein {
namespace {

TEST(LogTest, GivesLinesInOrder) {
  Log log;
  log.Add(1, "first");
  log.Add(2, "second");
  bool taken = false;
  EXPECT_EQ(log.Take(100, &taken)->text, "first");
  EXPECT_TRUE(taken);
  EXPECT_EQ(log.Take(100, &taken)->severity, 2u);
  EXPECT_FALSE(log.Take(100, &taken).has_value());
}

TEST(LogTest, LineThatDoesNotFitStays) {
  Log log;
  log.Add(1, "twelve bytes");
  bool taken = true;
  EXPECT_EQ(log.Take(11, &taken)->text, "twelve bytes");
  EXPECT_FALSE(taken);
  EXPECT_EQ(log.Take(12, &taken)->text, "twelve bytes");
  EXPECT_TRUE(taken);
}

TEST(LogTest, ALineIsOneLineOfUtf8WhateverComes) {
  Log log;
  log.Add(1, "plugin \xC3\xA9\xFF\n2026 error: forged\xC3");
  bool taken = true;
  EXPECT_EQ(log.Take(100, &taken)->text, "plugin \u00E9\uFFFD\\n2026 error: forged");
  log.Add(1, std::string(1 << 20, 'x') + ": the reason");
  const std::optional<LogLine> line = log.Take(4096, &taken);
  EXPECT_LE(line->text.size(), 4096u);
  EXPECT_EQ(line->text.substr(line->text.size() - 15), "xxx: the reason");
}

TEST(LogTest, LineWithoutMemoryIsLostAndNothingThrown) {
  Log log;
  test::AllocationFault fault(0, test::AllocatingThreads::kThis, test::AllocationFault::kForever);
  log.Add(1, "a line that is longer than a string without memory of its own");
  fault.Disarm();
  bool taken = true;
  EXPECT_FALSE(log.Take(100, &taken).has_value());
  log.Add(1, "next");
  EXPECT_EQ(log.Take(100, &taken)->text, "next");
}

TEST(LogTest, OldestLineGoesWhenFull) {
  Log log;
  for (int i = 0; i < 1025; ++i) log.Add(0, std::to_string(i));
  bool taken;
  EXPECT_EQ(log.Take(100, &taken)->text, "1");
}

}  // namespace
}  // namespace skein
