// The values that ops (ops.h) take: rows of activations, norms, and the inputs of each recurrence. They own nothing. An
// address may be one of a device: nothing in this folder follows it.
//
// Letters: T rows (tokens of all streams of the step, one after the other), C d_model, A d_att, H heads, N head size
// (A = H N; in RWKV-7 A = C), F d_ffn, V vocabulary, R a rank. Everything is float32 and row-major.
#ifndef SKEIN_BACKENDS_EQUATIONS_OPERANDS_H_
#define SKEIN_BACKENDS_EQUATIONS_OPERANDS_H_

#include <cstddef>
#include <cstdint>

namespace skein::kit {

// A block of activations, one row a token, without gaps.
struct Rows {
  float* data = nullptr;
  uint32_t count = 0;
  uint32_t width = 0;

  float* operator[](size_t row) const { return data + row * width; }
};

// The affine part and epsilon of a LayerNorm, weight and bias [C], or of a GroupNorm with a group per head, [A].
struct Norm {
  const float* weight = nullptr;
  const float* bias = nullptr;
  float epsilon = 0;
};

// One of the blends that leave a token shift: out = n + (n' - n) ⊙ mix, where n is the token's row and n' the one
// before.
struct Blend {
  const float* mix;  // [C]; NULL: leave this blend out (RWKV-5.0 has no gate)
  Rows out;          // [T, C]
};

// The two rows that a token shift blends, kept for a second shift. Without data: not kept.
struct ShiftedRows {
  Rows n;         // the token's
  Rows n_before;  // that of the token before, n'
};

// A blend of the second shift of RWKV-6, whose mix depends on the token: out = n + (n' - n) ⊙ (mix + m).
struct DataBlend {
  const float* mix;  // [C]
  Rows m;            // [T, C]
  Rows out;          // [T, C]; may lie over `m`
};

// The operation on a product on its way to memory.
enum class Then {
  kStore,
  kTanh,
  kSigmoid,
  kSilu,        // y σ(y)
  kReluSquare,  // max(y, 0)²
  kAdd,         // out + y
};

// out = then(in Wᵀ), row by row: y = W x with W [out.width, in.width].
template <typename Matrix>
struct Product {
  const Matrix* weight;  // NULL: leave this product out (layer 0 of RWKV-7 has no value residual)
  Rows in;
  Rows out;
  Then then = Then::kStore;
};

// The inputs of the recurrence of RWKV-4, channel by channel: rows [T, A], vectors [A].
struct Wkv4Inputs {
  Rows r;              // receptance, in (0, 1)
  Rows k;              // key
  Rows v;              // value
  const float* decay;  // d: logarithm of the share of the past that a token leaves, below 0
  const float* bonus;  // u: added to the key of the token itself
};

// The inputs of the recurrence of RWKV-5 and 6: rows [T, A], head h in channels [h N, (h + 1) N).
struct Wkv5Inputs {
  Rows r;              // receptance
  Rows k;              // key
  Rows v;              // value
  const float* w;      // decay, in [0, 1): [A] for all tokens, or rows [T, A]
  size_t w_stride;     // floats from a token's decay to the next one's: 0 or A
  const float* bonus;  // u [A]: weight of the token itself, by key channel
};

// The inputs of the recurrence of RWKV-7: rows [T, C], head h in channels [h N, (h + 1) N).
struct Wkv7Inputs {
  Rows r;   // receptance
  Rows w;   // decay, in (0.54, 1)
  Rows k;   // key that is added to the state
  Rows v;   // value
  Rows kk;  // key that is removed from the state: a unit vector per head
  Rows b;   // kk ⊙ a, where a is the in-context learning rate
};

// From the projections of RWKV-7 to the three keys of its recurrence: rows [T, C], vectors [C].
struct KeysInputs {
  Rows key;
  Rows rate;  // the in-context learning rate before its bias and its sigmoid
  const float* rate_bias;
  const float *key_k, *key_a;
};
struct KeysOutputs {
  Rows k;   // may lie over `key`
  Rows kk;  // lies over no input
  Rows b;   // may lie over `rate`
};

// The value of RWKV-7 and that of layer 0, which it is blended with: rows [T, C].
struct ValueResidualInputs {
  Rows value;
  Rows v_first;
  Rows gate;  // before its bias and its sigmoid
  const float* gate_bias;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_OPERANDS_H_
