// The C ABI as the tool uses it: handles that release themselves, and failures as exceptions.
#ifndef SKEIN_CLI_HANDLES_H_
#define SKEIN_CLI_HANDLES_H_

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "skein/skein.h"

namespace skein::cli {

// The work failed: the tool prints the message and ends with exit code 1.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& message) : std::runtime_error(message) {}
  explicit Failure(const skein_error& error)
      : std::runtime_error(error.message_bytes > 0 ? error.message : skein_status_name(error.code)),
        code_(error.code) {}

  // The code that the library returned; SKEIN_UNKNOWN for the tool's own failures.
  skein_status code() const { return code_; }

 private:
  skein_status code_ = SKEIN_UNKNOWN;
};

// Owns one handle. The result of the deleter is ignored: releasing a live handle cannot fail.
template <auto kRelease>
struct Release {
  template <typename Handle>
  void operator()(Handle* handle) const {
    kRelease(handle, nullptr);
  }
};
using Runtime = std::unique_ptr<skein_runtime_t, Release<skein_runtime_release>>;
using Options = std::unique_ptr<skein_options_t, Release<skein_options_release>>;
using Model = std::unique_ptr<skein_model_t, Release<skein_model_release>>;
using Tokenizer = std::unique_ptr<skein_tokenizer_t, Release<skein_tokenizer_release>>;
using Stream = std::unique_ptr<skein_stream_t, Release<skein_stream_release>>;
using Queue = std::unique_ptr<skein_queue_t, Release<skein_queue_release>>;
using Request = std::unique_ptr<skein_request_t, Release<skein_request_release>>;
using Prefix = std::unique_ptr<skein_prefix_t, Release<skein_prefix_release>>;

// Calls a function of the ABI; the trailing skein_error is supplied here. Throws Failure.
template <typename Function, typename... Arguments>
void Call(Function* function, Arguments... arguments) {
  skein_error error = {};
  if (function(arguments..., &error) != SKEIN_OK) throw Failure(error);
}

// Calls a function whose last argument gives a new handle: Make<Stream>(skein_stream_create, model, options).
template <typename Owner, typename Function, typename... Arguments>
Owner Make(Function* function, Arguments... arguments) {
  typename Owner::pointer handle = nullptr;
  Call(function, arguments..., &handle);
  return Owner(handle);
}

// Calls a function whose last arguments are a buffer, its capacity and its size, and gives the content of the buffer.
// If the room does not suffice, calls it again with more.
template <typename Container, typename Function, typename... Arguments>
Container Read(Function* function, Arguments... arguments) {
  Container content(4096, typename Container::value_type());
  while (true) {
    uint64_t size = 0;
    skein_error error = {};
    const skein_status status = function(arguments..., content.data(), content.size(), &size, &error);
    const bool too_small = status == SKEIN_OUT_OF_RANGE && size > content.size();
    if (status != SKEIN_OK && !too_small) throw Failure(error);
    content.resize(size);
    if (!too_small) return content;
  }
}

// A struct of the ABI with its `struct_size` set and all else zero.
template <typename Struct>
Struct Sized() {
  Struct value = {};
  value.struct_size = sizeof(Struct);
  return value;
}

}  // namespace skein::cli

#endif  // SKEIN_CLI_HANDLES_H_
