#include "error_log.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace skein::emulator {
namespace {

constexpr size_t kMaxErrors = 100;

}  // namespace

void ErrorLog::Add(Error error, const std::string& place) {
  const std::lock_guard lock(mutex_);
  if (!asked_) {
    std::fprintf(stderr, "cuda emulator: kernel %s: %s\n", error.kernel.c_str(), error.message.c_str());
    std::abort();
  }
  if (errors_.size() < kMaxErrors && places_.insert(place).second) errors_.push_back(std::move(error));
}

std::vector<Error> ErrorLog::Take() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  places_.clear();
  return std::exchange(errors_, {});
}

// The process's: a program asks for errors after the devices that made them are gone.
ErrorLog& TheErrorLog() {
  static ErrorLog log;
  return log;
}

std::vector<Error> TakeErrors() { return TheErrorLog().Take(); }

}  // namespace skein::emulator
