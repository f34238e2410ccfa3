// The orders of a test to the lying backend (lying_backend.cc): the reference device, of which one function lies.
#ifndef SKEIN_TESTS_INTEGRATION_LYING_BACKEND_H_
#define SKEIN_TESTS_INTEGRATION_LYING_BACKEND_H_

#include <cstdint>

#include "skein/status.h"

namespace skein::test {

enum class Lie : uint32_t {
  kNone,
  kCode,      // the function does nothing, and returns `code` with `message`
  kAfterAll,  // the function does its work, and then returns `code` with `message`
  kNothing,   // the function says OK and does nothing
  kHuge,      // the function does its work, and then all numbers that it gives are the largest there are
  kNoise,     // the same with texts and floats of which no bit makes sense
};

struct Order {
  char function[32];  // the name of the member in skein_backend_table
  Lie lie = Lie::kNone;
  int32_t code = SKEIN_OK;
  char message[1024] = {};  // copied as it is, with or without a NUL
};

// The symbol "lying_backend_obey". From now on, the function of the order lies.
using ObeyFunction = void (*)(const Order* order);

// The symbol "lying_backend_broken_promise": the first promise of skein/backend.h that the host broke; "" if none.
using BrokenPromiseFunction = const char* (*)();

}  // namespace skein::test

#endif  // SKEIN_TESTS_INTEGRATION_LYING_BACKEND_H_
