// The equations alone: without weights, without memory, over ops that only record their names.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "equations/generations.h"
#include "equations/ops.h"

namespace skein::kit {
namespace {

// The contract for readers (ops.h) demands the same as the concepts for the compiler.
static_assert(Rwkv4Ops<OpsContract> && Rwkv5Ops<OpsContract> && Rwkv6Ops<OpsContract> && Rwkv7Ops<OpsContract>);

class NamedOps {
 public:
  struct Matrix {};
  struct EmbeddingRows {};

  std::string names;

  void Embed(const EmbeddingRows&, const Norm&, Rows) { Say("Embed"); }
  void NormShift(Rows, const Norm&, size_t, std::initializer_list<Blend>, const ShiftedRows& = {}) { Say("NormShift"); }
  void Multiply(std::initializer_list<Product<Matrix>>) { Say("Multiply"); }
  void NormOutputs(Rows, const Norm&, Rows) { Say("NormOutputs"); }
  void Logits(const Matrix&, Rows) { Say("Logits"); }
  void GatedAdd(Rows, Rows, Rows) { Say("GatedAdd"); }
  void Wkv4(const Wkv4Inputs&, size_t, Rows) { Say("Wkv4"); }
  void Wkv5(const Wkv5Inputs&, size_t, Rows) { Say("Wkv5"); }
  void NormGate(Rows, const Norm&, Rows, Rows) { Say("NormGate"); }
  void DataShift(const ShiftedRows&, std::initializer_list<DataBlend>) { Say("DataShift"); }
  void Decay6(Rows, const float*, Rows) { Say("Decay6"); }
  void Decay7(Rows, const float*, Rows) { Say("Decay7"); }
  void Keys(const KeysInputs&, const KeysOutputs&) { Say("Keys"); }
  void ValueResidual(const ValueResidualInputs&, Rows) { Say("ValueResidual"); }
  void Wkv7(const Wkv7Inputs&, size_t, Rows) { Say("Wkv7"); }
  void NormBonusGate(Rows, const Norm&, const Wkv7Inputs&, const float*, Rows, Rows) { Say("NormBonusGate"); }

 private:
  void Say(const char* name) {
    if (!names.empty()) names += ' ';
    names += name;
  }
};

skein_segment_desc TinyDesc(uint32_t generation) {
  skein_segment_desc desc = {};
  desc.num_layers = 2;
  desc.model.generation = generation;
  desc.model.num_layers = 2;
  desc.model.d_model = desc.model.d_att = 8;
  desc.model.num_heads = 2;
  desc.model.head_size = 4;
  desc.model.d_ffn = 16;
  return desc;
}

// The ops of the whole segment.
template <typename Generation>
std::string OpsOf(const skein_segment_desc& desc) {
  const NamedOps::Matrix matrix;
  const NamedOps::EmbeddingRows embedding;
  typename Generation::template Weights<NamedOps::Matrix, NamedOps::EmbeddingRows> weights;
  weights.Visit(desc, [&](uint32_t, uint32_t, auto*& tensor, const VectorForm& = {}) {
    if constexpr (std::is_assignable_v<decltype(tensor), const NamedOps::Matrix*>) tensor = &matrix;
    if constexpr (std::is_assignable_v<decltype(tensor), const NamedOps::EmbeddingRows*>) tensor = &embedding;
  });
  RowDealer dealer(nullptr, 0);
  const typename Generation::Activations act(desc.model, 0, dealer);
  NamedOps ops;
  RunSegment<Generation>(ops, weights, act);
  return ops.names;
}

TEST(EquationsTest, EveryGenerationRunsWithoutMemoryOrDevice) {
  const std::string channel_mix = " NormShift Multiply Multiply GatedAdd";
  const std::string layer4 = "NormShift Multiply Wkv4 Multiply" + channel_mix;
  EXPECT_EQ(OpsOf<Rwkv4>(TinyDesc(4)), layer4 + " " + layer4);
  const std::string layer5 = "NormShift Multiply Wkv5 NormGate Multiply" + channel_mix;
  EXPECT_EQ(OpsOf<Rwkv5>(TinyDesc(5)), layer5 + " " + layer5);
  const std::string layer6 =
      "NormShift Multiply Multiply DataShift Multiply Multiply Decay6 Wkv5 NormGate Multiply" + channel_mix;
  EXPECT_EQ(OpsOf<Rwkv6>(TinyDesc(6)), layer6 + " " + layer6);
}

TEST(EquationsTest, TheFirstLayerOfRwkv7HasNoValueResidual) {
  const std::string channel_mix = " NormShift Multiply Multiply";
  EXPECT_EQ(OpsOf<Rwkv7>(TinyDesc(7)),
            "NormShift Multiply Multiply Decay7 Keys Wkv7 NormBonusGate Multiply" + channel_mix +
                " NormShift Multiply Multiply Decay7 Keys ValueResidual Wkv7 NormBonusGate Multiply" + channel_mix);
}

TEST(EquationsTest, OnlyASegmentWithTheEndsEmbedsAndGivesLogits) {
  skein_segment_desc ends = TinyDesc(7);
  ends.num_layers = 0;
  ends.flags = SKEIN_SEGMENT_EMBEDDING;
  EXPECT_EQ(OpsOf<Rwkv7>(ends), "Embed");
  ends.flags = SKEIN_SEGMENT_HEAD;
  EXPECT_EQ(OpsOf<Rwkv7>(ends), "NormOutputs Logits");
}

}  // namespace
}  // namespace skein::kit
