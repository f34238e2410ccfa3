// A backend that lies in every function and in many ways. The host lives, each error is a code of status.h with one
// line of UTF-8, and when the lies end, everything works as before.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/integration/lying_backend.h"
#include "tests/support/drain.h"
#include "tests/support/host.h"

// A lying backend denies the devices and segments that it has made, so that nobody destroys them.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions() {
  return "leak:DeviceOpen\nleak:MakeSegment";
}

namespace skein::test {
namespace {

constexpr const char* kFunctions[] = {"device_count",   "device_info", "device_open", "query",
                                      "segment_create", "put_tensor",  "seal",        "state_export",
                                      "state_import",   "step",        "segment_work"};

// Every number that may be taken for a code of status.h, and some that may not.
constexpr int32_t kCodes[] = {
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, SKEIN_INVALID_HANDLE, -1, 1 << 30, INT32_MIN};

// One line that a host can put into JSON.
void ExpectText(const std::string& text) {
  EXPECT_NO_THROW(nlohmann::json(text).dump()) << "not UTF-8";
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

class LiesTest : public ::testing::Test {
 protected:
  LiesTest() {
    void* plugin = dlopen(SKEIN_LYING_BACKEND, RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(plugin, nullptr) << dlerror();
    obey_ = reinterpret_cast<ObeyFunction>(dlsym(plugin, "lying_backend_obey"));
    broken_promise_ = reinterpret_cast<BrokenPromiseFunction>(dlsym(plugin, "lying_backend_broken_promise"));
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_RUNTIME, {}, {{"search", 0}, {"threads", 2}});
    EXPECT_EQ(skein_runtime_create(options.get(), runtime_.out(), nullptr), SKEIN_OK);
    const std::string format = std::string(SKEIN_PLUGIN_DIR) + "/format-safetensors.so";
    EXPECT_EQ(skein_runtime_load_plugin(runtime_.get(), SKEIN_LYING_BACKEND, nullptr), SKEIN_OK);
    EXPECT_EQ(skein_runtime_load_plugin(runtime_.get(), format.c_str(), nullptr), SKEIN_OK);
    Tell("", Lie::kNone);
    EXPECT_TRUE(LoadAndUse());
    truth_ = logits_;
  }
  ~LiesTest() override { Tell("", Lie::kNone); }

  void Tell(const char* function, Lie lie, int32_t code = SKEIN_OK, const std::string& message = "") {
    Order order;
    std::snprintf(order.function, sizeof(order.function), "%s", function);
    order.lie = lie_ = lie;
    order.code = code;
    std::memset(order.message, '#', sizeof(order.message));
    std::copy_n(message.c_str(), std::min(message.size() + 1, sizeof(order.message)), order.message);
    obey_(&order);
  }

  // Notes whether a call worked, and looks at what it says.
  template <typename Function, typename... Arguments>
  bool Try(Function function, Arguments... arguments) {
    skein_error error = {};
    const skein_status status = function(arguments..., &error);
    EXPECT_EQ(error.code, status);
    EXPECT_STRNE(skein_status_name(status), "UNKNOWN_CODE") << status;
    // Nobody has cancelled, waited or logged in.
    for (const skein_status alien :
         {SKEIN_CANCELLED, SKEIN_DEADLINE_EXCEEDED, SKEIN_UNAUTHENTICATED, SKEIN_INVALID_HANDLE}) {
      EXPECT_NE(status, alien) << error.message;
    }
    EXPECT_EQ(status == SKEIN_OK, error.message[0] == '\0');
    ExpectText(error.message);
    return status == SKEIN_OK;
  }

  void LookAtTheRuntime() {
    uint32_t count = 0;
    Try(skein_runtime_device_count, runtime_.get(), &count);
    EXPECT_LE(count, 1u);
    auto device = skein_device_info();
    device.struct_size = sizeof(device);
    if (count > 0 && Try(skein_runtime_device_info, runtime_.get(), 0u, &device)) {
      ExpectText(device.name);
      ExpectText(device.description);
    }
    auto plugin = skein_plugin_info();
    plugin.struct_size = sizeof(plugin);
    if (Try(skein_runtime_plugin_info, runtime_.get(), 0u, &plugin)) {
      ExpectText(plugin.reason);
      // A backend that counts no devices has none.
      EXPECT_TRUE(lie_ == Lie::kNothing || (count == 0) == (plugin.reason[0] != '\0')) << plugin.reason;
    }
    std::string metrics(65536, '\0');
    uint64_t size = 0;
    if (Try(skein_runtime_metrics, runtime_.get(), metrics.data(), uint64_t{metrics.size()}, &size)) {
      EXPECT_NO_THROW(nlohmann::json(metrics.substr(0, size)).dump());
    }
    uint32_t severity = 0;
    std::string line(4097, '\0');
    while (skein_runtime_poll_log(runtime_.get(), line.data(), line.size(), &size, &severity, nullptr) == SKEIN_OK) {
      ExpectText(line.substr(0, size));
    }
  }

  // Everything that a host does with a model. True if all of it worked.
  bool LoadAndUse() {
    LookAtTheRuntime();
    OwnedModel model;
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {}, {{"max_batch_streams", 4}});
    const std::string path = DataPath("v7-odd.safetensors");
    if (!Try(skein_model_load, runtime_.get(), path.c_str(), options.get(), model.out())) return false;
    const bool works = Use(model.get());
    LookAtTheRuntime();
    return works;
  }

  bool Use(skein_model model) {
    OwnedStream stream;
    if (!Try(skein_stream_create, model, static_cast<skein_options>(nullptr), stream.out())) return false;
    bool works = Eval(model, stream.get());
    uint64_t size = 0;
    std::vector<float> state;
    works &= Try(skein_stream_state, stream.get(), static_cast<float*>(nullptr), uint64_t{0}, &size);
    state.resize(size);
    works &= Try(skein_stream_state, stream.get(), state.data(), uint64_t{state.size()}, &size);
    std::string snapshot(1 << 20, '\0');
    works &=
        Try(skein_stream_snapshot, stream.get(), static_cast<void*>(snapshot.data()), uint64_t{snapshot.size()}, &size);
    works &= Try(skein_stream_restore, stream.get(), static_cast<const void*>(snapshot.data()), size);
    works &= Generate(stream.get());
    return works;
  }

  bool Eval(skein_model model, skein_stream stream) {
    const skein_token tokens[] = {1, 2, 3};
    logits_.assign(77, 0);
    skein_eval_item item = {};
    item.stream = stream;
    item.tokens = tokens;
    item.num_tokens = 3;
    item.output = logits_.data();
    item.output_capacity = logits_.size();
    item.output_kind = SKEIN_OUTPUT_LAST_LOGITS;
    return Try(skein_eval, model, static_cast<void*>(&item), uint32_t{sizeof(item)}, 1u);
  }

  bool Generate(skein_stream stream) {
    OwnedQueue queue;
    OwnedRequest request;
    EXPECT_EQ(skein_queue_create(runtime_.get(), nullptr, queue.out(), nullptr), SKEIN_OK);
    EXPECT_EQ(skein_request_create(stream, request.out(), nullptr), SKEIN_OK);
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", 4}});
    EXPECT_EQ(skein_request_set_options(request.get(), options.get(), nullptr), SKEIN_OK);
    const skein_token prompt = 3;
    EXPECT_EQ(skein_request_set_prompt_tokens(request.get(), &prompt, 1, nullptr), SKEIN_OK);
    const skein_request submitted = request.get();
    if (!Try(skein_queue_submit, queue.get(), &submitted, 1u)) return false;
    const Delivered delivered = DrainUntilEnded(queue.get(), 1)[0];
    EXPECT_EQ(delivered.num_terminal, 1);
    if (delivered.end == SKEIN_EVENT_ERROR) ExpectText(delivered.text);
    EXPECT_NE(delivered.end, uint32_t{SKEIN_EVENT_CANCELLED});
    return delivered.end == SKEIN_EVENT_DONE;
  }

  // With the lie, and after it.
  void LiveThrough(const char* function, Lie lie, int32_t code = SKEIN_OK, const std::string& message = "") {
    SCOPED_TRACE(std::string(function) + ", lie " + std::to_string(static_cast<int>(lie)) + ", code " +
                 std::to_string(code));
    Tell(function, lie, code, message);
    const bool works = LoadAndUse();
    // A function that says nothing but errors is noticed. Counting multiplications is nobody's condition, and the
    // device may still be open for the model before.
    const bool is_needed = std::strcmp(function, "segment_work") != 0 && std::strcmp(function, "device_open") != 0;
    if (lie == Lie::kCode && is_needed) {
      EXPECT_FALSE(works);
    }
    Tell("", Lie::kNone);
    EXPECT_TRUE(LoadAndUse());
    EXPECT_EQ(logits_, truth_);
  }

  OwnedRuntime runtime_;
  std::vector<float> logits_, truth_;
  ObeyFunction obey_ = nullptr;
  BrokenPromiseFunction broken_promise_ = nullptr;
  Lie lie_ = Lie::kNone;
};

TEST_F(LiesTest, OfEveryCodeInEveryFunction) {
  for (const char* function : kFunctions) {
    for (const int32_t code : kCodes) LiveThrough(function, Lie::kCode, code, "not today");
  }
}

TEST_F(LiesTest, OfMessagesThatAreNoText) {
  const std::string messages[] = {"",
                                  "two\nlines\r\t\x1b[2J",
                                  "no \xFF\xC3 UTF-8",
                                  std::string(1024, 'x'),
                                  std::string(1023, 'x') + "\xC3",
                                  std::string(1024, '\xFF'),
                                  std::string(1024, '\n')};
  for (const char* function : kFunctions) {
    for (const std::string& message : messages) LiveThrough(function, Lie::kCode, SKEIN_INTERNAL, message);
  }
}

TEST_F(LiesTest, OfWorkThatWasDoneAndIsDenied) {
  for (const char* function : kFunctions) LiveThrough(function, Lie::kAfterAll, SKEIN_UNAVAILABLE, "denied");
}

TEST_F(LiesTest, OfWorkThatWasNotDone) {
  // A segment that was not sealed refuses its steps, and slots that were not written are what they were.
  for (const char* function : kFunctions) LiveThrough(function, Lie::kNothing);
}

TEST_F(LiesTest, OfNumbersThatNoMachineHas) {
  for (const char* function : kFunctions) LiveThrough(function, Lie::kHuge);
}

TEST_F(LiesTest, OfNoise) {
  for (const char* function : kFunctions) LiveThrough(function, Lie::kNoise);
}

TEST_F(LiesTest, ACostThatNoMachineHasIsRefused) {
  Tell("query", Lie::kHuge);
  skein_model model = nullptr;
  skein_error error = {};
  EXPECT_EQ(skein_model_load(runtime_.get(), DataPath("v7-odd.safetensors").c_str(), nullptr, &model, &error),
            SKEIN_RESOURCE_EXHAUSTED);
  EXPECT_THAT(error.message, ::testing::HasSubstr("device lying is full: the model needs"));
}

TEST_F(LiesTest, ADeviceThatIsMissingHasItsReasonInTheError) {
  Tell("device_count", Lie::kCode, SKEIN_UNAVAILABLE, "the driver is asleep");
  skein_model model = nullptr;
  skein_error error = {};
  for (const char* device : {"", "lying", "cpu"}) {
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", device}});
    EXPECT_EQ(skein_model_load(runtime_.get(), DataPath("v7-odd.safetensors").c_str(), options.get(), &model, &error),
              SKEIN_NOT_FOUND);
    EXPECT_THAT(error.message, ::testing::HasSubstr("lying: device_count: the driver is asleep"));
  }
}

TEST_F(LiesTest, TheHostKeepsItsOwnPromises) {
  EXPECT_TRUE(LoadAndUse());
  EXPECT_STREQ(broken_promise_(), "");
}

}  // namespace
}  // namespace skein::test
