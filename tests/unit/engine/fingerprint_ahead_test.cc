#include "engine/fingerprint_ahead.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>

#include "files/open.h"
#include "tests/support/fake_model.h"

namespace skein {
namespace {

class FingerprintAheadTest : public testing::Test {
 protected:
  std::shared_ptr<const ModelFile> Open() {
    return *OpenModelFile({}, runtime_->host(), "synthetic:C=64,L=2,F=64,N=64,V=300", FileAccess::kMap);
  }

  const std::shared_ptr<Runtime> runtime_ = test::EmptyRuntime();
};

TEST_F(FingerprintAheadTest, TheFileKnowsItWithoutBeingAsked) {
  const std::shared_ptr<const ModelFile> file = Open();
  const std::unique_ptr<FingerprintAhead> ahead = FingerprintAhead::Start(runtime_, file);
  ASSERT_NE(ahead, nullptr);
  while (!file->knows_fingerprint()) std::this_thread::yield();
  EXPECT_EQ(*file->Fingerprint(), *Open()->Fingerprint());
}

TEST_F(FingerprintAheadTest, NothingIsComputedForAFileThatKnowsIt) {
  const std::shared_ptr<const ModelFile> file = Open();
  ASSERT_TRUE(file->Fingerprint().ok());
  EXPECT_EQ(FingerprintAhead::Start(runtime_, file), nullptr);
}

TEST_F(FingerprintAheadTest, LetsGoOfTheFileOnceItIsStopped) {
  std::shared_ptr<const ModelFile> file = Open();
  const std::weak_ptr<const ModelFile> weak(file);
  FingerprintAhead::Start(runtime_, std::move(file)).reset();
  while (!weak.expired()) std::this_thread::yield();
}

}  // namespace
}  // namespace skein
