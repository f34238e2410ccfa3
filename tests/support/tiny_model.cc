#include "tests/support/tiny_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <utility>

namespace skein::testing {
namespace {

constexpr uint64_t kLayers = 2, kC = 8, kV = 5, kN = 4;

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

void Rename(std::vector<FakeTensor>& tensors, const std::vector<std::pair<std::string, std::string>>& replacements) {
  for (FakeTensor& tensor : tensors) {
    for (const auto& [from, to] : replacements) {
      const size_t at = tensor.name.find(from);
      if (at != std::string::npos) tensor.name.replace(at, from.size(), to);
    }
  }
}

void Apply(FakeTensor* tensor, const std::function<double(double)>& function) {
  std::vector<float> values = Floats(*tensor);
  for (float& value : values) value = static_cast<float>(function(value));
  tensor->bytes = FloatBytes(values);
}

// Puts the tensors `names` together under a new name, in a new first dimension.
void Fuse(std::vector<FakeTensor>& tensors, const std::vector<std::string>& names, const std::string& fused_name,
          std::vector<uint64_t> shape) {
  FakeTensor fused = {fused_name, SKEIN_DTYPE_F32, std::move(shape), {}, {}, false};
  for (const std::string& name : names) {
    const FakeTensor& part = Find(tensors, name);
    fused.bytes.insert(fused.bytes.end(), part.bytes.begin(), part.bytes.end());
    Remove(tensors, name);
  }
  tensors.push_back(std::move(fused));
}

bool IsFactor7(const std::string& name) {
  for (const char* factor : {"att.w1", "att.w2", "att.a1", "att.a2", "att.v1", "att.v2", "att.g1", "att.g2"}) {
    if (EndsWith(name, factor)) return true;
  }
  return false;
}

bool IsFactor6(const std::string& name) {
  return Contains(name, "time_maa_w1") || Contains(name, "time_maa_w2") || Contains(name, "time_decay_w");
}

std::string Block(uint64_t layer) { return "blocks." + std::to_string(layer) + "."; }

}  // namespace

std::string VersionText(VersionSet version) {
  ModelConfig config;
  SetVersion(version, &config);
  return config.VersionName();
}

ModelConfig TinyConfig(VersionSet version) {
  ModelConfig config;
  SetVersion(version, &config);
  config.num_layers = kLayers;
  config.d_model = kC;
  config.vocab_size = kV;
  config.d_att = version == kV7 ? kC : 12;
  config.d_ffn = version == kV7 ? 12 : 20;
  if (version != kV4) {
    config.head_size = kN;
    config.num_heads = config.d_att / kN;
  }
  if (version == kV6) {
    config.rank_mix = 2;
    config.rank_decay = 3;
  }
  if (version == kV7) {
    config.rank_decay = 3;
    config.rank_iclr = 2;
    config.rank_value = 1;
    config.rank_gate = 6;
  }
  return config;
}

std::vector<FakeTensor> TinyBlinkDl(VersionSet version) {
  const ModelConfig config = TinyConfig(version);
  const uint64_t a = config.d_att, f = config.d_ffn, h = config.num_heads;
  const bool has_gate = (version & (kV51 | kV52 | kV6)) != 0;
  std::vector<FakeTensor> tensors;
  int next = 0;
  const auto add = [&](const std::string& name, std::vector<uint64_t> shape) {
    uint64_t size = 1;
    for (const uint64_t dim : shape) size *= dim;
    std::vector<float> values(size);
    for (float& value : values) value = static_cast<float>(++next) / 64;
    tensors.push_back({name, SKEIN_DTYPE_F32, std::move(shape), FloatBytes(values), {}, false});
    // Values that go through exp stay where float32 can tell the results apart.
    if (EndsWith(name, "time_decay") || EndsWith(name, "time_first")) {
      const double first = values[0];
      Apply(&tensors.back(), [&](double value) { return value - first - 1.5; });
    }
  };
  add("emb.weight", {kV, kC});
  for (uint64_t layer = 0; layer < kLayers; ++layer) {
    const std::string block = Block(layer);
    if (layer == 0) {
      add(block + "ln0.weight", {kC});
      add(block + "ln0.bias", {kC});
    }
    for (const char* name : {"ln1", "ln2"}) {
      add(block + name + ".weight", {kC});
      add(block + name + ".bias", {kC});
    }
    if (version != kV4) {
      add(block + "att.ln_x.weight", {a});
      add(block + "att.ln_x.bias", {a});
    }
    for (const char* name : {"receptance", "key", "value"}) add(block + "att." + name + ".weight", {a, kC});
    if (has_gate) add(block + "att.gate.weight", {a, kC});
    add(block + "att.output.weight", {kC, a});
    add(block + "ffn.key.weight", {f, kC});
    add(block + "ffn.value.weight", {kC, f});
    if (version != kV7) add(block + "ffn.receptance.weight", {kC, kC});

    if ((version & (kV4 | kV5)) != 0) {
      for (const char* name :
           {"att.time_mix_k", "att.time_mix_v", "att.time_mix_r", "ffn.time_mix_k", "ffn.time_mix_r"}) {
        add(block + name, {1, 1, kC});
      }
      if (has_gate) add(block + "att.time_mix_g", {1, 1, kC});
    }
    if (version == kV4) {
      add(block + "att.time_decay", {a});
      add(block + "att.time_first", {a});
    } else if (version == kV50) {
      add(block + "att.time_decay", {h});
      add(block + "att.time_first", {h});
    } else if (version == kV51) {
      add(block + "att.time_decay", {h});
      add(block + "att.time_faaaa", {h});
    } else if (version == kV52) {
      add(block + "att.time_decay", {h, kN});
      add(block + "att.time_faaaa", {h, kN});
    } else if (version == kV6) {
      for (const char* letter : {"x", "w", "k", "v", "r", "g"}) {
        add(block + "att.time_maa_" + letter, {1, 1, kC});
      }
      add(block + "att.time_maa_w1", {kC, 5 * uint64_t{config.rank_mix}});
      add(block + "att.time_maa_w2", {5, config.rank_mix, kC});
      add(block + "att.time_decay", {1, 1, a});
      add(block + "att.time_decay_w1", {kC, config.rank_decay});
      add(block + "att.time_decay_w2", {config.rank_decay, a});
      add(block + "att.time_faaaa", {h, kN});
      add(block + "ffn.time_maa_k", {1, 1, kC});
      add(block + "ffn.time_maa_r", {1, 1, kC});
    } else {
      for (const char* name : {"x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "k_k", "k_a"}) {
        add(block + "att." + name, {1, 1, kC});
      }
      add(block + "att.w1", {kC, config.rank_decay});
      add(block + "att.w2", {config.rank_decay, kC});
      add(block + "att.a1", {kC, config.rank_iclr});
      add(block + "att.a2", {config.rank_iclr, kC});
      add(block + "att.g1", {kC, config.rank_gate});
      add(block + "att.g2", {config.rank_gate, kC});
      if (layer > 0) {
        add(block + "att.v0", {1, 1, kC});
        add(block + "att.v1", {kC, config.rank_value});
        add(block + "att.v2", {config.rank_value, kC});
      }
      add(block + "att.r_k", {h, kN});
      add(block + "ffn.x_k", {1, 1, kC});
    }
  }
  add("ln_out.weight", {kC});
  add("ln_out.bias", {kC});
  add("head.weight", {kV, kC});
  return tensors;
}

std::vector<FakeTensor> TinyRwkvCpp(VersionSet version) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(version);
  const uint64_t h = TinyConfig(version).num_heads;
  for (FakeTensor& tensor : tensors) {
    if (IsFactor6(tensor.name) || IsFactor7(tensor.name)) Turn(&tensor);
    if (Contains(tensor.name, "time_mix_") || EndsWith(tensor.name, "time_maa_x")) tensor.shape = {kC};
    if (EndsWith(tensor.name, "time_decay")) {
      if (version == kV4) Apply(&tensor, [](double d) { return -std::exp(d); });
      if ((version & kV5) != 0) Apply(&tensor, [](double d) { return std::exp(-std::exp(d)); });
      if (version == kV50) tensor.shape = {h, 1, 1};
      if (version == kV52 || version == kV6) tensor.shape = {h, kN, 1};
    }
    if (EndsWith(tensor.name, "time_first") && version == kV50) {
      Apply(&tensor, [](double u) { return std::exp(u); });
      tensor.shape = {h, 1, 1};
    }
    if (EndsWith(tensor.name, "time_faaaa")) tensor.shape = {h, kN, 1};
  }
  for (uint64_t layer = 0; layer < kLayers && version == kV7; ++layer) {
    const std::string att = Block(layer) + "att.";
    Fuse(tensors, {att + "x_r", att + "x_w", att + "x_k", att + "x_v", att + "x_a", att + "x_g"}, att + "x_rwkvag",
         {6, 1, kC});
  }
  return tensors;
}

std::vector<FakeTensor> TinyWebRwkv(VersionSet version) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(version);
  for (FakeTensor& tensor : tensors) {
    if (IsFactor6(tensor.name) || IsFactor7(tensor.name)) Turn(&tensor);
    const bool per_head = EndsWith(tensor.name, "time_decay") || EndsWith(tensor.name, "time_faaaa");
    if (version == kV51 && per_head) {
      std::vector<float> repeated;
      for (const float value : Floats(tensor)) repeated.insert(repeated.end(), kN, value);
      tensor.bytes = FloatBytes(repeated);
      tensor.shape = {TinyConfig(version).num_heads, kN};
    }
  }
  Rename(tensors, {{"time_faaaa", "time_first"}, {"time_maa", "time_mix"}});
  return tensors;
}

