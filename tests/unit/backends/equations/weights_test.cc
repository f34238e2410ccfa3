// The tensors that the weights of a generation list, against the one list of roles: a generation asks for every tensor
// of its versions and for no other.
#include <map>
#include <utility>

#include "gtest/gtest.h"
#include "kit/tensor_intake.h"
#include "numbers/roles.h"
#include "tests/unit/numbers/tiny_dimensions.h"

namespace skein::kit {
namespace {

skein_segment_desc WholeModel(VersionSet version) {
  skein_segment_desc desc = {};
  desc.struct_size = sizeof(desc);
  desc.flags = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;
  desc.model = skein::testing::TinyDimensions(version);
  desc.num_layers = desc.model.num_layers;
  return desc;
}

TEST(WeightsTest, AGenerationListsTheTensorsOfItsVersions) {
  for (const Version& version : kVersions) {
    const skein_segment_desc desc = WholeModel(version.bit);
    std::map<std::pair<uint32_t, uint32_t>, const RoleInfo*> missing;
    for (const skein::ExpectedTensor& tensor : skein::ExpectedTensors(desc.model)) {
      missing[{tensor.role->role, tensor.layer}] = tensor.role;
    }
    for (const ExpectedTensor& tensor : ExpectedTensors(desc)) {
      const auto found = missing.find({tensor.role, tensor.layer});
      ASSERT_NE(found, missing.end()) << TensorName(tensor.role, tensor.layer) << " in RWKV-" << version.generation;
      EXPECT_EQ(tensor.shape, RoleShape(*found->second, desc.model)) << TensorName(tensor.role, tensor.layer);
      EXPECT_EQ(tensor.use != Use::kVector, found->second->is_matrix) << TensorName(tensor.role, tensor.layer);
      missing.erase(found);
    }
    EXPECT_TRUE(missing.empty()) << TensorName(missing.begin()->first.first, missing.begin()->first.second)
                                 << " is not listed by RWKV-" << version.generation;
  }
}

}  // namespace
}  // namespace skein::kit
