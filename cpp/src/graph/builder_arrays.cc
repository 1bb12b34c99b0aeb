// Builder: constants, shapes and movement.
#include "graph/builder_literals.h"
#include "wengert/builder.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

// From this size on TensorFlow fills at run time instead of storing a constant.
constexpr int64_t kFillSize = 1000;

Array One(DType dtype) {
  return Array::FromDouble(dtype, 1.0);
}

// tf.zeros and tf.ones: `shape` holds copies of the scalar `value`.
Tensor Filled(Builder& b, const In& shape, const Array& value, const std::string& name) {
  if (IsLiteral(shape)) {
    Dims dims;
    const auto* ints = std::get_if<std::vector<int64_t>>(&shape.value());
    dims = ints ? *ints : LiteralValue(shape, DType::kInt64).AsInts();
    const int64_t size = NumElements(dims);
    if (size < kFillSize) {
      Array full(value.dtype(), dims);
      for (int64_t i = 0; i < size; ++i) {
        if (value.dtype() == DType::kString) {
          full.strings()[static_cast<size_t>(i)] = value.strings()[0];
        } else {
          const size_t element = SizeOf(value.dtype());
          std::memcpy(full.data<char>() + static_cast<size_t>(i) * element, value.raw(), element);
        }
      }
      return b.Constant(full, name);
    }
    const Builder::Scope scope = b.NameScope(name);
    const Tensor lengths = Convert(b, In(dims), "shape_as_tensor");
    const Tensor scalar = b.Constant(value);
    return b.Fill(lengths, scalar, scope.path());
  }
  const Builder::Scope scope = b.NameScope(name);
  Tensor lengths = Convert(b, shape, "packed");
  if (lengths.shape().has_rank() && lengths.shape().rank() == 0) {
    lengths = b.Reshape(lengths, std::vector<int64_t>{-1});
  }
  const Tensor scalar = b.Constant(value);
  return b.Fill(lengths, scalar, scope.path());
}

Array IntsOf(DType dtype, const std::vector<int64_t>& values) {
  return LiteralValue(In(values), dtype);
}

}  // namespace

Tensor Builder::Constant(const Array& value, const std::string& name) {
  if (!value.valid()) throw ValueError("a constant needs a value");
  AttrMap attrs;
  attrs.reserve(2);
  attrs["dtype"] = Attr(value.dtype());
  attrs["value"] = Attr(value);
  static const OpDef* const def = OpRegistry::Global().Find("Const");
  return graph_.AddOperation({"Const", name, {}, {}, std::move(attrs), def})->output(0);
}

Tensor Builder::Placeholder(DType dtype, const Shape& shape, const std::string& name) {
  return graph_.AddOperation({"Placeholder", name, {}, {}, {{"dtype", dtype}, {"shape", shape}}})
      ->output(0);
}

Tensor Builder::Identity(Tensor x, const std::string& name) {
  return Op("Identity", {x}, {}, name);
}

Tensor Builder::Reshape(Tensor x, In shape, const std::string& name) {
  return Op("Reshape", {x, std::move(shape)}, {}, name);
}

Tensor Builder::Transpose(Tensor x, In perm, const std::string& name) {
  return Op("Transpose", {x, std::move(perm)}, {}, name);
}

Tensor Builder::ExpandDims(Tensor x, In axis, const std::string& name) {
  return Op("ExpandDims", {x, std::move(axis)}, {}, name);
}

Tensor Builder::Squeeze(Tensor x, std::vector<int64_t> axes, const std::string& name) {
  return Op("Squeeze", {x}, {{"squeeze_dims", std::move(axes)}}, name);
}

Tensor Builder::Stack(std::vector<In> xs, int64_t axis, const std::string& name) {
  if (axis == 0) return Convert(*this, In(std::move(xs)), name);
  return Op("Pack", {In(std::move(xs))}, {{"axis", axis}}, name);
}

