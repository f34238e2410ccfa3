// The form in which the equations read a vector of parameters. The models' authors store some vectors before a function
// is applied, and some with one number per head. The equations want the values, one per channel.
#ifndef SKEIN_BACKENDS_EQUATIONS_VECTOR_FORM_H_
#define SKEIN_BACKENDS_EQUATIONS_VECTOR_FORM_H_

#include <cmath>
#include <cstdint>

namespace skein::kit {

enum class Formula {
  kAsIs,
  kOneMinus,     // 1 - x
  kExp,          // e^x
  kMinusExp,     // -e^x
  kExpMinusExp,  // e^(-e^x)
};

// The formula, then `repeat` copies of each element beside each other.
struct VectorForm {
  Formula formula = Formula::kAsIs;
  uint32_t repeat = 1;
};

inline float Apply(Formula formula, float parameter) {
  const double x = parameter;  // in double, since a decay near 1 has no digits to lose
  switch (formula) {
    case Formula::kAsIs:
      break;
    case Formula::kOneMinus:
      return static_cast<float>(1 - x);
    case Formula::kExp:
      return static_cast<float>(std::exp(x));
    case Formula::kMinusExp:
      return static_cast<float>(-std::exp(x));
    case Formula::kExpMinusExp:
      return static_cast<float>(std::exp(-std::exp(x)));
  }
  return parameter;
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_VECTOR_FORM_H_
