// The end of a benchmark whose call of the C ABI failed.
#ifndef SKEIN_TESTS_BENCH_CHECK_H_
#define SKEIN_TESTS_BENCH_CHECK_H_

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "skein/skein.h"

namespace skein::bench {

// Unless `status` is SKEIN_OK, prints the message of `error`, and ends the process with 1.
inline void Check(skein_status status, const skein_error& error) {
  if (status == SKEIN_OK) return;
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, error.message);
  std::exit(1);
}

}  // namespace skein::bench

#endif  // SKEIN_TESTS_BENCH_CHECK_H_
