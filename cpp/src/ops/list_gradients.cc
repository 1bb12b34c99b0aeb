#include "ops/list_rules.h"

namespace wengert::list_rules {

namespace {

AttrMap Element(const GradientContext& g) {
  return {{"element_dtype", g.op->type_attr("element_dtype")}};
}

// The shape of a tensor without its first length.
Tensor RowShape(Builder& b, const Tensor& t) {
  return b.Op("Slice", {b.ShapeOf(t), std::vector<int64_t>{1}, std::vector<int64_t>{-1}});
}

Tensor ShapeOfElements(Builder& b, const Tensor& list) {
  return b.Op("TensorListElementShape", {list}, {{"shape_type", DType::kInt32}});
}

}  // namespace

// l = rows(x): dx = stack(dl)
std::vector<Grad> FromTensorGradient(GradientContext& g) {
  const Shape& shape = g.x(0).shape();
  AttrMap attrs = Element(g);
  attrs["num_elements"] = shape.has_rank() && shape.rank() > 0 ? shape.dim(0) : int64_t{-1};
  return {g.b.Op("TensorListStack", {g.dy(), RowShape(g.b, g.x(0))}, std::move(attrs)), Grad()};
}

// y = stack(l): dl = rows(dy)
std::vector<Grad> StackGradient(GradientContext& g) {
  const Shape& shape = g.y().shape();
  In rows(-1);
  if (shape.has_rank() && shape.rank() > 0) {
    Dims dims(shape.dims().begin() + 1, shape.dims().end());
    rows = dims.empty() ? In(g.b.Constant(Array(DType::kInt32, {0}))) : In(std::move(dims));
  }
  return {g.b.Op("TensorListFromTensor", {g.dy(), std::move(rows)}, Element(g)), Grad()};
}

// l = pieces(x): dx = concat(dl)
std::vector<Grad> SplitGradient(GradientContext& g) {
  const Tensor rows = RowShape(g.b, g.x(0));
  const Tensor shape = g.b.Concat({In(std::vector<int64_t>{-1}), rows}, 0);
  return {g.b.Op("TensorListConcatV2", {g.dy(), shape, g.x(2)}, Element(g)), Grad(), Grad()};
}

// y, n = concat(l): dl = pieces of dy of lengths n
std::vector<Grad> ConcatGradient(GradientContext& g) {
  std::vector<Grad> grads(static_cast<size_t>(g.op->num_inputs()));
  grads[0] = g.b.Op("TensorListSplit", {g.dy(), ShapeOfElements(g.b, g.x(0)), g.y(1)}, Element(g));
  return grads;
}

// l[i_k] = x_k: dx_k = dl[i_k]
std::vector<Grad> ScatterGradient(GradientContext& g) {
  std::vector<Grad> grads(static_cast<size_t>(g.op->num_inputs()));
  grads[0] = g.b.Op("TensorListGather", {g.dy(), g.x(1), RowShape(g.b, g.x(0))}, Element(g));
  return grads;
}

// l' = l with l'[i_k] = x_k: dx_k = dl'[i_k], dl = dl' with zeros there
std::vector<Grad> ScatterIntoGradient(GradientContext& g) {
  const Tensor rows = RowShape(g.b, g.x(1));
  const Tensor dx = g.b.Op("TensorListGather", {g.dy(), g.x(2), rows}, Element(g));
  const Tensor zeros = g.b.ZerosLike(g.x(1));
  const Tensor dl =
      g.b.Op("TensorListScatterIntoExistingList", {g.dy(), zeros, g.x(2)}, Element(g));
  return {dl, dx, Grad()};
}

// y_k = l[i_k]: dl is zero but for dl[i_k] = dy_k
std::vector<Grad> GatherGradient(GradientContext& g) {
  const Tensor shape = ShapeOfElements(g.b, g.x(0));
  const Tensor length = g.b.Op("TensorListLength", {g.x(0)});
  const Tensor zeros = g.b.Op("TensorListReserve", {shape, length}, Element(g));
  const Tensor dl =
      g.b.Op("TensorListScatterIntoExistingList", {zeros, g.dy(), g.x(1)}, Element(g));
  return {dl, Grad(), Grad()};
}

// l' = l + [x]: dl, dx = pop(dl')
std::vector<Grad> PushBackGradient(GradientContext& g) {
  Operation* pop = g.b.AddOp("TensorListPopBack", {g.dy(), g.b.ShapeOf(g.x(1))}, Element(g));
  return {pop->output(0), pop->output(1)};
}

// l', y = pop(l): dl = dl' + [dy]
std::vector<Grad> PopBackGradient(GradientContext& g) {
  const Tensor dy = g.grad(1).none() ? g.b.ZerosLike(g.y(1)) : g.dy(1);
  return {g.b.Op("TensorListPushBack", {g.dy(0), dy}, Element(g)), Grad()};
}

// y = l[i]: dl is zero but for dl[i] = dy
std::vector<Grad> GetItemGradient(GradientContext& g) {
  const Tensor length = g.b.Op("TensorListLength", {g.x(0)});
  const Tensor shape = ShapeOfElements(g.b, g.x(0));
  const Tensor zeros = g.b.Op("TensorListReserve", {shape, length}, Element(g));
  return {g.b.Op("TensorListSetItem", {zeros, g.x(1), g.dy()}, Element(g)), Grad(), Grad()};
}

// l' = l with l'[i] = x: dx = dl'[i], dl = dl' with zero there, of the length of l
std::vector<Grad> SetItemGradient(GradientContext& g) {
  const Tensor zero = g.b.ZerosLike(g.x(2));
  Tensor dl = g.b.Op("TensorListSetItem", {g.dy(), g.x(1), zero}, Element(g));
  const Tensor dx = g.b.Op("TensorListGetItem", {g.dy(), g.x(1), g.b.ShapeOf(g.x(2))}, Element(g));
  if (g.op->bool_attr("resize_if_index_out_of_bounds")) {
    const Tensor length = g.b.Op("TensorListLength", {g.x(0)});
    dl = g.b.Op("TensorListResize", {dl, length});
  }
  return {dl, Grad(), dx};
}

// l' = l of another length: dl = dl' of the length of l
std::vector<Grad> ResizeGradient(GradientContext& g) {
  const Tensor length = g.b.Op("TensorListLength", {g.x(0)});
  return {g.b.Op("TensorListResize", {g.dy(), length}), Grad()};
}

// o = some(x): dx = value(do)
std::vector<Grad> OptionalFromValueGradient(GradientContext& g) {
  std::vector<DType> types;
  std::vector<Shape> shapes;
  for (const Tensor& t : g.op->inputs()) {
    types.push_back(t.dtype());
    shapes.push_back(t.shape());
  }
  Operation* value =
      g.b.AddOp("OptionalGetValue", {g.dy()}, {{"output_types", types}, {"output_shapes", shapes}});
  std::vector<Grad> grads;
  for (int i = 0; i < value->num_outputs(); ++i) grads.push_back(value->output(i));
  return grads;
}

// x = value(o): do = some(dx)
std::vector<Grad> OptionalGetValueGradient(GradientContext& g) {
  std::vector<Tensor> values;
  for (int i = 0; i < g.op->num_outputs(); ++i) {
    values.push_back(g.grad(i).none() ? g.b.ZerosLike(g.y(i)) : g.dy(i));
  }
  return {g.b.Op("OptionalFromValue", {In(values)})};
}

}  // namespace wengert::list_rules
