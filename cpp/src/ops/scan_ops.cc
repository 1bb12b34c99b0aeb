// Running sums, products and log-sum-exps along an axis.
#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::IndexType;
using op_util::kNumericT;

LoweringFn Scan(ScanOp op) {
  return [op](LoweringContext& c) {
    const int rank = static_cast<int>(c.dims(0).size());
    const int64_t given = op_util::ScalarInt(c, 1, "ScanOp: axis");
    const std::optional<int> axis = op_util::WrapAxis(given, rank);
    if (!axis) {
      c.Fail("ScanOp: Expected scan axis in the range [" + std::to_string(-rank) + ", " +
             std::to_string(rank) + "), but got " + std::to_string(given));
    }
    const Value x = c.b.Cast(c.x(), op_util::AccumulatorType(c.dtype(0)));
    const Value y = c.b.Scan(op, x, *axis, c.op.bool_attr("exclusive"), c.op.bool_attr("reverse"));
    c.set(c.b.Cast(y, c.dtype(0)));
  };
}

// The attributes of a scan that runs the same way or the other way round.
AttrMap Direction(const Operation& op, bool turned) {
  return {{"exclusive", op.bool_attr("exclusive")}, {"reverse", op.bool_attr("reverse") != turned}};
}

// y_i = sum_{j <= i} x_j: dx_j = sum_{i >= j} dy_i
std::vector<Grad> CumsumGradient(GradientContext& g) {
  return {g.b.Op("Cumsum", {g.dy(), g.x(1)}, Direction(*g.op, true)), Grad()};
}

// y_i = prod_{j <= i} x_j: dx_j = (sum_{i >= j} y_i dy_i) / x_j, and 0 where x_j = 0
std::vector<Grad> CumprodGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor y = b.Op("Cumprod", {g.x(0), g.x(1)}, Direction(*g.op, false));
  const Tensor sum = b.Op("Cumsum", {b.Multiply(y, g.dy()), g.x(1)}, Direction(*g.op, true));
  return {b.Op("DivNoNan", {sum, g.x(0)}, {}, "div_no_nan"), Grad()};
}

// y_i = log sum_{j <= i} exp(x_j): dx_j = exp(x_j) sum_{i >= j} dy_i exp(-y_i). In logarithms,
// so that nothing overflows, and for the positive and the negative dy_i apart:
// exp(x_j + log sum_{i >= j} exp(log |dy_i| - y_i)).
std::vector<Grad> CumulativeLogsumexpGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor x = g.x(0), axis = g.x(1), y = g.y(), dy = g.dy();
  // Stands for log 0; finite, since infinities would meet and give NaN.
  double lowest = -3.4028234663852886e38;
  if (dy.dtype() == DType::kFloat64) lowest = -1.7976931348623157e308;
  if (dy.dtype() == DType::kFloat16) lowest = -65504;
  if (dy.dtype() == DType::kBFloat16) lowest = -3.3895313892515355e38;
  const In log_zero = In(Array::FromDouble(dy.dtype(), lowest));

  const Tensor positive = b.Op("Greater", {dy, 0});
  const Tensor log_positive = b.Op("SelectV2", {positive, b.Op("Log", {dy}), log_zero});
  const Tensor negative = b.Op("Less", {dy, 0});
  const Tensor log_negative = b.Op("SelectV2", {negative, b.Op("Log", {b.Negative(dy)}), log_zero});
  const auto part = [&](const Tensor& log_dy) {
    const Tensor sums =
        b.Op("CumulativeLogsumexp", {b.Subtract(log_dy, y), axis}, Direction(*g.op, true));
    return b.Op("Exp", {b.Add(sums, x)});
  };
  const Tensor up = part(log_positive);
  const Tensor down = part(log_negative);
  return {b.Subtract(up, down), Grad()};
}

}  // namespace

void RegisterScanOps(OpRegistry& r) {
  const auto define = [&r](const char* name, const char* type, const char* doc) -> OpDef& {
    return r.Op(name)
        .Input("x: T")
        .Input("axis: Tidx")
        .Output("out: T")
        .Attr("exclusive: bool = false")
        .Attr("reverse: bool = false")
        .Attr(type)
        .Attr(IndexType("Tidx"))
        .Doc(doc)
        .Shape(shape_rules::Unchanged);
  };
  define("Cumsum", kNumericT, "Running sum along an axis")
      .Gradient(CumsumGradient)
      .Lower(Scan(ScanOp::kSum));
  define("Cumprod", kNumericT, "Running product along an axis")
      .Gradient(CumprodGradient)
      .Lower(Scan(ScanOp::kProd));
  define("CumulativeLogsumexp", "T: {bfloat16, half, float, double}",
         "Running logarithm of the sum of exponentials along an axis")
      .Gradient(CumulativeLogsumexpGradient)
      .Lower(Scan(ScanOp::kLogSumExp));
}

}  // namespace wengert
