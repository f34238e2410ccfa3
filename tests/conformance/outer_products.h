// The memory of one layer of RWKV-5 or 6, by its definition: every key, faded by all later tokens, beside its value.
#ifndef SKEIN_TESTS_CONFORMANCE_OUTER_PRODUCTS_H_
#define SKEIN_TESTS_CONFORMANCE_OUTER_PRODUCTS_H_

#include <cstddef>
#include <vector>

namespace skein::conformance {

class OuterProducts {
 public:
  using Vector = std::vector<double>;

  explicit OuterProducts(size_t head_size) : head_size_(head_size) {}

  // The output of a token with receptance, key and value [A], before the norm: the sum over earlier tokens s of
  // (r . faded key_s) value_s, and its own (r . bonus k) v. Then the past fades by `decay`, and the token joins it.
  Vector Step(const Vector& r, const Vector& k, const Vector& v, const Vector& decay, const Vector& bonus) {
    Vector out(r.size(), 0);
    for (size_t first = 0; first < r.size(); first += head_size_) {
      const auto add = [&](const Vector& key, const Vector& value, const double* factor) {
        double weight = 0;
        for (size_t i = first; i < first + head_size_; ++i) weight += r[i] * key[i] * (factor ? factor[i] : 1);
        for (size_t j = first; j < first + head_size_; ++j) out[j] += weight * value[j];
      };
      for (size_t s = 0; s < keys_.size(); ++s) add(keys_[s], values_[s], nullptr);
      add(k, v, bonus.data());
    }
    for (Vector& key : keys_) {
      for (size_t i = 0; i < key.size(); ++i) key[i] *= decay[i];
    }
    keys_.push_back(k);
    values_.push_back(v);
    return out;
  }

  // [H][N keys][N values]
  Vector Sum() const {
    const size_t width = keys_.at(0).size();
    Vector sum(width * head_size_, 0);
    for (size_t s = 0; s < keys_.size(); ++s) {
      for (size_t i = 0; i < width; ++i) {
        const size_t first = i / head_size_ * head_size_;
        for (size_t j = 0; j < head_size_; ++j) sum[i * head_size_ + j] += keys_[s][i] * values_[s][first + j];
      }
    }
    return sum;
  }

 private:
  size_t head_size_;
  std::vector<Vector> keys_, values_;  // of all tokens, [A]
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_OUTER_PRODUCTS_H_
