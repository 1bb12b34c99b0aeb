#include "ops/binary_gradients.h"

#include <string>

#include "ops/broadcast_gradient.h"
#include "wengert/builder.h"

namespace wengert::binary_gradients {
namespace {

Grad Negated(Builder& b, const Grad& grad) {
  if (!grad.is_slices()) return b.Negative(grad.tensor());
  IndexedSlices slices = grad.slices();
  slices.values = b.Negative(slices.values);
  return slices;
}

// 1 where x is not 0, else 0, in the dtype of x.
Tensor IsNonZero(Builder& b, const Tensor& x) {
  Tensor zero;
  {
    Builder::Scope scope = b.NameScope("Cast");
    zero = b.Constant(Array::FromDouble(DType::kFloat32, 0.0), "x");
    if (x.dtype() != DType::kFloat32) {
      zero = b.Op("Cast", {zero}, {{"DstT", x.dtype()}}, scope.path());
    }
  }
  const Tensor mask = b.Op("NotEqual", {x, zero});
  return b.Cast(mask, x.dtype());
}

// Ones of the shape of x as a Fill, whatever is known of the shape.
Tensor FilledOnes(Builder& b, const Tensor& x) {
  Builder::Scope scope = b.NameScope("ones_like");
  Tensor shape;
  if (x.shape().fully_defined()) {
    const Dims& dims = x.shape().dims();
    Builder::Scope inner = b.NameScope("Shape");
    shape = b.Constant(Array::Vector(std::vector<int32_t>(dims.begin(), dims.end())),
                       "shape_as_tensor");
  } else {
    shape = b.ShapeOf(x);
  }
  const Tensor one = b.Constant(Array::FromDouble(x.dtype(), 1.0));
  const Tensor ones = b.Op("Fill", {shape, one}, {}, scope.path());
  b.graph().SetShape(ones, x.shape());
  return ones;
}

// A tape asks for the first gradient only, and y, a scalar, cannot have stretched x.
bool OnlyFirst(const GradientContext& g) {
  const Shape& y = g.x(1).shape();
  return !g.wants(1) && y.has_rank() && y.rank() == 0;
}

// The rules below whose axes are always decided at run time.
struct DynamicSum {
  Builder& b;
  Tensor sx, sy;
  BroadcastAxes axes;

