#include "files/open.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFile;
using ::skein::testing::TinyBlinkDl;
using ::testing::HasSubstr;

TEST(OpenModelFileTest, AModelIsCalledAfterItsFile) {
  const FakeFormat format(TinyBlinkDl());
  const auto model = OpenModelFile(format.plugins(), SerialHost(), format.path(), FileAccess::kMap);
  ASSERT_TRUE(model.ok());
  EXPECT_THAT((*model)->metadata().name, ::testing::EndsWith("-model"));
  EXPECT_EQ((*model)->metadata().source_format, "fake");
  EXPECT_TRUE((*model)->vocabulary().empty());
}

TEST(OpenModelFileTest, AMissingFileIsNotFound) {
  EXPECT_EQ(OpenModelFile(absl::Span<const Plugin<skein_format_table>>(), SerialHost(),
                          ::testing::TempDir() + "no-such-model.skein", FileAccess::kMap)
                .status()
                .code(),
            absl::StatusCode::kNotFound);
}

TEST(OpenModelFileTest, AFileNamedLikeAPackageIsJudgedAsOne) {
  const TempFile file("broken.skein");
  file.Write("something else, long enough to have held a header of sixty-four bytes");
  const absl::Status status =
      OpenModelFile(absl::Span<const Plugin<skein_format_table>>(), SerialHost(), file.path(), FileAccess::kRead)
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("magic"));
}

}  // namespace
}  // namespace skein
