// TensorStridedSliceUpdate: a tensor with a slice of it replaced; the same for variables.
#include <string>

#include "ops/register.h"
#include "ops/shape_util.h"
#include "ops/slice_spec.h"
#include "ops/state_util.h"
#include "wengert/gradients.h"

namespace wengert {
namespace {

constexpr const char* kMasks[] = {"begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask",
                                  "shrink_axis_mask"};

AttrMap MaskAttrs(const Operation& op) {
  AttrMap out;
  for (const char* name : kMasks) out[name] = op.attr(name);
  return out;
}

// The flat positions that the slice takes, an index vector each, and the shape of the slice.
std::pair<Value, Dims> Positions(LoweringContext& c, const Dims& dims) {
  const Operation& op = c.op;
  const op_util::SliceMasks masks{op.int_attr(kMasks[0]), op.int_attr(kMasks[1]),
                                  op.int_attr(kMasks[2]), op.int_attr(kMasks[3]),
                                  op.int_attr(kMasks[4])};
  const op_util::SliceSpec spec =
      op_util::ResolveSlice(dims, op_util::VectorInts(c, 1, "begin"),
                            op_util::VectorInts(c, 2, "end"), op_util::VectorInts(c, 3, "strides"),
                            masks, [&c](const std::string& message) { c.Fail(message); });
  Dims begin, size, strides;
  for (const op_util::AxisSlice& s : spec.axes) {
    begin.push_back(s.size > 0 ? s.begin : 0);
    size.push_back(s.size);
    strides.push_back(s.size > 1 ? s.stride : 1);
  }
  const Value all = c.b.Reshape(c.b.Iota(DType::kInt64, NumElements(dims)), dims);
  const Value taken = c.b.Slice(all, begin, size, strides);
  return {c.b.Reshape(taken, {NumElements(size), 1}), spec.ResultShape().dims()};
}

// Whether `from` broadcasts to `to`.
bool Broadcasts(const Dims& from, const Dims& to) {
  if (from.size() > to.size()) return false;
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t a = from[from.size() - 1 - i], b = to[to.size() - 1 - i];
    if (a != b && a != 1) return false;
  }
  return true;
}

// `old` with the slice replaced by input 4.
Value Updated(LoweringContext& c, Value old) {
  const Dims dims = c.b.dims(old);
  const auto [at, shape] = Positions(c, dims);
  if (!Broadcasts(c.dims(4), shape)) {
    c.Fail("Cannot broadcast input shape " + ToString(c.dims(4)) + " into final shape " +
           ToString(shape));
  }
  const Value updates = c.b.Reshape(c.b.Broadcast(c.x(4), shape), {NumElements(shape)});
  const Value flat = c.b.Reshape(old, {NumElements(dims)});
  return c.b.Reshape(c.b.Scatter(ScatterOp::kSet, flat, at, updates), dims);
}

// y = x with a slice replaced by v: dx = dy with zeros there, dv = that slice of dy, summed
// where v was broadcast
std::vector<Grad> UpdateGradient(GradientContext& g) {
  Builder& b = g.b;
  const AttrMap masks = MaskAttrs(*g.op);
  const Tensor dy = g.dy();
  const Tensor taken = b.Op("StridedSlice", {dy, g.x(1), g.x(2), g.x(3)}, masks);
  const Tensor zeros = b.ZerosLike(taken);
  const Tensor dx = b.Op("TensorStridedSliceUpdate", {dy, g.x(1), g.x(2), g.x(3), zeros}, masks);
  const Tensor wide = b.ShapeOf(taken), narrow = b.ShapeOf(g.x(4));
  const Tensor axes = b.AddOp("BroadcastGradientArgs", {wide, narrow})->output(1);
  const Tensor sum = b.ReduceSum(taken, In(axes), true);
  return {dx, {}, {}, {}, b.Reshape(sum, narrow)};
}

}  // namespace

void RegisterSliceUpdateOp(OpRegistry& r) {
  OpDef& op = r.Op("TensorStridedSliceUpdate");
  op.Input("input: T")
      .Input("begin: Index")
      .Input("end: Index")
      .Input("strides: Index")
      .Input("value: T")
      .Output("output: T")
      .Attr(op_util::kAnyT)
      .Attr("Index: {int32, int64}")
      .Doc("A tensor whose slice [begin:end:strides] is replaced by a value that broadcasts to it")
      .Shape(shape_rules::Unchanged)
      .Gradient(UpdateGradient)
      .Lower([](LoweringContext& c) { c.set(Updated(c, c.x(0))); });
  for (const char* name : kMasks) op.Attr(std::string(name) + ": int = 0");
}

void RegisterResourceSliceOp(OpRegistry& r) {
  OpDef& op = r.Op("ResourceStridedSliceAssign");
  op.Input("ref: resource")
      .Input("begin: Index")
      .Input("end: Index")
      .Input("strides: Index")
      .Input("value: T")
      .Attr("T: type")
      .Attr("Index: {int32, int64}")
      .Stateful()
      .Doc("Sets the slice [begin:end:strides] of a variable to a value that broadcasts to it")
      .Shape(shape_rules::NoOutputs)
      .NoGradient()
      .Lower([](LoweringContext& c) {
        const Value old = c.b.ReadVariable(c.x(0), c.dtype(4));
        c.b.AssignVariable(c.x(0), Updated(c, old));
      });
  for (const char* name : kMasks) op.Attr(std::string(name) + ": int = 0");
}

}  // namespace wengert
