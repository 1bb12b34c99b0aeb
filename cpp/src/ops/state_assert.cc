// Assert: an error at run time unless its condition holds.
#include <algorithm>
#include <complex>
#include <sstream>

#include "ops/state_util.h"
#include "wengert/error.h"

namespace wengert {
namespace {

void AppendElement(std::ostringstream& out, const Array& a, int64_t i) {
  if (a.dtype() == DType::kString) {
    out << a.strings()[static_cast<size_t>(i)];
  } else if (a.dtype() == DType::kComplex64) {
    out << a.data<std::complex<float>>()[i];
  } else if (a.dtype() == DType::kComplex128) {
    out << a.data<std::complex<double>>()[i];
  } else if (IsFloating(a.dtype())) {
    out << a.AsDouble(i);
  } else if (IsPlainData(a.dtype())) {
    out << a.AsInt(i);
  } else {
    out << '?';
  }
}

// At most `limit` elements (all when negative) in the order of memory, nested brackets.
std::string Summary(const Array& a, int64_t limit) {
  std::ostringstream out;
  const int64_t shown = limit < 0 ? a.size() : std::min(limit, a.size());
  auto brackets = [&](int64_t at, char which) {
    int64_t block = 1;
    for (int d = a.rank() - 1; d >= 0; --d) {
      block *= a.dims()[static_cast<size_t>(d)];
      if (block > 0 && at % block == 0) out << which;
    }
  };
  for (int64_t i = 0; i < shown; ++i) {
    if (i > 0) out << ' ';
    brackets(i, '[');
    AppendElement(out, a, i);
    brackets(i + 1, ']');
  }
  if (shown < a.size()) out << "...";
  return out.str();
}

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
      message += (i > 1 ? " [" : "[") + Summary(in[i], limit) + "]";
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
