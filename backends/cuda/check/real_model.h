// RWKV-7 models of the published shapes with made-up weights, made in a second: one block of random numbers is put for
// all matrices. They are for measuring time, not for comparing numbers.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_REAL_MODEL_H_
#define SKEIN_BACKENDS_CUDA_CHECK_REAL_MODEL_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "skein/backend.h"

namespace skein::check {

struct RealShape {
  std::string name;
  uint32_t num_layers, d_model, vocab_size;
  uint32_t rank_decay, rank_iclr, rank_value, rank_gate;
};
// "0.1B" to "7.2B" as published; "toy" has all parts and costs nothing. Throws std::invalid_argument.
RealShape RealShapeOf(const std::string& name);

// The cost of a model on a device.
struct ModelCost {
  double matrix_bytes = 0;          // that every step reads: all but the embedding
  double value_bytes = 0;           // of them those of the channel-mix's value matrices, which zeros may save
  double multiplications = 0;       // of one row in all layers
  double head_multiplications = 0;  // of one row of logits
  double state_floats = 0;          // of one stream
};

// The share of the channel-mix's activations that the squared ReLU of random weights makes zero.
inline constexpr double kRandomZeros = 0.5;

class RealModel {
 public:
  // `zeros`: the share of the channel-mix's activations that become zero. Its key matrix is drawn with a mean and its
  // norm has a bias, so that other activations are zero in every row and for every token.
  RealModel(const RealShape& shape, uint32_t weight_type, double zeros);

  const skein_backend_model& model() const { return model_; }
  const std::string& name() const { return name_; }
  uint32_t weight_type() const { return weight_type_; }
  double zeros() const { return zeros_; }
  // The share of zeros that the key matrix gives for rows as a LayerNorm makes them, from a sample.
  double SampledZeros() const;
  ModelCost Cost() const;
  // All tensors. They point into this object.
  std::vector<skein_tensor> Tensors() const;

 private:
  const std::vector<uint8_t>& BlockOf(uint32_t role) const;

  const std::string name_;
  skein_backend_model model_;
  const uint32_t weight_type_;
  const double zeros_;
  // Blocks as large as the largest matrix that takes its numbers from them.
  std::vector<uint8_t> matrices_;
  std::vector<uint8_t> factors_;                 // for the embedding and the low-rank factors
  std::vector<uint8_t> keys_;                    // for the key matrices of the channel-mix
  std::map<float, std::vector<float>> vectors_;  // by value: all numbers of a vector are the same
};

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_REAL_MODEL_H_
