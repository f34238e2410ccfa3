// The owner of a handle: the base of Runtime, Model, Stream and the others.
#ifndef SKEIN_CPP_OWNED_HPP_
#define SKEIN_CPP_OWNED_HPP_

#include <utility>

#include "skein/base.h"
#include "skein/cpp/call.hpp"
#include "skein/cpp/namespace.hpp"

SKEIN_CPP_BEGIN

// Owns at most one handle, and releases it. Releasing never waits for inference and cannot fail on a live handle.
template <typename Handle, skein_status (*kRelease)(Handle, skein_error*)>
class Owned {
 public:
  using HandleType = Handle;

  Owned() = default;
  // Takes over a handle of the C ABI.
  explicit Owned(Handle handle) noexcept : handle_(handle) {}
  Owned(Owned&& other) noexcept : handle_(other.Detach()) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) {
      Close();
      handle_ = other.Detach();
    }
    return *this;
  }
  ~Owned() { Close(); }

  // For calls of the C ABI; nullptr if it is empty.
  Handle get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != nullptr; }
  // Where a call of the C ABI writes a new handle. What was owned is released.
  Handle* out() noexcept {
    Close();
    return &handle_;
  }
  // Gives the handle away: the caller releases it.
  Handle Detach() noexcept { return std::exchange(handle_, nullptr); }
  // Releases the handle now. Closing twice does nothing.
  void Close() noexcept {
    if (handle_ != nullptr) kRelease(Detach(), nullptr);
  }

 private:
  Handle handle_ = nullptr;
};

// Calls a function whose last argument gives a new handle: Make<Stream>(skein_stream_fork, stream.get()).
template <typename Owner, typename... Parameters, typename... Arguments>
Owner Make(skein_status (*function)(Parameters...), Arguments... arguments) {
  typename Owner::HandleType handle = nullptr;
  Call(function, arguments..., &handle);
  return Owner(handle);
}

SKEIN_CPP_END

#endif  // SKEIN_CPP_OWNED_HPP_
