// What every lowering rule shares: errors, and the rules of the common cases.
#include "wengert/lowering.h"

#include "compile/lower.h"

namespace wengert {

namespace compile {

Error AtNode(const Error& e, const std::string& origin) {
  if (!e.op_name().empty() || origin.empty()) return e;
  const std::string message = e.what();
  // Python's own exceptions say nothing of nodes.
  if (e.kind() < ErrorKind::kCancelled) return Error(e.kind(), message, origin);
  return Error(e.kind(), message + "\n\t [[{{node " + origin + "}}]]", origin);
}

}  // namespace compile

void LoweringContext::Fail(const std::string& message) const {
  throw compile::AtNode(InvalidArgument(message), op.name());
}

namespace lowering_rules {

LoweringFn Unary(ScalarOp op) {
  return [op](LoweringContext& c) { c.set(c.b.Map(op, c.x())); };
}

LoweringFn Binary(ScalarOp op) {
  return [op](LoweringContext& c) { c.set(c.b.Map(op, c.x(0), c.x(1))); };
}

void Forward(LoweringContext& c) {
  c.out = c.in;
}

void Nothing(LoweringContext& c) {
  c.out.clear();
}

}  // namespace lowering_rules

}  // namespace wengert
