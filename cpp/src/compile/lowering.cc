// What every lowering rule shares: errors, and the rules of the common cases.
#include "wengert/lowering.h"

#include "compile/lower.h"

namespace wengert {

namespace compile {

Origin OriginOf(const Operation& op) {
  return {op.name(), op.location_id()};
}

Error AtNode(const Error& e, const Origin& origin) {
  if (!e.op_name().empty() || origin.name.empty()) return e;
  std::string message = e.what();
  // Python's own exceptions say nothing of nodes.
  if (e.kind() >= ErrorKind::kCancelled) message += "\n\t [[{{node " + origin.name.text() + "}}]]";
  // The operation may be one of many of this name: each function has its own.
  const std::string location = DescribeLocation(origin.location);
  if (!location.empty()) message += "\nDefined at: " + location;
  return Error(e.kind(), message, origin.name.text());
}

}  // namespace compile

void LoweringContext::Fail(const std::string& message) const {
  throw compile::AtNode(InvalidArgument(message), compile::OriginOf(op));
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
