#include "base/status.h"

#include <gtest/gtest.h>

namespace skein {
namespace {

TEST(StatusTest, RetryAfterIsKept) {
  EXPECT_EQ(RetryAfterMs(WithRetryAfter(absl::ResourceExhaustedError("full"), 250)), 250u);
  EXPECT_EQ(RetryAfterMs(WithRetryAfter(absl::ResourceExhaustedError("full"), UINT32_MAX)), UINT32_MAX);
}

TEST(StatusTest, RetryAfterIsZeroWhereNobodySaidIt) {
  EXPECT_EQ(RetryAfterMs(absl::ResourceExhaustedError("full")), 0u);
  EXPECT_EQ(RetryAfterMs(absl::OkStatus()), 0u);
  EXPECT_TRUE(WithRetryAfter(absl::OkStatus(), 250).ok());
}

TEST(StatusTest, AnnotateNamesAPlaceOnce) {
  const absl::Status status = absl::DataLossError("pth: folder/m.pth: tensor \"w\": cut off");
  EXPECT_EQ(Annotate(status, "folder/m.pth").message(), status.message());
  EXPECT_EQ(Annotate(absl::DataLossError("cut off"), "m.pth").message(), "m.pth: cut off");
}

TEST(StatusTest, AnnotateKeepsCodeAndRetryAfter) {
  const absl::Status status = Annotate(WithRetryAfter(absl::ResourceExhaustedError("full"), 250), "stream");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "stream: full");
  EXPECT_EQ(RetryAfterMs(status), 250u);
}

}  // namespace
}  // namespace skein
