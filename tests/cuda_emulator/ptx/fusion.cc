#include "fusion.h"

#include <cmath>
#include <map>
#include <set>
#include <string_view>

#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

struct ProductPlus {
  float operator()(float x, float y, float z) const { return std::fma(x, y, z); }
};
struct ProductMinus {
  float operator()(float x, float y, float z) const { return std::fma(x, y, -z); }
};
struct MinusProduct {
  float operator()(float x, float y, float z) const { return std::fma(-x, y, z); }
};

// Registers that more than one instruction writes: what they hold at a place is not told by the text.
std::set<std::string_view> WrittenTwice(const Body& body) {
  std::map<std::string_view, int> counts;
  for (const Statement& statement : body.statements) {
    if (statement.operands.empty()) continue;
    const Operand& target = statement.operands[0];
    ++counts[target.text];
    for (const Operand& element : target.elements) ++counts[element.text];
  }
  std::set<std::string_view> names;
  for (const auto& [name, count] : counts) {
    if (count > 1) names.insert(name);
  }
  return names;
}

}  // namespace

size_t FuseProducts(const Body& body, Program& program) {
  const std::set<std::string_view> unsure = WrittenTwice(body);
  std::map<std::string_view, const Instruction*> products;
  size_t num_fused = 0, index = 0;
  for (const Statement& statement : body.statements) {
    if (!statement.label.empty()) {
      products.clear();
      continue;
    }
    Instruction& instruction = program.code[index++];
    const auto& operands = statement.operands;
    const auto is_sure = [&](size_t i) { return !unsure.contains(operands[i].text); };
    if (statement.opcode == "mul.f32" && statement.guard.empty() && is_sure(0) && is_sure(1) && is_sure(2)) {
      products[operands[0].text] = &instruction;
    } else if (statement.opcode == "add.f32" || statement.opcode == "sub.f32") {
      const bool is_first = products.contains(operands[1].text);
      const auto product = products.find(operands[is_first ? 1 : 2].text);
      if (product == products.end()) continue;
      const Place other = instruction.operands[is_first ? 2 : 1];
      instruction.operands[1] = product->second->operands[1];
      instruction.operands[2] = product->second->operands[2];
      instruction.operands[3] = other;
      instruction.handler = statement.opcode == "add.f32" ? Elementwise<ProductPlus, float, float, float, float>
                            : is_first                    ? Elementwise<ProductMinus, float, float, float, float>
                                                          : Elementwise<MinusProduct, float, float, float, float>;
      ++num_fused;
    }
  }
  return num_fused;
}

}  // namespace skein::emulator::ptx
