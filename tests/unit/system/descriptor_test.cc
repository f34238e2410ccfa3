#include "system/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace skein {
namespace {

bool IsOpen(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }

TEST(DescriptorTest, AHigherNumberStays) {
  const int pipe_end = dup(STDERR_FILENO);
  ASSERT_GT(pipe_end, STDERR_FILENO);
  EXPECT_EQ(AboveStandard(pipe_end), pipe_end);
  close(pipe_end);
}

TEST(DescriptorTest, TheNumberOfAClosedStandardStreamIsLeftFree) {
  const int kept = dup(STDIN_FILENO);
  close(STDIN_FILENO);
  {
    const Descriptor opened(open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_GT(opened.number(), STDERR_FILENO);
    EXPECT_EQ(fcntl(opened.number(), F_GETFD), FD_CLOEXEC);
    EXPECT_FALSE(IsOpen(STDIN_FILENO));
  }
  if (kept >= 0) dup2(kept, STDIN_FILENO);
  close(kept);
}

TEST(DescriptorTest, AFailureKeepsItsReason) {
  const Descriptor missing(open("/no such folder/file", O_RDONLY));
  const int error = errno;
  EXPECT_FALSE(missing.is_open());
  EXPECT_EQ(error, ENOENT);
}

TEST(DescriptorTest, ItIsClosedOnceByTheLastOwner) {
  Descriptor second;
  int number = -1;
  {
    Descriptor first(dup(STDERR_FILENO));
    number = first.number();
    second = std::move(first);
  }
  EXPECT_TRUE(IsOpen(number));
  second.Close();
  EXPECT_FALSE(IsOpen(number));
  EXPECT_FALSE(second.is_open());
}

}  // namespace
}  // namespace skein
