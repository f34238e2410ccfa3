// The promise of 8-bit arithmetic about the onednn backend: models of every generation give the same bits on every tier
// of processor with fused multiplications. A process knows one tier, which SKEIN_CPU names, so each runs in a child.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "onednn/cpu.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/model_conformance.h"
#include "tests/conformance/quantised_model.h"

namespace skein::conformance {
namespace {

using onednn::Tier;

// Those of this processor that have fused multiplications.
std::vector<Tier> FusedTiers() {
  std::vector<Tier> tiers;
  for (const Tier tier : onednn::Tiers()) {
#if defined(__x86_64__)
    if (tier == Tier::kGeneric) continue;
#endif
    if (tier <= onednn::DetectTier()) tiers.push_back(tier);
  }
  return tiers;
}

// The bits of what `run` returns in a child process that is limited to `tier`. Throws if the child fails.
std::vector<uint32_t> RunOn(Tier tier, const std::function<std::vector<float>()>& run) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no child process");
  if (child == 0) {
    close(ends[0]);
    setenv("SKEIN_CPU", onednn::TierName(tier), 1);
    unsetenv("SKEIN_KERNEL");
    bool is_written = false;
    try {
      const std::vector<float> values = run();
      FILE* out = fdopen(ends[1], "wb");
      is_written = std::fwrite(values.data(), sizeof(float), values.size(), out) == values.size();
      is_written = std::fclose(out) == 0 && is_written;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", onednn::TierName(tier), error.what());
    }
    _exit(is_written ? 0 : 1);
  }
  close(ends[1]);
  std::vector<uint32_t> bits;
  FILE* in = fdopen(ends[0], "rb");
  uint32_t value;
  while (std::fread(&value, sizeof(value), 1, in) == 1) bits.push_back(value);
  std::fclose(in);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0)
    throw std::runtime_error(std::string("the child with SKEIN_CPU=") + onednn::TierName(tier) + " failed");
  return bits;
}

// Throws unless the plugin says that it has opened its device for `tier`.
void ExpectTier(const BackendPlugin& plugin, Tier tier) {
  std::string log;
  TestHost quiet;
  skein_host host = *quiet.table();
  host.context = &log;
  host.concurrency = [](void*) { return 1u; };
  host.log = [](void* context, uint32_t, const char* text, uint64_t bytes) {
    static_cast<std::string*>(context)->append(text, bytes);
  };
  void* device = nullptr;
  skein_message message = {};
  if (plugin.table().device_open(&host, 0, &device, &message) != SKEIN_OK) throw std::runtime_error(message.text);
  plugin.table().device_close(device);
  if (!log.starts_with(std::string("cpu: tier ") + onednn::TierName(tier) + ";")) throw std::runtime_error(log);
}

// Logits and state of a prompt read at once, then of the same tokens one by one.
std::vector<float> Results(Tier tier, const SyntheticModel& model, uint32_t compute_type) {
  const BackendPlugin plugin(std::string(SKEIN_PLUGIN_DIR) + "/backend-onednn.so");
  ExpectTier(plugin, tier);
  const TestHost host(2);
  const Device device(plugin, host);
  Pipeline pipeline(device, model, {.cuts = {}, .compute_type = compute_type});
  const std::vector<uint32_t> tokens = SyntheticTokens(70, model.model().vocab_size, 7);
  std::vector<float> results;
  for (const size_t chunk : {tokens.size(), size_t{1}}) {
    for (const std::vector<float>& part : {pipeline.Feed(0, tokens, chunk), pipeline.Export(0)}) {
      results.insert(results.end(), part.begin(), part.end());
    }
  }
  return results;
}

class OnednnTiers : public testing::TestWithParam<SyntheticShape> {};

TEST_P(OnednnTiers, GiveTheSameBitsInEightBitArithmetic) {
  const std::vector<Tier> tiers = FusedTiers();
  if (tiers.size() < 2) GTEST_SKIP() << "needs a processor with two tiers of fused multiplications";
  for (const std::vector<uint32_t>& mixture : kMixtures) {
    const SyntheticModel model = Quantised(GetParam(), mixture);
    std::vector<uint32_t> first;
    for (const Tier tier : tiers) {
      const std::vector<uint32_t> results = RunOn(tier, [&] { return Results(tier, model, mixture.front()); });
      ASSERT_FALSE(results.empty());
      if (first.empty()) first = results;
      ASSERT_EQ(results, first) << onednn::TierName(tier) << " and " << onednn::TierName(tiers[0]) << ", mixture of "
                                << mixture.size() << " types from " << mixture.front();
    }
  }
}

std::string ShapeName(const testing::TestParamInfo<SyntheticShape>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Models, OnednnTiers, testing::ValuesIn(AllShapes()), ShapeName);

// So the comparison sees differences in last bits. In some models there are none, by chance.
TEST(OnednnGenericTier, DiffersWhereItRoundsTwice) {
  if (onednn::DetectTier() == Tier::kGeneric) GTEST_SKIP() << "needs a processor with another tier";
  const auto shapes = AllShapes();
  EXPECT_TRUE(std::any_of(shapes.begin(), shapes.end(), [](const SyntheticShape& shape) {
    const SyntheticModel model = Quantised(shape, kMixtures.front());
    const auto results = [&](Tier tier) { return RunOn(tier, [&] { return Results(tier, model, SKEIN_DTYPE_Q8); }); };
    return results(Tier::kGeneric) != results(Tier::kAvx2);
  }));
}

}  // namespace
}  // namespace skein::conformance
