// Two tenants that always want more than fits, through the C ABI: they get service by weight, though the steps are
// small, and one of them floods the model with tiny requests.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {
namespace {

struct TenantLoad {
  const char* name;
  double weight;
  size_t num_streams;
  uint64_t prompt_tokens;
  int64_t max_tokens;
};

// So many requests wait that a host that is late does not leave a tenant without one.
constexpr std::array<TenantLoad, 2> kLoads = {{{"flood", 1, 120, 1, 3}, {"other", 3, 21, 47, 20}}};

class TenantSharesTest : public ::testing::Test {
 protected:
  struct Seat {
    size_t tenant = 0;
    OwnedStream stream;
    OwnedRequest request;
  };

  void SetUp() override {
    skein_error error = {};
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}},
                    {{"max_batch_tokens", 7}, {"max_batch_streams", 6}, {"max_running", 160}, {"max_streams", 160}});
    const char* path = "synthetic:C=256,L=4,F=1024,N=64,V=300";
    ASSERT_TRUE(Ok(skein_model_load(runtime_.get(), path, options.get(), model_.out(), &error), error));
    SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue_.out());
    for (size_t tenant = 0; tenant < kLoads.size(); ++tenant) {
      const TenantLoad& load = kLoads[tenant];
      const OwnedOptions policy = MakeOptions(SKEIN_OPTIONS_TENANT, {}, {}, {{"weight", load.weight}});
      SKEIN_CALL(skein_model_set_tenant, model_.get(), load.name, policy.get());
      const OwnedOptions place = MakeOptions(SKEIN_OPTIONS_STREAM, {{"tenant", load.name}});
      for (size_t i = 0; i < load.num_streams; ++i) {
        seats_.emplace_back();
        seats_.back().tenant = tenant;
        SKEIN_CALL(skein_stream_create, model_.get(), place.get(), seats_.back().stream.out());
      }
    }
    for (size_t i = 0; i < seats_.size(); ++i) Submit(i);
  }

  // The next request of a stream, from its start.
  void Submit(size_t index) {
    Seat& seat = seats_[index];
    const TenantLoad& load = kLoads[seat.tenant];
    seat.request.Close();
    SKEIN_CALL(skein_stream_reset, seat.stream.get());
    const OwnedOptions wish = MakeOptions(SKEIN_OPTIONS_REQUEST, {},
                                          {{"max_tokens", load.max_tokens}, {"stop_at_end", 0}, {"prefix_cache", 0}});
    const std::vector<skein_token> prompt(load.prompt_tokens, 7);
    SKEIN_CALL(skein_request_create, seat.stream.get(), seat.request.out());
    SKEIN_CALL(skein_request_set_options, seat.request.get(), wish.get());
    SKEIN_CALL(skein_request_set_prompt_tokens, seat.request.get(), prompt.data(), prompt.size());
    SKEIN_CALL(skein_request_set_user_data, seat.request.get(), index);
    const skein_request handle = seat.request.get();
    SKEIN_CALL(skein_queue_submit, queue_.get(), &handle, 1u);
  }

  // Serves the tenants until they had `service` more, and gives what each had of it.
  std::array<double, 2> Serve(double service) {
    std::array<double, 2> had = {};
    while (had[0] + had[1] < service && !HasFatalFailure()) TakeEvents(had);
    return had;
  }
  void TakeEvents(std::array<double, 2>& had) {
    uint32_t ready = 0;
    SKEIN_CALL(skein_queue_wait, queue_.get(), int64_t{20000}, &ready);
    ASSERT_EQ(ready, 1u) << "no event within 20 s";
    std::array<skein_event, 64> events = {};
    std::string text(1 << 16, '\0');
    uint32_t count = 0;
    uint64_t text_bytes = 0;
    SKEIN_CALL(skein_queue_poll, queue_.get(), static_cast<void*>(events.data()), uint32_t{sizeof(skein_event)},
               static_cast<uint32_t>(events.size()), text.data(), uint64_t{text.size()}, &count, &text_bytes);
    for (uint32_t i = 0; i < count; ++i) {
      if (events[i].kind == SKEIN_EVENT_TOKEN) continue;
      ASSERT_EQ(events[i].kind, uint32_t{SKEIN_EVENT_DONE});
      // The last token was drawn and not fed.
      had[seats_[events[i].user_data].tenant] +=
          static_cast<double>(events[i].num_prompt_tokens + 2 * (events[i].num_tokens - 1));
      Submit(events[i].user_data);
    }
  }

  const OwnedRuntime runtime_ = MakeRuntime();
  OwnedModel model_;
  OwnedQueue queue_;
  std::vector<Seat> seats_;
};

TEST_F(TenantSharesTest, AFloodOfTinyRequestsLeavesAnotherTenantItsShare) {
  Serve(3'000);
  const std::array<double, 2> had = Serve(20'000);
  EXPECT_NEAR(had[1] / had[0], kLoads[1].weight / kLoads[0].weight, 0.15);
}

}  // namespace
}  // namespace skein::test
