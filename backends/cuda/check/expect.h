// Comparisons that throw what was expected and what was found.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_EXPECT_H_
#define SKEIN_BACKENDS_CUDA_CHECK_EXPECT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace skein::check {

struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void Expect(bool is_so, const std::string& expected, const std::string& found);
// `what` names the call. `message` is the plugin's.
void ExpectStatus(int32_t found, int32_t expected, const std::string& what, const std::string& message = "");
void ExpectContains(const std::string& text, const std::string& part, const std::string& what);

// Rows of `width` numbers. `what` names them, such as "logits of the prompt".
void ExpectNear(std::span<const float> found, std::span<const double> expected, size_t width, double tolerance,
                const std::string& what);
void ExpectNear(std::span<const float> found, std::span<const float> expected, size_t width, double tolerance,
                const std::string& what);
void ExpectSameBits(std::span<const float> found, std::span<const float> expected, size_t width,
                    const std::string& what);

// "1.25e-05", for messages.
std::string NumberText(double value);

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_EXPECT_H_
