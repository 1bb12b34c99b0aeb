#include "compile/inner.h"

#include <algorithm>
#include <utility>

namespace wengert::compile {

void ChangeInner(Node& node, const std::function<Program(Program)>& change) {
  const auto replace = [&change](std::shared_ptr<const Program>& program) {
    program = std::make_shared<const Program>(change(*program));
  };
  if (auto* choice = std::get_if<CaseOf>(&node.prim)) {
    for (auto& branch : choice->branches) replace(branch);
  } else if (auto* loop = std::get_if<WhileLoop>(&node.prim)) {
    replace(loop->cond);
    replace(loop->body);
  }
}

void ForEachInner(const Node& node, const std::function<void(const Program&)>& visit) {
  if (const auto* choice = std::get_if<CaseOf>(&node.prim)) {
    for (const auto& branch : choice->branches) visit(*branch);
  } else if (const auto* loop = std::get_if<WhileLoop>(&node.prim)) {
    visit(*loop->cond);
    visit(*loop->body);
  }
}

bool HasInner(const Program& program) {
  return std::any_of(program.nodes.begin(), program.nodes.end(), [](const Node& node) {
    return std::holds_alternative<CaseOf>(node.prim) ||
           std::holds_alternative<WhileLoop>(node.prim);
  });
}

}  // namespace wengert::compile
