// The name of a function, for messages.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_SYMBOLS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_SYMBOLS_H_

#include <string>

namespace skein::emulator {

// From the table of symbols of the program or library that holds the function. Its address if there is none. Lives as
// long as the process.
const std::string& NameOfFunction(const void* function);

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_SYMBOLS_H_