std::vector<FakeTensor> TinyHuggingFace(VersionSet version) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(version);
  Rename(tensors, {{"emb.weight", "embeddings.weight"},
                   {"ln0", "pre_ln"},
                   {"att.", "attention."},
                   {"ffn.", "feed_forward."},
                   {"time_mix_k", "time_mix_key"},
                   {"time_mix_v", "time_mix_value"},
                   {"time_mix_r", "time_mix_receptance"},
                   {"time_mix_g", "time_mix_gate"}});
  for (FakeTensor& tensor : tensors) {
    if (tensor.name != "head.weight") tensor.name = "rwkv." + tensor.name;
  }
  return tensors;
}

std::vector<FakeTensor> TinyHuggingFace7() {
  std::vector<FakeTensor> tensors = TinyBlinkDl(kV7);
  Rename(tensors, {{"emb.weight", "model.embeddings.weight"},
                   {"blocks.0.ln0", "model.pre_ln"},
                   {"blocks.", "model.layers."},
                   {"att.", "attention."},
                   {"ffn.", "feed_forward."},
                   {"ln_out", "model.ln_out"}});
  return tensors;
}

std::vector<FakeTensor> TinyFla(Mixes mixes) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(kV7);
  for (FakeTensor& tensor : tensors) {
    if (IsFactor7(tensor.name)) Turn(&tensor);
    const bool is_bias = EndsWith(tensor.name, "att.w0") || EndsWith(tensor.name, "att.a0") ||
                         EndsWith(tensor.name, "att.v0") || EndsWith(tensor.name, "k_k") ||
                         EndsWith(tensor.name, "k_a");
    if (is_bias) tensor.shape = {kC};
  }
  for (uint64_t layer = 0; layer < kLayers && mixes == Mixes::kFused; ++layer) {
    const std::string att = Block(layer) + "att.";
    Fuse(tensors, {att + "x_r", att + "x_w", att + "x_k", att + "x_v", att + "x_a", att + "x_g"}, att + "x_x",
         {6, 1, 1, kC});
  }
  Rename(tensors, {{"emb.weight", "model.embeddings.weight"},
                   {"head.weight", "lm_head.weight"},
                   {"ln_out", "model.norm"},
                   {"blocks.", "model.layers."},
                   {"ln0", "pre_norm"},
                   {"ln1", "attn_norm"},
                   {"ln2", "ffn_norm"},
                   {"att.receptance", "att.r_proj"},
                   {"att.key", "att.k_proj"},
                   {"att.value", "att.v_proj"},
                   {"att.output", "att.o_proj"},
                   {"att.ln_x", "att.g_norm"},
                   {"att.", "attn."}});
  for (const char* letter : {"w", "a", "v", "g"}) {
    const std::string lora = std::string("attn.") + letter + "_lora.lora.";
    Rename(tensors, {{std::string("attn.") + letter + "0", lora + "2.bias"},
                     {std::string("attn.") + letter + "1", lora + "0.weight"},
                     {std::string("attn.") + letter + "2", lora + "2.weight"}});
  }
  return tensors;
}

