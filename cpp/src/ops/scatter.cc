// Ops that write elements at computed indices.
#include "ops/index_util.h"

namespace wengert {
namespace {

using index_util::CheckScatterShapes;
using index_util::IgnoresBadIndices;
using index_util::kPolicy;

constexpr const char* kScatterT =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, bfloat16, uint16, "
    "complex128, half, uint32, uint64, bool}";

void ScatterIntoInput(ShapeContext& c) {
  c.WithRankAtLeast(1, 1);
  CheckScatterShapes(c, c.input(1), c.input(2), c.input(0));
  c.set_output(0, c.input(0));
}

Value Apply(const LoweringContext& c, ScatterOp op, Value into, Value indices, Value updates) {
  const bool ignore = IgnoresBadIndices(c.op.string_attr("bad_indices_policy"));
  if (c.b.dtype(into) != DType::kBool || op == ScatterOp::kSet) {
    return c.b.Scatter(op, into, indices, updates, ignore);
  }
  // The sum of truth values is "or".
  const Value sum = c.b.Scatter(ScatterOp::kMax, c.b.Cast(into, DType::kUInt8), indices,
                                c.b.Cast(updates, DType::kUInt8), ignore);
  return c.b.Cast(sum, DType::kBool);
}

LoweringFn Into(ScatterOp op) {
  return [op](LoweringContext& c) { c.set(Apply(c, op, c.x(0), c.x(1), c.x(2))); };
}

void LowerScatterNd(LoweringContext& c) {
  const Dims dims = op_util::VectorInts(c, 2, "Shape");
  for (int64_t d : dims) {
    if (d < 0) c.Fail("shape must not have negative lengths, got " + ToString(dims));
  }
  const Value zeros = op_util::Filled(c.b, c.dtype(1), 0, dims);
  c.set(Apply(c, ScatterOp::kAdd, zeros, c.x(0), c.x(1)));
}

Tensor GatherNd(GradientContext& g, const Tensor& from, const Tensor& indices) {
  return g.b.Op("GatherNd", {from, indices});
}

// z = x with z[i] set to u: dx is dz with zeros at i, du = dz[i].
std::vector<Grad> UpdateGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor dz = g.dy();
  const Tensor du = GatherNd(g, dz, g.x(1));
  const Tensor copy = b.Identity(dz);
  const Tensor zeros = b.ZerosLike(g.x(2));
  return {b.Op("TensorScatterUpdate", {copy, g.x(1), zeros}), {}, du};
}

// z = x with u added at i: dx = dz, du = dz[i].
std::vector<Grad> AddGradient(GradientContext& g) {
  const Tensor dz = g.dy();
  const Tensor du = GatherNd(g, dz, g.x(1));
  return {g.b.Identity(dz), {}, du};
}

// z = x with u taken away at i: dx = dz, du = -dz[i].
std::vector<Grad> SubGradient(GradientContext& g) {
  const Tensor dz = g.dy();
  const Tensor du = GatherNd(g, dz, g.x(1));
  const Tensor dx = g.b.Identity(dz);
  return {dx, {}, g.b.Negative(du)};
}

// z = max(x, u at i), or min: dz is shared equally among those that attain it.
std::vector<Grad> ExtremeGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor &x = g.x(0), &i = g.x(1), &u = g.x(2), z = g.y(), dz = g.dy();
  const AttrMap policy{{"bad_indices_policy", g.op->string_attr("bad_indices_policy")}};
  const Tensor x_hits = b.Cast(b.Op("Equal", {x, z}), dz.dtype());
  const Tensor z_at_i = b.Op("GatherNd", {z, i}, policy);
  const Tensor u_hits = b.Cast(b.Op("Equal", {u, z_at_i}), dz.dtype());
  const Tensor shape = b.ShapeOf(x, i.dtype());
  const Tensor hits = b.Add(x_hits, b.Op("ScatterNd", {i, u_hits, shape}, policy));
  const Tensor dx = b.TrueDiv(b.Multiply(dz, x_hits), hits);
  const Tensor share = b.TrueDiv(dz, hits);
  return {dx, {}, b.Multiply(b.Op("GatherNd", {share, i}, policy), u_hits)};
}

void RegisterTensorScatter(OpRegistry& r, const std::string& name, ScatterOp op,
                           GradientFn gradient, const char* doc) {
  r.Op(name)
      .Input("tensor: T")
      .Input("indices: Tindices")
      .Input("updates: T")
      .Output("output: T")
      .Attr("T: type")
      .Attr(op == ScatterOp::kSet ? "Tindices: {int16, int32, int64, uint16}"
                                  : "Tindices: {int32, int64}")
      .Attr(kPolicy)
      .Doc(doc)
      .Shape(ScatterIntoInput)
      .Gradient(std::move(gradient))
      .Lower(Into(op));
}

}  // namespace

void RegisterScatterOps(OpRegistry& r) {
  r.Op("ScatterNd")
      .Input("indices: Tindices")
      .Input("updates: T")
      .Input("shape: Tindices")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tindices: {int16, int32, int64}")
      .Attr(kPolicy)
      .Doc("Updates added into zeros of a given shape, at index vectors")
      .Shape([](ShapeContext& c) {
        const Shape into = c.input_as_shape(2);
        c.WithRankAtLeast(0, 1);
        CheckScatterShapes(c, c.input(0), c.input(1), into);
        c.set_output(0, into);
      })
      // z = zeros with u added at i: du = dz[i]
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {{}, GatherNd(g, g.dy(), g.x(0)), {}};
      })
      .Lower(LowerScatterNd);

  r.Op("ScatterNdNonAliasingAdd")
      .Input("input: T")
      .Input("indices: Tindices")
      .Input("updates: T")
      .Output("output: T")
      .Attr(kScatterT)
      .Attr("Tindices: {int32, int64}")
      .Attr(kPolicy)
      .Doc("Input with updates added at index vectors")
      .Shape(ScatterIntoInput)
      // z = x with u added at i: dx = dz, du = dz[i]
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const Tensor dz = g.dy();
        return {dz, {}, GatherNd(g, dz, g.x(1))};
      })
      .Lower(Into(ScatterOp::kAdd));

  RegisterTensorScatter(r, "TensorScatterUpdate", ScatterOp::kSet, UpdateGradient,
                        "Tensor with its elements at index vectors replaced by updates");
  RegisterTensorScatter(r, "TensorScatterAdd", ScatterOp::kAdd, AddGradient,
                        "Tensor with updates added at index vectors");
  RegisterTensorScatter(r, "TensorScatterSub", ScatterOp::kSub, SubGradient,
                        "Tensor with updates subtracted at index vectors");
  RegisterTensorScatter(r, "TensorScatterMax", ScatterOp::kMax, ExtremeGradient,
                        "Tensor with its elements at index vectors raised to updates");
  RegisterTensorScatter(r, "TensorScatterMin", ScatterOp::kMin, ExtremeGradient,
                        "Tensor with its elements at index vectors lowered to updates");
}

}  // namespace wengert
