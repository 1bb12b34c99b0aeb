#include "autodiff/zeros.h"

namespace wengert::autodiff {

Tensor HandleZeros(Builder& b, const Tensor& handle, const HandleData& data) {
  if (!data.shape.fully_defined()) {
    return b.Zeros(b.Op("VariableShape", {handle}), data.dtype);
  }
  std::vector<int32_t> dims(data.shape.dims().begin(), data.shape.dims().end());
  return b.Zeros(b.Constant(Array::Vector(dims)), data.dtype);
}

Tensor UnconnectedZeros(Builder& b, const Tensor& x) {
  if (x.dtype() != DType::kResource) return b.ZerosLike(x);
  std::optional<HandleData> data = GetHandleData(x);
  if (!data) {
    throw ValueError("Cannot make a zero gradient for the resource '" + x.name() +
                     "': the type of its value is not known");
  }
  return HandleZeros(b, x, *data);
}

}  // namespace wengert::autodiff
