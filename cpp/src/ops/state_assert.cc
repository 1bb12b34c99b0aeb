// Assert: an error at run time unless its condition holds.
#include "ops/state_util.h"
#include "wengert/error.h"

namespace wengert {
namespace {

void LowerAssert(LoweringContext& c) {
  if (c.b.size(c.x(0)) != 1) c.Fail("In[0] should be a scalar");
  const int64_t limit = c.op.int_attr("summarize");
  KernelSpec spec;
  spec.name = "Assert";
  spec.stateful = true;
  spec.run = [limit](const std::vector<Array>& in, std::vector<Array>&) {
    if (in[0].data<bool>()[0]) return;
    std::string message = "assertion failed: ";
    for (size_t i = 1; i < in.size(); ++i) {
      message += (i > 1 ? " [" : "[") + SummaryOf(in[i], limit) + "]";
    }
    throw InvalidArgument(message);
  };
  c.b.Kernel(std::move(spec), c.in);
}

}  // namespace

void RegisterAssertOp(OpRegistry& r) {
  r.Op("Assert")
      .Input("condition: bool")
      .Input("data: T")
      .Attr("T: list(type) >= 1")
      .Attr("summarize: int = 3")
      .Stateful()
      .Doc("Fails with the data in its message unless the condition is true")
      .Shape(shape_rules::NoOutputs)
      .NotDifferentiable()
      .Lower(LowerAssert);
}

}  // namespace wengert
