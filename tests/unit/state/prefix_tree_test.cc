#include "state/prefix_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace skein {
namespace {

using testing::ElementsAre;
using Tokens = std::vector<uint32_t>;

class PrefixTreeTest : public ::testing::Test {
 protected:
  StateRef NewState() {
    StateRef state = pool_->Acquire();
    EXPECT_FALSE(state.empty());
    return state;
  }
  PrefixNode& Put(const Tokens& tokens, const std::string& scope = "") {
    PrefixNode& node = tree_.NodeAt(scope, tokens);
    tree_.SetState(node, NewState());
    return node;
  }
  // The tokens that the longest state of a prefix has read.
  uint64_t NumInState(const Tokens& tokens, const std::string& scope = "") {
    const PrefixTree::Match match = tree_.Find(scope, tokens);
    return match.state == nullptr ? 0 : match.state->num_tokens;
  }
  void EvictOne() {
    PrefixNode* const least = tree_.FindLeast();
    ASSERT_NE(least, nullptr);
    tree_.TakeState(*least);
  }

  const std::shared_ptr<StatePool> pool_ = StatePool::Create(100);
  PrefixTree tree_;
};

TEST_F(PrefixTreeTest, FindsTheLongestPrefixWithAState) {
  Put({1, 2});
  Put({1, 2, 3, 4, 5});
  EXPECT_EQ(NumInState({1, 2, 3, 4, 5, 6}), 5u);
  EXPECT_EQ(NumInState({1, 2, 3, 4}), 2u);
  EXPECT_EQ(tree_.Find("", Tokens{1, 2, 3, 4}).num_known, 4u);
  EXPECT_EQ(tree_.Find("", Tokens{1, 2, 7}).num_known, 2u);
  EXPECT_EQ(NumInState({2}), 0u);
  EXPECT_EQ(NumInState({}), 0u);
}

TEST_F(PrefixTreeTest, ScopesShareNothing) {
  Put({1, 2, 3}, "a");
  EXPECT_EQ(NumInState({1, 2, 3}, "b"), 0u);
  EXPECT_EQ(tree_.Find("b", Tokens{1, 2, 3}).num_known, 0u);
  EXPECT_EQ(NumInState({1, 2, 3}, "a"), 3u);
}

TEST_F(PrefixTreeTest, TokensGoWithTheLastStateBelowThem) {
  PrefixNode& shorter = Put({1, 2, 3});
  PrefixNode& longer = Put({1, 2, 3, 4, 5});
  PrefixNode& branch = Put({1, 2, 3, 9});
  EXPECT_EQ(tree_.num_tokens(), 6u);
  tree_.TakeState(shorter);
  EXPECT_EQ(tree_.num_tokens(), 6u);
  tree_.TakeState(branch);
  EXPECT_EQ(tree_.num_tokens(), 5u);
  EXPECT_EQ(NumInState({1, 2, 3, 4, 5}), 5u);
  tree_.TakeState(longer);
  EXPECT_EQ(tree_.num_tokens(), 0u);
  EXPECT_EQ(tree_.num_states(), 0u);
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
}

TEST_F(PrefixTreeTest, ReaderHoldsItsPathAndIsFoundByThoseWhoShareIt) {
  PrefixReader first, second;
  tree_.AddReader(first, tree_.NodeAt("", Tokens{1, 2, 3, 4}));
  tree_.AddReader(second, tree_.NodeAt("", Tokens{1, 2, 8}));
  PrefixNode& junction = *PrefixTree::LeafOf(second)->parent();
  EXPECT_EQ(junction.num_tokens, 2u);
  EXPECT_EQ(junction.num_readers(), 2u);
  EXPECT_EQ(PrefixTree::FindReader(junction), nullptr) << "nobody has begun";
  first.is_reading = true;
  first.num_read = 1;
  EXPECT_EQ(PrefixTree::FindReader(junction), &first);
  first.num_read = 2;
  EXPECT_EQ(PrefixTree::FindReader(junction), nullptr) << "it has passed";
  second.is_reading = true;
  EXPECT_EQ(PrefixTree::FindReader(junction), &second);
  junction.promised_by = &second;
  tree_.RemoveReader(second);
  EXPECT_EQ(tree_.Find("", Tokens{1, 2, 8}).num_known, 2u);
  EXPECT_EQ(tree_.num_tokens(), 4u);
  tree_.RemoveReader(first);
  EXPECT_EQ(tree_.num_tokens(), 0u);
}

TEST_F(PrefixTreeTest, PromiseGoesWithItsReader) {
  PrefixReader reader;
  tree_.AddReader(reader, tree_.NodeAt("", Tokens{1, 2, 3, 4}));
  PrefixNode& junction = tree_.NodeAt("", Tokens{1, 2});
  junction.promised_by = &reader;
  Put({1, 2, 3, 4});
  tree_.RemoveReader(reader);
  EXPECT_EQ(junction.promised_by, nullptr);
}

TEST_F(PrefixTreeTest, StateThatSavesLeastGoesFirst) {
  Put({1, 2, 3, 4, 5, 6, 7, 8});
  Put({1, 2, 3, 4, 5, 6, 7, 8, 9});
  Put({5, 6, 7});
  EvictOne();
  EXPECT_EQ(NumInState({1, 2, 3, 4, 5, 6, 7, 8, 9}), 8u) << "its last token alone was saved";
  EvictOne();
  EXPECT_EQ(NumInState({5, 6, 7}), 0u);
  EvictOne();
  EXPECT_EQ(tree_.FindLeast(), nullptr);
}

TEST_F(PrefixTreeTest, StateBelowOneThatWentSavesMore) {
  PrefixNode& upper = Put({1, 2, 3, 4, 5, 6, 7, 8});
  Put({1, 2, 3, 4, 5, 6, 7, 8, 9});
  Put({5, 6, 7});
  tree_.TakeState(upper);
  EvictOne();
  EXPECT_EQ(NumInState({5, 6, 7}), 0u);
  EXPECT_EQ(NumInState({1, 2, 3, 4, 5, 6, 7, 8, 9}), 9u);
}

TEST_F(PrefixTreeTest, UseKeepsAStateAndDisuseAgesIt) {
  PrefixNode& used = Put({1, 2});
  Put({3, 4, 5});
  tree_.Use(used);
  EvictOne();
  EXPECT_EQ(NumInState({1, 2}), 2u);
  for (uint32_t i = 0; i < 10; ++i) {
    Put({10 + i, 1, 1});
    EvictOne();
  }
  EXPECT_EQ(NumInState({1, 2}), 0u) << "nobody has used it since";
}

TEST_F(PrefixTreeTest, DepthIsNoMatter) {
  constexpr uint32_t kDepth = 1'000'000;
  Tokens tokens(kDepth);
  for (uint32_t i = 0; i < kDepth; ++i) tokens[i] = i;
  for (uint32_t length = kDepth; length > kDepth - 90; --length) {
    Put(Tokens(tokens.begin(), tokens.begin() + length));
  }
  EXPECT_EQ(NumInState(tokens), kDepth);
  // A chain of as many nodes, which readers hold.
  std::vector<PrefixReader> readers(20'000);
  const absl::Span<const uint32_t> all(tokens);
  for (size_t i = 0; i < readers.size(); ++i) tree_.NodeAt("chain", all.first(readers.size() - i));
  tree_.AddReader(readers[0], tree_.NodeAt("chain", all.first(readers.size())));
  tree_.RemoveReader(readers[0]);
  EXPECT_EQ(tree_.num_tokens(), kDepth);
}

// The tree against a list of sequences and states.
class Model {
 public:
  explicit Model(uint32_t seed) : random_(seed) {}

  void Step() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        return Put();
      case 3:
        return Evict();
      case 4:
        return Read();
      case 5:
        return StopReading();
      case 6:
        return Use();
      default:
        return Look();
    }
  }
  void CheckSize() {
    std::set<std::pair<std::string, Tokens>> known;  // every prefix that something holds
    const auto add = [&known](const std::pair<std::string, Tokens>& path) {
      for (size_t i = 1; i <= path.second.size(); ++i)
        known.emplace(path.first, Tokens(path.second.begin(), path.second.begin() + static_cast<int>(i)));
    };
    for (const auto& [path, slot] : states_) add(path);
    for (const auto& [reader, path] : readers_) add(path);
    ASSERT_EQ(tree_.num_tokens(), known.size());
    ASSERT_EQ(tree_.num_states(), states_.size());
    ASSERT_EQ(pool_->num_slots() - pool_->num_free(), states_.size());
  }