std::vector<FakeTensor> TinyGguf(VersionSet version, Mixes mixes) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(version);
  const std::vector<std::string> letters = version == kV6 ? std::vector<std::string>{"w", "k", "v", "r", "g"}
                                                          : std::vector<std::string>{"r", "w", "k", "v", "a", "g"};
  const std::string mix = version == kV6 ? "time_maa_" : "x_";
  for (FakeTensor& tensor : tensors) {
    if (IsFactor6(tensor.name) || IsFactor7(tensor.name)) Turn(&tensor);
    if (tensor.shape.size() == 3 && tensor.shape[1] == 1) tensor.shape = {tensor.shape[2]};
    if (EndsWith(tensor.name, "r_k")) tensor.shape = {kC};
  }
  for (uint64_t layer = 0; layer < kLayers && mixes == Mixes::kFused; ++layer) {
    const std::string att = Block(layer) + "att.", att_mix = att + mix;
    std::vector<std::string> names;
    for (const std::string& letter : letters) names.push_back(att_mix + letter);
    Fuse(tensors, names, att + "lerp_fused", {letters.size(), 1, 1, kC});
  }
  for (const char* letter : {"x", "w", "k", "v", "r", "g"}) {
    for (FakeTensor& tensor : tensors) {
      if (!EndsWith(tensor.name, std::string("att.time_maa_") + letter)) continue;
      tensor.name = tensor.name.substr(0, tensor.name.find("time_maa_")) + "lerp_" + letter;
    }
  }
  Rename(tensors, {{"ffn.time_maa_", "channel_mix_lerp_"},
                   {"ffn.x_k", "channel_mix_lerp_k"},
                   {"blocks.0.ln0", "token_embd_norm"},
                   {"emb.weight", "token_embd.weight"},
                   {"head.weight", "output.weight"},
                   {"ln_out", "output_norm"},
                   {"blocks.", "blk."},
                   {"ln1", "attn_norm"},
                   {"ln2", "attn_norm_2"},
                   {"att.ln_x", "att.ln"},
                   {"att.time_maa_", "att."},
                   {"att.time_faaaa", "att.first"},
                   {"att.time_decay", "att.decay"},
                   {"att.", "time_mix_"},
                   {"ffn.", "channel_mix_"}});
  for (FakeTensor& tensor : tensors) {
    if (!EndsWith(tensor.name, ".weight") && !EndsWith(tensor.name, ".bias")) tensor.name += ".weight";
  }
  return tensors;
}

