// Builder: arithmetic and reductions.
#include "graph/builder_literals.h"
#include "wengert/builder.h"

namespace wengert {
namespace {

// Dtype in which TensorFlow divides integers; kInvalid for those that need no cast.
DType DivisionType(DType dtype) {
  switch (dtype) {
    case DType::kUInt8:
    case DType::kInt8:
    case DType::kUInt16:
    case DType::kInt16:
      return DType::kFloat32;
    case DType::kUInt32:
    case DType::kInt32:
    case DType::kUInt64:
    case DType::kInt64:
      return DType::kFloat64;
    default:
      return DType::kInvalid;
  }
}

// The place of a dtype among those a range can be computed in; -1 for others.
int RangeOrder(DType dtype) {
  switch (dtype) {
    case DType::kInt32:
      return 0;
    case DType::kInt64:
      return 1;
    case DType::kFloat32:
      return 2;
    case DType::kFloat64:
      return 3;
    default:
      return -1;
  }
}

Tensor Reduce(Builder& b, const char* type, Tensor x, std::optional<In> axis, bool keep_dims,
              const std::string& name) {
  if (!axis) {
    const int rank = x.shape().has_rank() ? x.shape().rank() : 0;
    if (rank > 0) {
      std::vector<int32_t> all(static_cast<size_t>(rank));
      for (int i = 0; i < rank; ++i) all[static_cast<size_t>(i)] = i;
      axis = In(b.Constant(Array::Vector(all)));
    } else {
      // Also of a scalar: TensorFlow asks whether the rank is true.
      axis = In(b.Range(0, b.RankOf(x), 1));
    }
  }
  return b.Op(type, {x, *axis}, {{"keep_dims", keep_dims}}, name);
}

}  // namespace

Tensor Builder::Add(In x, In y, const std::string& name) {
  return Op("AddV2", {std::move(x), std::move(y)}, {}, name);
}

Tensor Builder::Subtract(In x, In y, const std::string& name) {
  return Op("Sub", {std::move(x), std::move(y)}, {}, name);
}

Tensor Builder::Multiply(In x, In y, const std::string& name) {
  return Op("Mul", {std::move(x), std::move(y)}, {}, name);
}

Tensor Builder::TrueDiv(In x, In y, const std::string& name) {
  DType dtype = FirstTensorType(x);
  if (dtype == DType::kInvalid) dtype = FirstTensorType(y);
  if (dtype == DType::kInvalid) dtype = NaturalType(x);
  const DType wide = DivisionType(dtype);
  if (wide == DType::kInvalid) return Op("RealDiv", {std::move(x), std::move(y)}, {}, name);
  const Scope scope(graph_, name);
  const Tensor dividend = Convert(*this, x, "x", dtype);
  const Tensor divisor = Convert(*this, y, "y", dtype);
  if (dividend.dtype() != divisor.dtype()) {
    throw TypeError(std::string("`x` and `y` must have the same dtype, got ") +
                    Name(dividend.dtype()) + " != " + Name(divisor.dtype()) + ".");
  }
  const Tensor wide_dividend = Cast(dividend, wide);
  const Tensor wide_divisor = Cast(divisor, wide);
  return Op("RealDiv", {wide_dividend, wide_divisor}, {}, scope.path());
}

Tensor Builder::FloorDivide(In x, In y, const std::string& name) {
  return Op("FloorDiv", {std::move(x), std::move(y)}, {}, name);
}

Tensor Builder::FloorMod(In x, In y, const std::string& name) {
  return Op("FloorMod", {std::move(x), std::move(y)}, {}, name);
}

Tensor Builder::Pow(In x, In y, const std::string& name) {
  return Op("Pow", {std::move(x), std::move(y)}, {}, name);
}

Tensor Builder::Cast(Tensor x, DType dtype, const std::string& name) {
  if (x.dtype() == dtype) return x;
  return Op("Cast", {x}, {{"DstT", dtype}}, name);
}

Tensor Builder::Conj(Tensor x) {
  return IsComplex(x.dtype()) || x.dtype() == DType::kVariant ? Op("Conj", {x}) : x;
}

Tensor Builder::MatMul(Tensor a, Tensor b, bool transpose_a, bool transpose_b,
                       const std::string& name) {
  const auto may_be_batch = [](const Tensor& t) {
    return !t.shape().has_rank() || t.shape().rank() > 2;
  };
  if (!may_be_batch(a) && !may_be_batch(b)) {
    return Op("MatMul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}}, name);
  }
  const Scope scope(graph_, name);
  // The batched op only knows the adjoint, which is the transpose of the conjugate.
  if (transpose_a) a = Conj(a);
  if (transpose_b) b = Conj(b);
  return Op("BatchMatMulV2", {a, b}, {{"adj_x", transpose_a}, {"adj_y", transpose_b}},
            scope.path());
}

Tensor Builder::Range(In start, In limit, In delta, const std::string& name) {
  const Scope scope(graph_, name);
  Tensor parts[] = {Convert(*this, start, "start"), Convert(*this, limit, "limit"),
                    Convert(*this, delta, "delta")};
  DType dtype = parts[0].dtype();
  for (const Tensor& part : parts) {
    if (RangeOrder(part.dtype()) > RangeOrder(dtype)) dtype = part.dtype();
  }
  for (Tensor& part : parts) part = Cast(part, dtype);
  return Op("Range", {parts[0], parts[1], parts[2]}, {}, scope.path());
}

Tensor Builder::ReduceSum(Tensor x, std::optional<In> axis, bool keep_dims,
                          const std::string& name) {
  return Reduce(*this, "Sum", x, std::move(axis), keep_dims, name);
}

Tensor Builder::ReduceProd(Tensor x, std::optional<In> axis, bool keep_dims,
                           const std::string& name) {
  return Reduce(*this, "Prod", x, std::move(axis), keep_dims, name);
}

Tensor Builder::ReduceMax(Tensor x, std::optional<In> axis, bool keep_dims,
                          const std::string& name) {
  return Reduce(*this, "Max", x, std::move(axis), keep_dims, name);
}

Tensor Builder::ReduceMean(Tensor x, std::optional<In> axis, bool keep_dims,
                           const std::string& name) {
  return Reduce(*this, "Mean", x, std::move(axis), keep_dims, name);
}

Tensor Builder::AddN(const std::vector<Tensor>& xs, const std::string& name) {
  if (xs.empty()) throw ValueError("inputs must be an iterable of at least one Tensor");
  // One addend needs no op, only its name when the caller chose one.
  if (xs.size() == 1) return name == "AddN" ? xs[0] : Identity(xs[0], name);
  return Op("AddN", {In(xs)}, {}, name);
}

}  // namespace wengert