 private:
  using Path = std::pair<std::string, Tokens>;

  // Few tokens and lengths, so that sequences share much.
  Path NewPath() {
    Path path = {random_() % 4 == 0 ? "b" : "a", {}};
    const size_t length = 1 + random_() % 12;
    for (size_t i = 0; i < length; ++i) path.second.push_back(random_() % 5 == 0 ? 1 : 0);
    return path;
  }
  uint64_t Longest(const Path& path, uint32_t* slot) const {
    for (size_t length = path.second.size(); length > 0; --length) {
      const auto found =
          states_.find({path.first, Tokens(path.second.begin(), path.second.begin() + static_cast<int>(length))});
      if (found == states_.end()) continue;
      *slot = found->second;
      return length;
    }
    return 0;
  }
  void Look() {
    const Path path = NewPath();
    const PrefixTree::Match match = tree_.Find(path.first, path.second);
    uint32_t slot = 0;
    const uint64_t length = Longest(path, &slot);
    ASSERT_EQ(match.state == nullptr ? 0 : match.state->num_tokens, length);
    if (length == 0) return;
    ASSERT_EQ(match.state->state.slot(), slot);
    ASSERT_EQ(tree_.PathOf(*match.state), Tokens(path.second.begin(), path.second.begin() + static_cast<int>(length)));
    ASSERT_GE(match.num_known, length);
  }
  void Put() {
    const Path path = NewPath();
    PrefixNode& node = tree_.NodeAt(path.first, path.second);
    ASSERT_EQ(node.has_state(), states_.contains(path));
    ASSERT_EQ(node.num_tokens, path.second.size());
    if (node.has_state()) return;
    StateRef state = pool_->Acquire();
    if (state.empty()) return tree_.Tidy(node);
    states_.emplace(path, state.slot());
    tree_.SetState(node, std::move(state));
  }
  void Evict() {
    PrefixNode* const least = tree_.FindLeast();
    ASSERT_EQ(least == nullptr, states_.empty());
    if (least == nullptr) return;
    const Tokens tokens = tree_.PathOf(*least);
    const uint32_t slot = least->state.slot();
    const auto in_list =
        std::find_if(states_.begin(), states_.end(), [slot](const auto& s) { return s.second == slot; });
    ASSERT_NE(in_list, states_.end());
    ASSERT_EQ(in_list->first.second, tokens);
    states_.erase(in_list);
    ASSERT_EQ(tree_.TakeState(*least).slot(), slot);
  }
  void Use() {
    const Path path = NewPath();
    const PrefixTree::Match match = tree_.Find(path.first, path.second);
    if (match.state != nullptr) tree_.Use(*match.state);
  }
  void Read() {
    if (readers_.size() > 10) return;
    const Path path = NewPath();
    auto reader = std::make_unique<PrefixReader>();
    reader->is_reading = random_() % 2 == 0;
    reader->num_read = random_() % (path.second.size() + 1);
    tree_.AddReader(*reader, tree_.NodeAt(path.first, path.second));
    CheckReaders(*PrefixTree::LeafOf(*reader), path);
    readers_.emplace_back(std::move(reader), path);
  }
  // Whether FindReader knows the readers of the path, as far as there are nodes.
  void CheckReaders(PrefixNode& leaf, const Path& path) {
    for (PrefixNode* node = &leaf; node != nullptr; node = node->parent()) {
      bool is_there = false;
      uint32_t num_readers = 1;
      const auto length = static_cast<std::ptrdiff_t>(node->num_tokens);
      for (const auto& [reader, other] : readers_) {
        if (other.first != path.first || other.second.size() < node->num_tokens) continue;
        if (!std::equal(path.second.begin(), path.second.begin() + length, other.second.begin())) continue;
        ++num_readers;
        is_there |= reader->is_reading && reader->num_read < node->num_tokens;
      }
      ASSERT_EQ(node->num_readers(), num_readers);
      ASSERT_TRUE(!is_there || PrefixTree::FindReader(*node) != nullptr);
    }
  }
  void StopReading() {
    if (readers_.empty()) return;
    const auto index = static_cast<std::ptrdiff_t>(random_() % readers_.size());
    tree_.RemoveReader(*readers_[static_cast<size_t>(index)].first);
    readers_.erase(readers_.begin() + index);
  }

  std::mt19937 random_;
  const std::shared_ptr<StatePool> pool_ = StatePool::Create(40);
  PrefixTree tree_;
  std::map<Path, uint32_t> states_;
  std::vector<std::pair<std::unique_ptr<PrefixReader>, Path>> readers_;
};

TEST(PrefixTreePropertyTest, AgreesWithAListOfSequences) {
  for (uint32_t seed = 0; seed < 10; ++seed) {
    Model model(seed);
    for (int i = 0; i < 20'000; ++i) {
      model.Step();
      if (i % 50 == 0) model.CheckSize();
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", operation " << i;
    }
  }
}

}  // namespace
}  // namespace skein
