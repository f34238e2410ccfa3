#include "cuda/check/limits.h"

#include <algorithm>
#include <cmath>

#include "skein/dtype.h"

namespace skein::check {
namespace {

constexpr uint32_t kSparseRows = 4;

enum class Zeros { kAny, kDense, kPlanted };
enum class State { kAny, kF16, kF32 };

struct Aim {
  const char* model;
  uint32_t weight_type;
  Zeros zeros;
  State state;
  uint32_t num_rows;  // 0: the best
  double h200, h100;  // tokens a second
};

constexpr uint32_t kF16 = SKEIN_DTYPE_F16, kQ8 = SKEIN_DTYPE_Q8, kQ4 = SKEIN_DTYPE_Q4;
constexpr Aim kAims[] = {
    {"0.1B", kF16, Zeros::kAny, State::kAny, 1, 5400, 4600},
    {"0.1B", kF16, Zeros::kAny, State::kAny, 32, 200e3, 150e3},
    {"0.1B", kF16, Zeros::kAny, State::kF16, 128, 520e3, 400e3},
    {"0.1B", kF16, Zeros::kAny, State::kF32, 128, 400e3, 290e3},
    {"0.1B", kF16, Zeros::kAny, State::kF16, 0, 700e3, 560e3},
    {"0.1B", kF16, Zeros::kAny, State::kF32, 0, 480e3, 370e3},
    {"1.5B", kF16, Zeros::kDense, State::kAny, 1, 1070, 800},
    {"1.5B", kF16, Zeros::kPlanted, State::kAny, 1, 1300, 980},
    {"1.5B", kF16, Zeros::kAny, State::kAny, 32, 31e3, 22e3},
    {"1.5B", kF16, Zeros::kAny, State::kF16, 128, 88e3, 64e3},
    {"1.5B", kF16, Zeros::kAny, State::kF32, 128, 70e3, 50e3},
    {"1.5B", kF16, Zeros::kAny, State::kF16, 0, 100e3, 82e3},
    {"1.5B", kF16, Zeros::kAny, State::kF32, 0, 76e3, 60e3},
    {"7.2B", kF16, Zeros::kDense, State::kAny, 1, 255, 180},
    {"7.2B", kF16, Zeros::kPlanted, State::kAny, 1, 330, 235},
    {"7.2B", kF16, Zeros::kAny, State::kAny, 32, 7.4e3, 5.2e3},
    {"7.2B", kF16, Zeros::kAny, State::kF16, 128, 23e3, 16.5e3},
    {"7.2B", kF16, Zeros::kAny, State::kF32, 128, 19e3, 13.5e3},
    {"7.2B", kF16, Zeros::kAny, State::kF16, 0, 25.5e3, 22e3},
    {"7.2B", kF16, Zeros::kAny, State::kF32, 0, 21e3, 17.5e3},
    {"1.5B", kQ8, Zeros::kPlanted, State::kAny, 1, 2200, 1650},
    {"1.5B", kQ4, Zeros::kPlanted, State::kAny, 1, 3000, 2300},
};

bool IsFor(const Aim& aim, const AimKey& key) {
  return key.model == aim.model && key.weight_type == aim.weight_type && key.num_rows == aim.num_rows &&
         (aim.zeros == Zeros::kAny || (aim.zeros == Zeros::kPlanted) == key.has_planted_zeros) &&
         (aim.state == State::kAny || (aim.state == State::kF16) == key.has_f16_state);
}

}  // namespace

double LeastSeconds(const ModelCost& cost, double zeros, const StepShape& step, const CardLimits& limits) {
  const bool is_decode = step.kind == StepKind::kDecode;
  const double num_streams = is_decode ? step.num_tokens : 1;
  double bytes = cost.matrix_bytes;
  if (is_decode && step.num_tokens <= kSparseRows) bytes -= cost.value_bytes * std::pow(zeros, step.num_tokens);
  const double multiplications = step.num_tokens * cost.multiplications + num_streams * cost.head_multiplications;
  return std::max(bytes / limits.bandwidth, 2 * multiplications / limits.matrix_rate) +
         num_streams * 2 * step.state_bytes / limits.bandwidth;
}

std::optional<double> AimFor(const std::string& description, const AimKey& key) {
  const bool is_h200 = description.find("H200") != std::string::npos;
  if (!is_h200 && description.find("H100") == std::string::npos) return std::nullopt;
  for (const Aim& aim : kAims) {
    if (IsFor(aim, key)) return is_h200 ? aim.h200 : aim.h100;
  }
  return std::nullopt;
}

}  // namespace skein::check
