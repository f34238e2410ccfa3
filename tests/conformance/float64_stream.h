// One stream of any RWKV generation in float64, one token at a time, written from the published equations and sharing
// no code with any backend: what the conformance tests compare with. RWKV-4, 5 and 6 remember every token and sum over
// them, as their definitions say, instead of updating a state.
#ifndef SKEIN_TESTS_CONFORMANCE_FLOAT64_STREAM_H_
#define SKEIN_TESTS_CONFORMANCE_FLOAT64_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/conformance/synthetic_model.h"

namespace skein::conformance {

// The inputs of the matrix products: exact, or rounded first, as the compute types BF16 and F16 do.
enum class ProductInputs { kExact, kBf16, kF16 };

// The frame that all generations share; what they do not is in rwkvN_float64.h. The model outlives the stream.
class Float64Stream {
 public:
  using Vector = std::vector<double>;

  // A stream in the initial state, of the model's generation.
  static std::unique_ptr<Float64Stream> Make(const SyntheticModel& model, ProductInputs inputs = ProductInputs::kExact);

  virtual ~Float64Stream() = default;

  // Feeds one token. Afterwards hidden() and logits() are of this token.
  void Feed(uint32_t token);
  const Vector& hidden() const { return hidden_; }
  const Vector& logits() const { return logits_; }

  // In the canonical layout. At least one token has been fed.
  Vector State() const;

 protected:
  Float64Stream(const SyntheticModel& model, ProductInputs inputs);

  // The rows that the block adds to the residual stream. x is the output of its norm, `previous` that of the token
  // before.
  virtual Vector TimeMix(uint32_t layer, const Vector& x, const Vector& previous) = 0;
  virtual Vector ChannelMix(uint32_t layer, const Vector& x, const Vector& previous) = 0;
  // The layer's part of the canonical state behind the two shift rows.
  virtual Vector Memory(uint32_t layer) const = 0;

  const skein_backend_model& m() const { return model_.model(); }
  const Vector& values(uint32_t role, uint32_t layer) const { return model_.values(role, layer); }

  static double Sigmoid(double x);
  // The matrix `role` times x.
  Vector Product(uint32_t role, uint32_t layer, const Vector& x) const;
  // Groups of `group` values with mean 0 and variance 1, times weight, plus bias.
  static Vector NormGroups(const Vector& x, size_t group, const Vector& weight, const Vector& bias, double epsilon);
  // The group norm of generations 5 to 7.
  Vector NormHeads(uint32_t layer, const Vector& x) const;
  // x + (previous - x) mix, as in generations 6 and 7.
  Vector MixedFromPrevious(uint32_t role, uint32_t layer, const Vector& x, const Vector& previous) const;
  // x mix + previous (1 - mix), as in generations 4 and 5.
  Vector MixedFromCurrent(uint32_t role, uint32_t layer, const Vector& x, const Vector& previous) const;
  // The channel-mix of generations 4 to 6, behind the mixing.
  Vector GatedChannelMix(uint32_t layer, const Vector& xk, const Vector& xr) const;
  // Value matrix times the squared positive part of the key matrix times xk.
  Vector SquaredReluMlp(uint32_t layer, const Vector& xk) const;

 private:
  Vector LayerNorm(const Vector& x, uint32_t weight_role, uint32_t bias_role, uint32_t layer) const;
  double Rounded(double value) const;

  const SyntheticModel& model_;
  const ProductInputs inputs_;
  std::vector<Vector> time_shift_, channel_shift_;  // by layer
  Vector hidden_, logits_;
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_FLOAT64_STREAM_H_
