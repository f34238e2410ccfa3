#include "model/value_map.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/elements.h"

namespace skein {
namespace {

constexpr size_t kRunElements = 1024;

// Parameters for limits that no finite parameter gives. In float32, exp(kNothing) is 0, exp(-exp(kNothing)) is 1, and
// exp(-exp(kEverything)) is 0.
constexpr double kNothing = -200;
constexpr double kEverything = 10;

// log(x) for x >= 0.
double SaturatedLog(double x) { return x == 0 ? kNothing : std::log(x); }

// NaN where the function has no value.
double Undo(ValueMap::Function function, double x) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  switch (function) {
    case ValueMap::Function::kIdentity:
      return x;
    case ValueMap::Function::kLog:
      return x >= 0 ? SaturatedLog(x) : kNone;
    case ValueMap::Function::kLogOfNegated:
      return x <= 0 ? SaturatedLog(-x) : kNone;
    case ValueMap::Function::kLogOfNegatedLog:
      if (x == 0) return kEverything;
      return x > 0 && x <= 1 ? SaturatedLog(-std::log(x)) : kNone;
  }
  return kNone;
}

const char* DomainText(ValueMap::Function function) {
  switch (function) {
    case ValueMap::Function::kIdentity:
      break;
    case ValueMap::Function::kLog:
      return "a number that is not negative";
    case ValueMap::Function::kLogOfNegated:
      return "a number that is not positive";
    case ValueMap::Function::kLogOfNegatedLog:
      return "a number from 0 to 1";
  }
  return "a number";
}

}  // namespace

absl::Status VisitMapped(const TensorView& view, const ValueMap& map, const std::string& name,
                         absl::FunctionRef<absl::Status(const float* values, uint64_t first, size_t count)> visit) {
  if (map.IsIdentity()) return VisitElements(view, name, visit);
  return VisitElements(view, name, [&](const float* values, uint64_t first, size_t count) -> absl::Status {
    float parameters[kRunElements];
    for (size_t done = 0; done < count; done += kRunElements) {
      const size_t run = std::min(kRunElements, count - done);
      for (size_t i = 0; i < run; ++i) {
        const float stored = values[done + i];
        const double parameter = Undo(map.function, stored);
        parameters[i] = static_cast<float>(parameter * map.factor);
        if (std::isfinite(parameters[i])) continue;
        const std::string where = absl::StrCat("tensor \"", name, "\": element ", first + done + i, ": ");
        if (std::isfinite(parameter)) {
          return absl::OutOfRangeError(absl::StrCat(where, stored, " times ", map.factor, " is too large for float32"));
        }
        return absl::DataLossError(absl::StrCat(where, "expected ", DomainText(map.function), ", found ", stored));
      }
      SKEIN_RETURN_IF_ERROR(visit(parameters, first + done, run));
    }
    return absl::OkStatus();
  });
}

}  // namespace skein