std::vector<ContainerText> RwkvCppTexts() { return {{"rwkvcpp.version", "101"}}; }

std::vector<ContainerText> GgufTexts(VersionSet version) {
  if (version == kV6) return {{"general.architecture", "rwkv6"}, {"rwkv6.wkv.head_size", "4"}};
  return {{"general.architecture", "rwkv7"}, {"rwkv7.wkv.head_size", "4"}};
}

std::vector<FakeTensor> TinyStates(VersionSet version) {
  const uint64_t h = TinyConfig(version).num_heads;
  std::vector<FakeTensor> tensors;
  int next = 0;
  for (uint64_t layer = 0; layer < kLayers; ++layer) {
    std::vector<float> values(h * kN * kN);
    for (float& value : values) value = static_cast<float>(++next) / 32;
    tensors.push_back({Block(layer) + "att.time_state", SKEIN_DTYPE_F32, {h, kN, kN}, FloatBytes(values), {}, false});
  }
  return tensors;
}

std::vector<NamedShape> NamesOf(const std::vector<FakeTensor>& tensors) {
  std::vector<NamedShape> names;
  names.reserve(tensors.size());
  for (const FakeTensor& tensor : tensors) names.push_back({tensor.name, tensor.shape});
  return names;
}

FakeTensor& Find(std::vector<FakeTensor>& tensors, const std::string& name) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const FakeTensor& tensor) { return tensor.name == name; });
  if (found == tensors.end()) throw std::out_of_range(name);
  return *found;
}

void Remove(std::vector<FakeTensor>& tensors, const std::string& name) {
  const FakeTensor& tensor = Find(tensors, name);
  tensors.erase(tensors.begin() + (&tensor - tensors.data()));
}

std::vector<float> Floats(const FakeTensor& tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

void Turn(FakeTensor* tensor) {
  const std::vector<float> values = Floats(*tensor);
  std::vector<uint64_t>& shape = tensor->shape;
  const uint64_t rows = shape[shape.size() - 2];
  const uint64_t columns = shape.back();
  std::vector<float> turned(values.size());
  for (uint64_t i = 0; i < values.size(); ++i) {
    const uint64_t matrix = i / (rows * columns) * rows * columns;
    const uint64_t row = i % (rows * columns) / columns;
    turned[matrix + i % columns * rows + row] = values[i];
  }
  tensor->bytes = FloatBytes(turned);
  std::swap(shape[shape.size() - 2], shape.back());
}

}  // namespace skein::testing
