// The errors that were found and not asked for yet.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_ERROR_LOG_H_
#define SKEIN_TESTS_CUDA_EMULATOR_ERROR_LOG_H_

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "cuda_emulator/control.h"

namespace skein::emulator {

// Threads: any.
class ErrorLog {
 public:
  // `place` names what makes two errors the same one.
  void Add(Error error, const std::string& place);
  std::vector<Error> Take();

 private:
  std::mutex mutex_;
  std::vector<Error> errors_;
  std::set<std::string> places_;
  bool asked_ = false;  // whether the program has ever asked
};

ErrorLog& TheErrorLog();

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_ERROR_LOG_H_
