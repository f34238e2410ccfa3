#include "files/naming/adapter_name.h"

#include <gtest/gtest.h>

namespace skein {
namespace {

void ExpectName(const char* name, AdapterPart part, const char* stem, const char* adapter = "") {
  const AdapterName found = SplitAdapterName(name);
  EXPECT_EQ(found.part, part) << name;
  EXPECT_EQ(found.stem, stem) << name;
  EXPECT_EQ(found.adapter, adapter) << name;
}

TEST(AdapterNameTest, FactorsAreToldInEverySpelling) {
  ExpectName("blocks.0.att.key.lora_A", AdapterPart::kDown, "blocks.0.att.key");
  ExpectName("blocks.0.att.key.lora_A.weight", AdapterPart::kDown, "blocks.0.att.key");
  ExpectName("base_model.model.blocks.0.att.key.lora_B.default.weight", AdapterPart::kUp,
             "base_model.model.blocks.0.att.key", "default");
  ExpectName("emb.lora_embedding_A", AdapterPart::kEmbeddingDown, "emb");
  ExpectName("emb.lora_embedding_B.mine", AdapterPart::kEmbeddingUp, "emb", "mine");
  ExpectName("blk.0.time_mix_key.weight.lora_a", AdapterPart::kDown, "blk.0.time_mix_key.weight");
  ExpectName("blk.0.time_mix_key.weight.lora_b", AdapterPart::kUp, "blk.0.time_mix_key.weight");
  ExpectName("model.blocks.0.att.key.init_lora_A", AdapterPart::kInitialDown, "model.blocks.0.att.key");
  ExpectName("blocks.0.att.key.init_lora_B", AdapterPart::kInitialUp, "blocks.0.att.key");
}

TEST(AdapterNameTest, MagnitudesAndBlocksAreTold) {
  ExpectName("a.lora_magnitude_vector", AdapterPart::kMagnitude, "a");
  ExpectName("a.lora_magnitude_vector.default.weight", AdapterPart::kMagnitude, "a", "default");
  ExpectName("a.disha", AdapterPart::kInputBlocks, "a");
  ExpectName("a.bone", AdapterPart::kInputBlocks, "a");
  ExpectName("a.miss_block", AdapterPart::kOutputBlocks, "a");
  ExpectName("a.bone_block.default", AdapterPart::kOutputBlocks, "a", "default");
}

TEST(AdapterNameTest, OtherNamesReplaceATensorOfTheModel) {
  ExpectName("blocks.0.ln1.bias", AdapterPart::kReplacement, "blocks.0.ln1.bias");
  ExpectName("head.modules_to_save.weight", AdapterPart::kReplacement, "head.weight");
  ExpectName("head.modules_to_save.default.weight", AdapterPart::kReplacement, "head.weight");
  ExpectName("blocks.0.att.key.base_layer.weight", AdapterPart::kReplacement, "blocks.0.att.key.weight");
  ExpectName("head.original_module.weight", AdapterPart::kOriginal, "head.weight");
  ExpectName("", AdapterPart::kReplacement, "");
}

TEST(AdapterNameTest, ABiasOfAFactorIsNoPartThatIsKnown) {
  for (const char* name :
       {"a.lora_B.bias", "a.lora_B.default.bias", "a.lora_A.b.c.weight", "a.lora_E", "a.hada_w1_a"}) {
    ExpectName(name, AdapterPart::kReplacement, name);
  }
}

}  // namespace
}  // namespace skein
