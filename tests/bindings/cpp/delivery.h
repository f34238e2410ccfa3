// The events of the queues, kept by request and by sample: the order between requests depends on time, and a transcript
// does not.
#ifndef SKEIN_TESTS_BINDINGS_CPP_DELIVERY_H_
#define SKEIN_TESTS_BINDINGS_CPP_DELIVERY_H_

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "skein/skein.hpp"

namespace scenario {

struct Sample {
  std::vector<uint32_t> tokens;
  std::vector<float> logprobs;
  std::string text;
  double sum = std::numeric_limits<double>::quiet_NaN();
};

// The events of one request.
class Delivery {
 public:
  Delivery(std::string name, skein_request request) : name_(std::move(name)), request_(request) {}

  skein_request request() const { return request_; }
  bool ended() const { return end_.has_value(); }
  uint64_t num_tokens() const { return num_tokens_; }
  void Take(const skein::Event& event);
  // The lines of the transcript.
  std::vector<std::string> Lines() const;

 private:
  std::string name_;
  skein_request request_;
  uint64_t num_tokens_ = 0;
  std::map<uint32_t, Sample> samples_;
  std::optional<skein_event> end_;
  std::string message_;
};

}  // namespace scenario

#endif  // SKEIN_TESTS_BINDINGS_CPP_DELIVERY_H_
