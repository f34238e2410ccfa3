// 100,000 random calls of the C ABI, by one thread and by four that share their handles. The fuzzer abi_fuzz.cc makes
// the same calls for as long as one likes.
#include "tests/fuzz/abi_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace skein::fuzz {
namespace {

class AbiCallsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    files_.folder = ::testing::TempDir() + "/abi_calls." + std::to_string(getpid());
    std::filesystem::create_directories(files_.folder);
    for (const char* name : {"v7-odd.safetensors", "v4-odd.safetensors", "v7-n16.pth", "v7-n16.time_state.pth"}) {
      files_.models.push_back(std::string(SKEIN_TESTS_DIR) + "/data/" + name);
    }
    files_.plugins = {std::string(SKEIN_PLUGIN_DIR) + "/backend-reference.so",
                      std::string(SKEIN_PLUGIN_DIR) + "/tokenizer-bytes.so", files_.models[0]};
  }
  void TearDown() override { std::filesystem::remove_all(files_.folder); }

  // Stops at the first broken promise. `seed` and the index say which call it was. Other calls are made with
  // --gtest_random_seed=N, and with each repetition of --gtest_repeat=N --gtest_shuffle.
  void MakeCalls(uint64_t seed, uint32_t count, AbiHandles& handles) {
    seed += 1000 * static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
    AbiInput input(seed);
    AbiCalls calls(files_, handles);
    for (uint32_t i = 0; i < count; ++i) {
      std::string name;
      const std::string broken = calls.CallOne(input, &name);
      ASSERT_EQ(broken, "") << "call " << i << " of seed " << seed << ": " << name;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    succeeded_.insert(calls.succeeded().begin(), calls.succeeded().end());
  }
  // The functions that have not succeeded yet.
  std::string Never() const {
    std::string never;
    for (const std::string& functions : AbiCalls::FunctionsByRow()) {
      // skein_version gives no code.
      if (succeeded_.count(functions) == 0 && functions.rfind("skein_version", 0) != 0) never += functions + " ";
    }
    return never;
  }
  void ReleaseAll(AbiHandles& handles) {
    AbiInput input(uint64_t{1});
    AbiCalls(files_, handles).ReleaseAll(input);
    EXPECT_EQ(handles.num_live<skein_model>() + handles.num_live<skein_stream>() + handles.num_live<skein_request>(),
              0u);
  }

  AbiFiles files_;
  std::mutex mutex_;
  std::set<std::string> succeeded_;
};

TEST_F(AbiCallsTest, KnowsEveryFunctionOfTheAbi) {
  std::ifstream file(std::string(SKEIN_TESTS_DIR) + "/abi/symbols.txt");
  std::vector<std::string> symbols;
  for (std::string line; std::getline(file, line);) symbols.push_back(line);
  EXPECT_THAT(AbiCalls::Functions(), ::testing::UnorderedElementsAreArray(symbols));
}

TEST_F(AbiCallsTest, OneThreadFindsNoBrokenPromise) {
  // Hosts that only fail would prove little, so each function succeeds once. Some do so only while a request is in a
  // certain state, which depends on the engine's thread too.
  constexpr uint64_t kLeastSeeds = 12, kMostSeeds = 120;
  for (uint64_t seed = 1; seed <= kLeastSeeds || (seed <= kMostSeeds && Never() != ""); ++seed) {
    AbiHandles handles;
    MakeCalls(seed, 5000, handles);
    ReleaseAll(handles);
    if (HasFailure()) return;
  }
  EXPECT_EQ(Never(), "");
}

TEST_F(AbiCallsTest, FourThreadsFindNoBrokenPromise) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    AbiHandles handles;
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 4; ++i) {
      threads.emplace_back([this, seed, i, &handles] { MakeCalls(100 * seed + i, 2500, handles); });
    }
    for (std::thread& thread : threads) thread.join();
    ReleaseAll(handles);
  }
}

}  // namespace
}  // namespace skein::fuzz
