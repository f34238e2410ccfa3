// Runs a check in a process of its own with little memory and time, so that a crash, a huge allocation or an endless
// loop fails one test and not the program.
#ifndef SKEIN_TESTS_UNIT_PLUGINS_FORMATS_LIMITED_PROCESS_H_
#define SKEIN_TESTS_UNIT_PLUGINS_FORMATS_LIMITED_PROCESS_H_

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>

namespace skein::test {

inline constexpr rlim_t kMaxAddressSpace = rlim_t{2} << 30;
inline constexpr unsigned kMaxSeconds = 120;  // of a loaded machine, under a sanitizer

// The sanitizers reserve terabytes of addresses, which they do not use; there the limit is left out.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // gcc
inline constexpr bool kLimitAddressSpace = false;
#elif defined(__has_feature)  // clang
inline constexpr bool kLimitAddressSpace = !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer));
#else
inline constexpr bool kLimitAddressSpace = true;
#endif

// The fault that `check` reports, "" if none; or the way in which its process ended.
inline std::string RunLimited(const std::function<std::string()>& check) {
  std::array<int, 2> ends;
  if (pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = fork();
  if (child < 0) return "no process";
  if (child == 0) {
    close(ends[0]);
    const rlimit limit = {kMaxAddressSpace, kMaxAddressSpace};
    std::string complaint;
    if (kLimitAddressSpace && setrlimit(RLIMIT_AS, &limit) != 0) complaint = "no limit";
    alarm(kMaxSeconds);
    if (complaint.empty()) complaint = check();
    if (write(ends[1], complaint.data(), complaint.size()) != static_cast<ssize_t>(complaint.size())) _exit(2);
    _exit(0);
  }
  close(ends[1]);
  std::string complaint;
  std::array<char, 4096> part;
  for (ssize_t size; (size = read(ends[0], part.data(), part.size())) > 0;) {
    complaint.append(part.data(), static_cast<size_t>(size));
  }
  close(ends[0]);
  int status = 0;
  if (waitpid(child, &status, 0) != child) return "lost the process";
  if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "exited with " + std::to_string(WEXITSTATUS(status)) + ": " + complaint;
  return complaint;
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_PLUGINS_FORMATS_LIMITED_PROCESS_H_
