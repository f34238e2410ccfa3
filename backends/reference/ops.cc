#include "reference/ops.h"

#include <algorithm>
#include <cmath>

#include "reference/row.h"

namespace skein::reference {
namespace {

using kit::Norm;
using kit::Rows;

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

struct Moments {
  float mean;
  float scale;  // 1 / sqrt(variance + epsilon)
};

// Mean and biased variance.
Moments MomentsOf(const float* x, uint32_t count, float epsilon) {
  float sum = 0;
  for (uint32_t i = 0; i < count; ++i) sum += x[i];
  const float mean = sum / static_cast<float>(count);
  float squares = 0;
  for (uint32_t i = 0; i < count; ++i) squares += (x[i] - mean) * (x[i] - mean);
  return {mean, 1.0f / std::sqrt(squares / static_cast<float>(count) + epsilon)};
}

float Normalized(float x, const Moments& moments, const Norm& norm, uint32_t channel) {
  return (x - moments.mean) * moments.scale * norm.weight[channel] + norm.bias[channel];
}

void LayerNorm(const float* x, uint32_t width, const Norm& norm, float* out) {
  const Moments moments = MomentsOf(x, width, norm.epsilon);
  for (uint32_t c = 0; c < width; ++c) out[c] = Normalized(x[c], moments, norm, c);
}

void Put(kit::Then then, float value, float& out) {
  switch (then) {
    case kit::Then::kStore:
      out = value;
      break;
    case kit::Then::kTanh:
      out = std::tanh(value);
      break;
    case kit::Then::kSigmoid:
      out = Sigmoid(value);
      break;
    case kit::Then::kSilu:
      out = value * Sigmoid(value);
      break;
    case kit::Then::kReluSquare:
      out = value < 0 ? 0 : value * value;
      break;
    case kit::Then::kAdd:
      out += value;
      break;
  }
}

}  // namespace

void Ops::Embed(const EmbeddingRows& embedding, const Norm& norm, Rows x) {
  for (uint32_t t = 0; t < x.count; ++t) {
    embedding.ExpandRow(batch_.tokens[t], x[t]);
    LayerNorm(x[t], x.width, norm, x[t]);
  }
}

void Ops::NormShift(Rows x, const Norm& norm, size_t state, std::initializer_list<kit::Blend> blends,
                    const kit::ShiftedRows& kept) {
  for (const kit::Sequence& sequence : batch_.sequences) {
    for (uint32_t i = 0; i < sequence.num_rows; ++i) {
      const uint32_t t = sequence.first_row + i;
      const Moments now = MomentsOf(x[t], x.width, norm.epsilon);
      const Moments before = i == 0 ? Moments{} : MomentsOf(x[t - 1], x.width, norm.epsilon);
      for (uint32_t c = 0; c < x.width; ++c) {
        const float n = Normalized(x[t][c], now, norm, c);
        const float previous = i == 0 ? sequence.read_state[state + c] : Normalized(x[t - 1][c], before, norm, c);
        for (const kit::Blend& blend : blends) {
          if (blend.mix != nullptr) blend.out[t][c] = n + (previous - n) * blend.mix[c];
        }
        if (kept.n.data == nullptr) continue;
        kept.n[t][c] = n;
        kept.n_before[t][c] = n + (previous - n);
      }
    }
    if (sequence.write_state == nullptr) continue;
    LayerNorm(x[sequence.first_row + sequence.num_rows - 1], x.width, norm, sequence.write_state + state);
  }
}

void Ops::Multiply(std::initializer_list<kit::Product<Matrix>> products) {
  for (const kit::Product<Matrix>& product : products) {
    if (product.weight == nullptr) continue;
    for (uint32_t t = 0; t < product.in.count; ++t) {
      MultiplyRow(*product.weight, product.in[t], product.then, product.out[t]);
    }
  }
}

void Ops::MultiplyRow(const Matrix& weight, const float* x, kit::Then then, float* out) {
  row_product_.Set(weight, x);
  for (uint64_t o = 0; o < weight.num_rows(); ++o) Put(then, row_product_.Output(o), out[o]);
  work_.multiplications += weight.num_rows() * weight.num_columns();
}

void Ops::NormOutputs(Rows x, const Norm& norm, Rows hidden) {
  for (uint32_t i = 0; i < hidden.count; ++i) LayerNorm(x[batch_.output_rows[i]], x.width, norm, hidden[i]);
}

void Ops::Logits(const Matrix& weight, Rows hidden) {
  for (size_t i = 0; i < batch_.logits.size(); ++i) {
    MultiplyRow(weight, hidden[i], kit::Then::kStore, batch_.logits[i]);
  }
}

void Ops::GatedAdd(Rows x, Rows gate, Rows value) {
  for (uint32_t t = 0; t < x.count; ++t) {
    for (uint32_t c = 0; c < x.width; ++c) x[t][c] += gate[t][c] * value[t][c];
  }
}

void Ops::Wkv4(const kit::Wkv4Inputs& in, size_t state, Rows y) {
  const size_t width = y.width;
  for (const kit::Sequence& sequence : batch_.sequences) {
    for (size_t c = 0; c < width; ++c) {
      const float* before = sequence.read_state + state + c;
      float a = before[0], b = before[width], p = before[2 * width];
      for (uint32_t t = sequence.first_row; t < sequence.first_row + sequence.num_rows; ++t) {
        const float k = in.k[t][c], v = in.v[t][c];
        const float now = in.bonus[c] + k;
        float q = std::max(p, now);
        float past_part = std::exp(p - q), now_part = std::exp(now - q);
        y[t][c] = in.r[t][c] * (past_part * a + now_part * v) / (past_part * b + now_part);

        const float past = p + in.decay[c];
        q = std::max(past, k);
        past_part = std::exp(past - q);
        now_part = std::exp(k - q);
        a = past_part * a + now_part * v;
        b = past_part * b + now_part;
        p = q;
      }
      if (sequence.write_state == nullptr) continue;
      float* after = sequence.write_state + state + c;
      after[0] = a;
      after[width] = b;
      after[2 * width] = p;
    }
  }
}

float* Ops::HeadState(const kit::Sequence& sequence, size_t head_state) const {
  const float* before = sequence.read_state + head_state;
  float* after = sequence.write_state == nullptr ? scratch_state_ : sequence.write_state + head_state;
  if (after != before) std::copy_n(before, size_t{head_size_} * head_size_, after);
  return after;
}

void Ops::Wkv5(const kit::Wkv5Inputs& in, size_t state, Rows y) {
  const uint32_t n = head_size_;
  for (const kit::Sequence& sequence : batch_.sequences) {
    for (uint32_t head = 0; head < y.width; head += n) {
      float* s = HeadState(sequence, state + size_t{head} * n);
      for (uint32_t t = sequence.first_row; t < sequence.first_row + sequence.num_rows; ++t) {
        const float *r = in.r[t] + head, *k = in.k[t] + head, *v = in.v[t] + head;
        const float *w = in.w + t * in.w_stride + head, *bonus = in.bonus + head;
        for (uint32_t j = 0; j < n; ++j) {  // value
          float out = 0;
          for (uint32_t i = 0; i < n; ++i) {  // key
            float& cell = s[size_t{i} * n + j];
            const float added = k[i] * v[j];
            out += r[i] * (cell + bonus[i] * added);
            cell = w[i] * cell + added;
          }
          y[t][head + j] = out;
        }
      }
    }
  }
}

void Ops::NormGate(Rows y, const Norm& norm, Rows g, Rows out) {
  for (uint32_t t = 0; t < y.count; ++t) {
    for (uint32_t head = 0; head < y.width; head += head_size_) {
      const Moments moments = MomentsOf(y[t] + head, head_size_, norm.epsilon);
      for (uint32_t c = head; c < head + head_size_; ++c) {
        out[t][c] = Normalized(y[t][c], moments, norm, c) * (g.data == nullptr ? 1.0f : g[t][c]);
      }
    }
  }
}

void Ops::DataShift(const kit::ShiftedRows& rows, std::initializer_list<kit::DataBlend> blends) {
  const Rows n = rows.n;
  for (const kit::DataBlend& blend : blends) {
    for (uint32_t t = 0; t < n.count; ++t) {
      for (uint32_t c = 0; c < n.width; ++c) {
        blend.out[t][c] = n[t][c] + (rows.n_before[t][c] - n[t][c]) * (blend.mix[c] + blend.m[t][c]);
      }
    }
  }
}

void Ops::Decay6(Rows decay, const float* bias, Rows w) {
  for (uint32_t t = 0; t < w.count; ++t) {
    for (uint32_t c = 0; c < w.width; ++c) w[t][c] = std::exp(-std::exp(bias[c] + decay[t][c]));
  }
}

void Ops::Decay7(Rows decay, const float* bias, Rows w) {
  constexpr float kRate = 0.60653066f;  // e^(-1/2)
  for (uint32_t t = 0; t < w.count; ++t) {
    for (uint32_t c = 0; c < w.width; ++c) w[t][c] = std::exp(-kRate * Sigmoid(bias[c] + decay[t][c]));
  }
}

void Ops::Keys(const kit::KeysInputs& in, const kit::KeysOutputs& out) {
  for (uint32_t t = 0; t < in.key.count; ++t) {
    float* const kk = out.kk[t];
    for (uint32_t head = 0; head < in.key.width; head += head_size_) {
      float squares = 0;
      for (uint32_t c = head; c < head + head_size_; ++c) {
        kk[c] = in.key[t][c] * in.key_k[c];
        squares += kk[c] * kk[c];
      }
      const float length = std::max(std::sqrt(squares), 1e-12f);
      for (uint32_t c = head; c < head + head_size_; ++c) {
        const float a = Sigmoid(in.rate_bias[c] + in.rate[t][c]);
        kk[c] /= length;
        out.k[t][c] = in.key[t][c] * (1.0f + (a - 1.0f) * in.key_a[c]);
        out.b[t][c] = kk[c] * a;
      }
    }
  }
}

void Ops::ValueResidual(const kit::ValueResidualInputs& in, Rows v) {
  for (uint32_t t = 0; t < v.count; ++t) {
    for (uint32_t c = 0; c < v.width; ++c) {
      const float value = in.value[t][c];
      v[t][c] = value + (in.v_first[t][c] - value) * Sigmoid(in.gate_bias[c] + in.gate[t][c]);
    }
  }
}

void Ops::Wkv7(const kit::Wkv7Inputs& in, size_t state, Rows y) {
  const uint32_t n = head_size_;
  for (const kit::Sequence& sequence : batch_.sequences) {
    for (uint32_t head = 0; head < y.width; head += n) {
      float* s = HeadState(sequence, state + size_t{head} * n);
      for (uint32_t t = sequence.first_row; t < sequence.first_row + sequence.num_rows; ++t) {
        const float *r = in.r[t] + head, *w = in.w[t] + head, *k = in.k[t] + head, *v = in.v[t] + head;
        const float *kk = in.kk[t] + head, *b = in.b[t] + head;
        for (uint32_t i = 0; i < n; ++i) {  // value
          float* row = s + size_t{i} * n;
          const float removed = Dot({row, n}, {kk, n});
          float out = 0;
          for (uint32_t j = 0; j < n; ++j) {  // key
            row[j] = row[j] * w[j] - removed * b[j] + v[i] * k[j];
            out += row[j] * r[j];
          }
          y[t][head + i] = out;
        }
      }
    }
  }
}

void Ops::NormBonusGate(Rows y, const Norm& norm, const kit::Wkv7Inputs& in, const float* bonus, Rows g, Rows out) {
  for (uint32_t t = 0; t < y.count; ++t) {
    for (uint32_t head = 0; head < y.width; head += head_size_) {
      const Moments moments = MomentsOf(y[t] + head, head_size_, norm.epsilon);
      float weight = 0;
      for (uint32_t c = head; c < head + head_size_; ++c) weight += in.r[t][c] * in.k[t][c] * bonus[c];
      for (uint32_t c = head; c < head + head_size_; ++c) {
        out[t][c] = (Normalized(y[t][c], moments, norm, c) + weight * in.v[t][c]) * g[t][c];
      }
    }
  }
}

}  // namespace skein::reference
