#include "numbers/roles.h"

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "skein/dtype.h"
#include "tests/unit/numbers/tiny_dimensions.h"

namespace skein {
namespace {

using ::skein::testing::TinyDimensions;
using ::testing::ElementsAre;

// Every SKEIN_ROLE_* of the public header but NONE, by its number.
std::map<uint32_t, std::string> RolesOfTheHeader() {
  std::ifstream file(SKEIN_TESTS_DIR "/../sdk/include/skein/backend.h");
  std::stringstream text;
  text << file.rdbuf();
  const std::string header = text.str();
  const std::regex define(R"(#define SKEIN_ROLE_(\w+)[\s\\]+(\d+))");
  std::map<uint32_t, std::string> roles;
  for (auto i = std::sregex_iterator(header.begin(), header.end(), define); i != std::sregex_iterator(); ++i) {
    roles[static_cast<uint32_t>(std::stoul((*i)[2]))] = (*i)[1];
  }
  roles.erase(SKEIN_ROLE_NONE);
  return roles;
}

TEST(RolesTest, TheListHasTheRolesOfThePublicHeader) {
  std::map<uint32_t, std::string> listed;
  for (const RoleInfo& role : Roles()) listed[role.role] = role.symbol;
  EXPECT_EQ(listed, RolesOfTheHeader());
}

TEST(RolesTest, RowsOfARoleDifferInShapeAndVersionsAlone) {
  for (const RoleInfo& role : Roles()) {
    const RoleInfo& first = *FindRole(role.role);
    EXPECT_STREQ(role.symbol, first.symbol);
    EXPECT_STREQ(role.name, first.name);
    EXPECT_EQ(role.is_matrix, first.is_matrix) << role.symbol;
    EXPECT_EQ(role.per_layer, first.per_layer) << role.symbol;
    EXPECT_EQ(role.first_layer, first.first_layer) << role.symbol;
    EXPECT_TRUE(&role == &first || (role.versions & first.versions) == 0) << role.symbol;
  }
}

TEST(RolesTest, NoVersionHasANameTwice) {
  for (const Version& version : kVersions) {
    std::set<std::string> names;
    for (const ExpectedTensor& tensor : ExpectedTensors(TinyDimensions(version.bit))) {
      EXPECT_TRUE(names.insert(TensorName(tensor.role->role, tensor.layer)).second) << tensor.role->name;
    }
  }
}

TEST(RolesTest, MatricesHaveTwoDimensionsAndOnlyThey) {
  for (const RoleInfo& role : Roles()) {
    EXPECT_NE(role.dims[0], Dim::kNone) << role.symbol;
    const bool is_per_head = role.dims[0] == Dim::kHeads;  // a vector with two dimensions
    EXPECT_TRUE(is_per_head || role.is_matrix == (role.dims[1] != Dim::kNone)) << role.symbol;
  }
}

TEST(RolesTest, AVersionIsAGenerationAndItsVariant) {
  for (const Version& version : kVersions) EXPECT_EQ(VersionOf(TinyDimensions(version.bit)), version.bit);
  skein_backend_model model = TinyDimensions(kV52);
  model.variant = 3;
  EXPECT_EQ(VersionOf(model), 0u);
  model.generation = 6;
  EXPECT_EQ(VersionOf(model), 0u);
}

TEST(RolesTest, ARoleWhoseShapeDependsOnTheVersionHasTheShapeOfTheModels) {
  const auto shape_of = [](uint32_t role, VersionSet version) {
    const skein_backend_model model = TinyDimensions(version);
    return RoleShape(*FindRole(role, model), model);
  };
  EXPECT_THAT(shape_of(SKEIN_ROLE_V5_DECAY, kV51), ElementsAre(3));
  EXPECT_THAT(shape_of(SKEIN_ROLE_V5_DECAY, kV52), ElementsAre(3, 4));
  EXPECT_THAT(shape_of(SKEIN_ROLE_V5_BONUS, kV6), ElementsAre(3, 4));
  EXPECT_THAT(shape_of(SKEIN_ROLE_CHANNEL_KEY, kV4), ElementsAre(20, 8));
  EXPECT_THAT(shape_of(SKEIN_ROLE_V6_MIX_UP_G, kV6), ElementsAre(8, 2));
  EXPECT_THAT(shape_of(SKEIN_ROLE_V7_GATE_DOWN, kV7), ElementsAre(6, 8));
  EXPECT_EQ(FindRole(SKEIN_ROLE_V5_DECAY, TinyDimensions(kV6)), nullptr);
}

TEST(RolesTest, TensorsComeBeforeTheLayersThenLayerByLayerThenAfterThem) {
  const std::vector<ExpectedTensor> tensors = ExpectedTensors(TinyDimensions(kV7));
  ASSERT_EQ(tensors.size(), 6 + 2 * 33u - 3);
  EXPECT_EQ(TensorName(tensors[0].role->role, tensors[0].layer), "embedding");
  EXPECT_EQ(TensorName(tensors[3].role->role, tensors[3].layer), "layers.0.time_norm.weight");
  EXPECT_EQ(TensorName(tensors[3 + 30].role->role, tensors[3 + 30].layer), "layers.1.time_norm.weight");
  EXPECT_EQ(TensorName(tensors.back().role->role, tensors.back().layer), "head");
}

TEST(RolesTest, TheFirstLayerHasNoValueResidual) {
  for (const ExpectedTensor& tensor : ExpectedTensors(TinyDimensions(kV7))) {
    EXPECT_TRUE(tensor.layer > 0 || tensor.role->role != SKEIN_ROLE_V7_VALUE_BIAS);
  }
  EXPECT_FALSE(HasDim(kV7, Dim::kRankValue, 1));
  EXPECT_TRUE(HasDim(kV7, Dim::kRankValue, 2));
}

TEST(RolesTest, GenerationsHaveTheRanksOfTheirFactors) {
  const auto ranks_of = [](VersionSet version) {
    std::string fields;
    for (const Dim rank : kRanks) {
      if (HasDim(version, rank, 2)) fields += std::string(DimField(rank)) + " ";
    }
    return fields;
  };
  EXPECT_EQ(ranks_of(kV4), "");
  EXPECT_EQ(ranks_of(kV52), "");
  EXPECT_EQ(ranks_of(kV6), "rank_mix rank_decay ");
  EXPECT_EQ(ranks_of(kV7), "rank_decay rank_iclr rank_value rank_gate ");
}

TEST(RolesTest, LowRankFactorsAreMatricesWithARank) {
  EXPECT_TRUE(IsFactorRole(SKEIN_ROLE_V7_DECAY_UP));
  EXPECT_TRUE(IsFactorRole(SKEIN_ROLE_V6_MIX_DOWN_W));
  EXPECT_FALSE(IsFactorRole(SKEIN_ROLE_TIME_KEY));
  EXPECT_FALSE(IsFactorRole(SKEIN_ROLE_V7_DECAY_BIAS));
  EXPECT_FALSE(IsMatrixRole(SKEIN_ROLE_V7_BONUS));
  EXPECT_TRUE(IsMatrixRole(SKEIN_ROLE_EMBEDDING));
}

TEST(RolesTest, MatricesTakePanelsAndEverythingElseRows) {
  for (const uint32_t role : {SKEIN_ROLE_EMBEDDING, SKEIN_ROLE_OUTPUT_NORM_W, SKEIN_ROLE_V7_MIX_R, 9999}) {
    EXPECT_TRUE(RoleTakesLayout(role, SKEIN_LAYOUT_ROWS)) << role;
    EXPECT_FALSE(RoleTakesLayout(role, SKEIN_LAYOUT_PANELS)) << role;
  }
  for (const uint32_t role : {SKEIN_ROLE_HEAD, SKEIN_ROLE_TIME_KEY, SKEIN_ROLE_V7_GATE_UP}) {
    EXPECT_TRUE(RoleTakesLayout(role, SKEIN_LAYOUT_ROWS)) << role;
    EXPECT_TRUE(RoleTakesLayout(role, SKEIN_LAYOUT_PANELS)) << role;
  }
}

TEST(RolesTest, DimensionsHaveLetterFieldAndSize) {
  const skein_backend_model model = TinyDimensions(kV7);
  EXPECT_STREQ(DimName(Dim::kRankDecay), "R_w");
  EXPECT_STREQ(DimField(Dim::kRankDecay), "rank_decay");
  EXPECT_EQ(DimSize(Dim::kRankDecay, model), 3u);
  EXPECT_EQ(DimSize(Dim::kVocab, model), 5u);
  EXPECT_STREQ(DimName(Dim::kNone), "");
  EXPECT_EQ(DimSize(Dim::kNone, model), 1u);
}

TEST(RolesTest, ANumberThatIsNoRoleIsCalledSo) {
  EXPECT_EQ(FindRole(99), nullptr);
  EXPECT_STREQ(RoleSymbol(99), "UNKNOWN");
  EXPECT_EQ(TensorName(99, 3), "role 99");
  EXPECT_STREQ(RoleSymbol(SKEIN_ROLE_TIME_KEY), "TIME_KEY");
  EXPECT_EQ(TensorName(SKEIN_ROLE_TIME_KEY, 3), "layers.3.time.key");
}

}  // namespace
}  // namespace skein
