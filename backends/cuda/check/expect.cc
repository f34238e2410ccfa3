#include "cuda/check/expect.h"

#include <bit>
#include <cmath>
#include <cstdio>

namespace skein::check {
namespace {

std::string Place(size_t index, size_t width) {
  return "number " + std::to_string(index % width) + " of row " + std::to_string(index / width);
}

void ExpectSize(size_t found, size_t expected, const std::string& what) {
  if (found == expected) return;
  throw Mismatch(what + ": expected " + std::to_string(expected) + " numbers, found " + std::to_string(found));
}

// The first number that is too far, and how many are.
template <typename Number>
void CheckNear(std::span<const float> found, std::span<const Number> expected, size_t width, double tolerance,
               const std::string& what) {
  ExpectSize(found.size(), expected.size(), what);
  size_t num_wrong = 0, first = 0;
  double worst = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
    if (difference <= tolerance) continue;
    if (num_wrong++ == 0) first = i;
    if (!(difference <= worst)) worst = difference;  // also NaN
  }
  if (num_wrong == 0) return;
  throw Mismatch(what + ", " + Place(first, width) + ": expected " + NumberText(static_cast<double>(expected[first])) +
                 " within " + NumberText(tolerance) + ", found " + NumberText(found[first]) + "; " +
                 std::to_string(num_wrong) + " of " + std::to_string(found.size()) + " are wrong, by up to " +
                 NumberText(worst));
}

}  // namespace

std::string NumberText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

void Expect(bool is_so, const std::string& expected, const std::string& found) {
  if (!is_so) throw Mismatch("expected " + expected + ", found " + found);
}

void ExpectStatus(int32_t found, int32_t expected, const std::string& what, const std::string& message) {
  if (found == expected) return;
  throw Mismatch(what + ": expected status " + std::to_string(expected) + ", found " + std::to_string(found) +
                 (message.empty() ? "" : ": " + message));
}

void ExpectContains(const std::string& text, const std::string& part, const std::string& what) {
  if (text.find(part) != std::string::npos) return;
  throw Mismatch(what + ": expected a message with \"" + part + "\", found \"" + text + "\"");
}

void ExpectNear(std::span<const float> found, std::span<const double> expected, size_t width, double tolerance,
                const std::string& what) {
  CheckNear(found, expected, width, tolerance, what);
}

void ExpectNear(std::span<const float> found, std::span<const float> expected, size_t width, double tolerance,
                const std::string& what) {
  CheckNear(found, expected, width, tolerance, what);
}

void ExpectSameBits(std::span<const float> found, std::span<const float> expected, size_t width,
                    const std::string& what) {
  ExpectSize(found.size(), expected.size(), what);
  size_t num_wrong = 0, first = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (std::bit_cast<uint32_t>(found[i]) == std::bit_cast<uint32_t>(expected[i])) continue;
    if (num_wrong++ == 0) first = i;
  }
  if (num_wrong == 0) return;
  char text[96];
  std::snprintf(text, sizeof(text), "expected %.9g, found %.9g", expected[first], found[first]);
  throw Mismatch(what + ", " + Place(first, width) + ": " + text + "; " + std::to_string(num_wrong) + " of " +
                 std::to_string(found.size()) + " have other bits");
}

}  // namespace skein::check