  explicit DynamicSum(GradientContext& g) : b(g.b) {
    sx = b.ShapeOf(g.x(0));
    sy = b.ShapeOf(g.x(1));
    axes = BroadcastGradientArgs(b, sx, sy);
  }
  std::vector<Grad> Finish(const Grad& dz, const Tensor& partial_x, const Tensor& partial_y) {
    const Tensor gx = GradOp(b, "Mul", {partial_x, dz}, "mul");
    const Tensor dx = SumAndReshape(b, gx, axes.x, sx);
    const Tensor gy = GradOp(b, "Mul", {partial_y, dz}, "mul");
    const Tensor dy = SumAndReshape(b, gy, axes.y, sy);
    return {dx, dy};
  }
};

// z = x / y: dx = dz / y, dy = dz * (-x / y / y), the quotients made by `op` named `name`
std::vector<Grad> Quotient(GradientContext& g, const std::string& op, const std::string& name) {
  const Grad& dz = g.grad();
  const Tensor cx = g.b.Conj(g.x(0));
  const Tensor cy = g.b.Conj(g.x(1));
  const Tensor gx = GradOp(g.b, op, {dz, cy}, name);
  const Tensor negative = g.b.Negative(cx);
  const Tensor once = g.b.Op(op, {negative, cy}, {}, name);
  const Tensor twice = g.b.Op(op, {once, cy}, {}, name);
  const Tensor gy = GradOp(g.b, "Mul", {dz, twice}, "mul");
  return SumToShapes(g.b, g.x(0), g.x(1), gx, gy);
}

// z is x where `comparison`(x, y) holds, else y: dz goes to the one that was chosen
std::vector<Grad> Choice(GradientContext& g, const std::string& comparison) {
  const Grad& dz = g.grad();
  Tensor zeros;
  if (dz.is_slices()) {
    Builder::Scope scope = g.b.NameScope("zeros_like");
    zeros = g.b.ZerosLike(g.b.Dense(dz, "tensor"), scope.path());
  } else {
    zeros = g.b.ZerosLike(dz.tensor());
  }
  const Tensor mask = g.b.Op(comparison, {g.x(0), g.x(1)});
  Grad gx, gy;
  if (g.wants(0)) gx = GradOp(g.b, "SelectV2", {mask, dz, zeros});
  if (OnlyFirst(g)) return {gx, Grad()};
  if (g.wants(1)) gy = GradOp(g.b, "SelectV2", {mask, zeros, dz});
  return SumToShapes(g.b, g.x(0), g.x(1), gx, gy);
}

}  // namespace

// z = x + y: dx = dz, dy = dz
std::vector<Grad> Add(GradientContext& g) {
  const Grad& dz = g.grad();
  if (OnlyFirst(g)) return {dz, Grad()};
  if (SameKnownShape(g.x(0), g.x(1), dz)) return {dz, dz};
  return SumToShapes(g.b, g.x(0), g.x(1), g.wants(0) ? dz : Grad(), g.wants(1) ? dz : Grad());
}

// z = x - y: dx = dz, dy = -dz
std::vector<Grad> Sub(GradientContext& g) {
  const Grad& dz = g.grad();
  if (OnlyFirst(g)) return {dz, Grad()};
  if (SameKnownShape(g.x(0), g.x(1), dz)) return {dz, Negated(g.b, dz)};
  const Grad negative = g.wants(1) ? Negated(g.b, dz) : Grad();
  return SumToShapes(g.b, g.x(0), g.x(1), g.wants(0) ? dz : Grad(), negative);
}

// z = x y: dx = dz conj(y), dy = conj(x) dz
std::vector<Grad> Mul(GradientContext& g) {
  const Grad& dz = g.grad();
  const Tensor x = g.x(0), y = g.x(1);
  const DType dtype = dz.dtype();
  if (OnlyFirst(g)) return {GradOp(g.b, "Mul", {dz, g.b.Conj(y)}), Grad()};
  if (SameKnownShape(x, y, dz) && (dtype == DType::kFloat32 || dtype == DType::kInt32)) {
    const Tensor dx = GradOp(g.b, "Mul", {dz, y});
    const Tensor dy = GradOp(g.b, "Mul", {dz, x});
    return {dx, dy};
  }
  Grad gx, gy;
  if (g.wants(0)) gx = GradOp(g.b, "Mul", {dz, g.b.Conj(y)});
  if (g.wants(1)) gy = GradOp(g.b, "Mul", {g.b.Conj(x), dz});
  return SumToShapes(g.b, x, y, gx, gy);
}

// z = x y, 0 where y is 0: dx = dz y and dy = x dz by the same product
std::vector<Grad> MulNoNan(GradientContext& g) {
  const Grad& dz = g.grad();
  const Tensor x = g.x(0), y = g.x(1);
  const Tensor gx = GradOp(g.b, "MulNoNan", {dz, y});
  const Tensor gy = GradOp(g.b, "MulNoNan", {x, dz});
  if (SameKnownShape(x, y, dz)) return {gx, gy};
  return SumToShapes(g.b, x, y, gx, gy);
}

std::vector<Grad> Div(GradientContext& g) {
  return Quotient(g, "RealDiv", "truediv");
}

std::vector<Grad> RealDiv(GradientContext& g) {
  return Quotient(g, "RealDiv", "RealDiv");
}

std::vector<Grad> DivNoNan(GradientContext& g) {
  return Quotient(g, "DivNoNan", "div_no_nan");
}

// z = x - y floor(x / y): dx = dz, dy = -dz floor(x / y)
std::vector<Grad> FloorMod(GradientContext& g) {
  const Grad& dz = g.grad();
  const Tensor quotient = g.b.Op("FloorDiv", {g.x(0), g.x(1)});
  const Tensor negative = g.b.Negative(quotient);
  const Tensor gy = GradOp(g.b, "Mul", {dz, negative}, "mul");
  return SumToShapes(g.b, g.x(0), g.x(1), dz, gy);
}

// z = x^y: dx = dz y x^(y-1), dy = dz z log(x), where the logarithm counts as 0 outside its
// domain (x <= 0; for complex x only x = 0)
std::vector<Grad> Pow(GradientContext& g) {
  const Grad& dz = g.grad();
  const Tensor x = g.x(0), y = g.x(1);
  const Tensor cx = g.b.Conj(x);
  const Tensor cy = g.b.Conj(y);
  Grad gx, gy;
  if (g.wants(0)) {
    const Tensor scaled = GradOp(g.b, "Mul", {dz, cy}, "mul");
    const Tensor exponent = g.b.Subtract(cy, 1);
    const Tensor power = g.b.Op("Pow", {cx, exponent});
    gx = g.b.Multiply(scaled, power);
  }
  if (OnlyFirst(g)) return {gx, Grad()};
  if (g.wants(1)) {
    const Tensor mask =
        IsComplex(x.dtype()) ? g.b.Op("NotEqual", {cx, 0}) : g.b.Op("Greater", {cx, 0});
    const Tensor ones = FilledOnes(g.b, x);
    const Tensor safe_x = g.b.Op("Select", {mask, cx, ones});
    const Tensor log = g.b.Op("Log", {safe_x});
    const Tensor zeros = g.b.ZerosLike(x);
    const Tensor log_x = g.b.Op("Select", {mask, log, zeros});
    const Tensor z = g.b.Conj(g.y());
    const Tensor dz_z = GradOp(g.b, "Mul", {dz, z}, "mul");
    gy = g.b.Multiply(dz_z, log_x);
  }
  return SumToShapes(g.b, x, y, gx, gy);
}

std::vector<Grad> Maximum(GradientContext& g) {
  return Choice(g, "GreaterEqual");
}

std::vector<Grad> Minimum(GradientContext& g) {
  return Choice(g, "LessEqual");
}

// z = (x - y)^2: dx = 2 dz (x - y), dy = -dx
std::vector<Grad> SquaredDifference(GradientContext& g) {
  const Grad& dz = g.grad();
  const Tensor x = g.x(0), y = g.x(1);
  Tensor gx;
  {
    Builder::Controls after = g.b.ControlDependencies({Producer(dz)});
    const Tensor two = g.b.Constant(Array::FromDouble(dz.dtype(), 2.0), "scalar");
    Grad twice;
    if (dz.is_slices()) {
      IndexedSlices slices = dz.slices();
      slices.values = g.b.Op("Mul", {two, slices.values});
      twice = slices;
    } else {
      twice = g.b.Op("Mul", {two, dz.tensor()});
    }
    const Tensor difference = g.b.Subtract(x, y);
    gx = GradOp(g.b, "Mul", {twice, difference}, "mul");
  }
  if (OnlyFirst(g)) return {gx, Grad()};
  if (SameKnownShape(x, y, dz)) return {gx, g.b.Negative(gx)};
  const Grad gy = g.wants(1) ? Grad(g.b.Negative(gx)) : Grad();
  return SumToShapes(g.b, x, y, g.wants(0) ? Grad(gx) : Grad(), gy);
}

// z = x / y, 0 where x is 0: dx = dz [x != 0] / y, dy = dz (-x / y^2)
std::vector<Grad> Xdivy(GradientContext& g) {
  const Grad& dz = g.grad();
  DynamicSum sum(g);
  Builder::Controls after = g.b.ControlDependencies({Producer(dz)});
  const Tensor partial_x = g.b.Op("Xdivy", {IsNonZero(g.b, g.x(0)), g.x(1)});
  const Tensor negative = g.b.Negative(g.x(0));
  const Tensor square = g.b.Pow(g.x(1), 2);
  const Tensor partial_y = g.b.Op("Xdivy", {negative, square});
  return sum.Finish(dz, partial_x, partial_y);
}

// z = x log(y), 0 where x is 0: dx = dz [x != 0] log(y), dy = dz x / y
std::vector<Grad> Xlogy(GradientContext& g) {
  const Grad& dz = g.grad();
  DynamicSum sum(g);
  Builder::Controls after = g.b.ControlDependencies({Producer(dz)});
  const Tensor partial_x = g.b.Op("Xlogy", {IsNonZero(g.b, g.x(0)), g.x(1)});
  const Tensor partial_y = g.b.Op("Xdivy", {g.x(0), g.x(1)});
  return sum.Finish(dz, partial_x, partial_y);
}

// z = x log(1 + y), 0 where x is 0: dx = dz [x != 0] log(1 + y), dy = dz x / (1 + y)
std::vector<Grad> Xlog1py(GradientContext& g) {
  const Grad& dz = g.grad();
  DynamicSum sum(g);
  Builder::Controls after = g.b.ControlDependencies({Producer(dz)});
  const Tensor partial_x = g.b.Op("Xlog1py", {IsNonZero(g.b, g.x(0)), g.x(1)});
  const Tensor shifted = g.b.Add(g.x(1), 1.0);
  const Tensor partial_y = g.b.Op("Xdivy", {g.x(0), shifted});
  return sum.Finish(dz, partial_x, partial_y);
}

// z = atan2(y, x) with y the first argument: dy = dz x / (x^2 + y^2), dx = dz (-y) / (x^2 + y^2)
std::vector<Grad> Atan2(GradientContext& g) {
  const Grad& dz = g.grad();
  const Tensor y = g.x(0), x = g.x(1);
  Builder::Controls after = g.b.ControlDependencies({Producer(dz)});
  const Tensor y2 = g.b.Op("Square", {y});
  const Tensor x2 = g.b.Op("Square", {x});
  const Tensor norm = g.b.Add(y2, x2);
  const Tensor scaled = GradOp(g.b, "RealDiv", {dz, norm}, "truediv");
  const Tensor gy = g.b.Multiply(x, scaled);
  const Tensor negative = g.b.Negative(y);
  const Tensor gx = g.b.Multiply(negative, scaled);
  return SumToShapes(g.b, y, x, gy, gx);
}

// z = the neighbour of x towards y: dx = dz, dy = 0
std::vector<Grad> NextAfter(GradientContext& g) {
  const Grad& dz = g.grad();
  DynamicSum sum(g);
  Builder::Controls after = g.b.ControlDependencies({Producer(dz)});
  const Tensor partial_x = g.b.Ones(sum.sx, g.x(0).dtype());
  const Tensor partial_y = g.b.Zeros(sum.sy, g.x(1).dtype());
  return sum.Finish(dz, partial_x, partial_y);
}

std::vector<Grad> CopyToAll(GradientContext& g) {
  return std::vector<Grad>(static_cast<size_t>(g.op->num_inputs()), g.grad());
}

std::vector<Grad> NoneForBoth(GradientContext&) {
  return {Grad(), Grad()};
}

}  // namespace wengert::binary_gradients