Tensor Builder::Concat(std::vector<In> xs, In axis, const std::string& name) {
  if (xs.size() != 1) return Op("ConcatV2", {In(std::move(xs)), std::move(axis)}, {}, name);
  const Scope scope(graph_, name);
  Convert(*this, axis, "concat_dim", DType::kInt32);
  return Identity(Convert(*this, xs[0], "values_0"), name);
}

Tensor Builder::Tile(Tensor x, In multiples, const std::string& name) {
  return Op("Tile", {x, std::move(multiples)}, {}, name);
}

Tensor Builder::Fill(In dims, In value, const std::string& name) {
  return Op("Fill", {std::move(dims), std::move(value)}, {}, name);
}

Tensor Builder::BroadcastTo(Tensor x, In shape, const std::string& name) {
  return Op("BroadcastTo", {x, std::move(shape)}, {}, name);
}

Tensor Builder::Where(Tensor condition, In x, In y, const std::string& name) {
  return Op("SelectV2", {condition, std::move(x), std::move(y)}, {}, name);
}

Tensor Builder::Gather(Tensor params, In indices, In axis, const std::string& name) {
  return Op("GatherV2", {params, std::move(indices), std::move(axis)}, {}, name);
}

Tensor Builder::ShapeOf(Tensor x, DType out_type, bool optimize, const std::string& name) {
  if (optimize && x.shape().fully_defined()) {
    return Constant(IntsOf(out_type, x.shape().dims()), name);
  }
  return Op("Shape", {x}, {{"out_type", out_type}}, name);
}

Tensor Builder::SizeOf(Tensor x, DType out_type, bool optimize, const std::string& name) {
  if (optimize && x.shape().has_rank()) {
    int64_t size = x.shape().num_elements();
    for (int64_t d : x.shape().dims()) {
      if (d == 0) size = 0;
    }
    if (size >= 0) return Constant(LiteralValue(In(size), out_type), name);
  }
  return Op("Size", {x}, {{"out_type", out_type}}, name);
}

Tensor Builder::RankOf(Tensor x, bool optimize, const std::string& name) {
  if (optimize && x.shape().has_rank()) {
    return Constant(Array::Scalar<int32_t>(x.shape().rank()), name);
  }
  return Op("Rank", {x}, {}, name);
}

Tensor Builder::ZerosLike(Tensor x, const std::string& name) {
  if (x.shape().fully_defined() && x.dtype() != DType::kVariant && x.dtype() != DType::kResource) {
    return Zeros(In(x.shape().dims()), x.dtype(), name);
  }
  return Op("ZerosLike", {x}, {}, name);
}

Tensor Builder::OnesLike(Tensor x, const std::string& name) {
  if (x.shape().fully_defined()) return Ones(In(x.shape().dims()), x.dtype(), name);
  return Op("OnesLike", {x}, {}, name);
}

Tensor Builder::Zeros(In shape, DType dtype, const std::string& name) {
  return Filled(*this, shape, Array::Zeros(dtype, {}), name);
}

Tensor Builder::Ones(In shape, DType dtype, const std::string& name) {
  return Filled(*this, shape, One(dtype), name);
}

Tensor Builder::StridedSlice(Tensor x, In begin, In end, In strides, int64_t begin_mask,
                             int64_t end_mask, int64_t shrink_axis_mask, const std::string& name) {
  const Scope scope(graph_, name);
  Tensor parts[] = {Convert(*this, begin, "stack"), Convert(*this, end, "stack"),
                    Convert(*this, strides, "stack")};
  bool wide = false;
  for (const Tensor& part : parts) wide |= part.dtype() == DType::kInt64;
  if (wide) {
    for (Tensor& part : parts) part = Cast(part, DType::kInt64);
  }
  return Op(
      "StridedSlice", {x, parts[0], parts[1], parts[2]},
      {{"begin_mask", begin_mask}, {"end_mask", end_mask}, {"shrink_axis_mask", shrink_axis_mask}},
      scope.path());
}

}  // namespace wengert
