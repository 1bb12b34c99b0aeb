#include "wengert/gradients.h"

namespace wengert {

namespace {

std::optional<HandleData> FromAttrs(const Operation& op) {
  const Attr* dtypes = op.FindAttr("_handle_dtypes");
  const Attr* shapes = op.FindAttr("_handle_shapes");
  if (dtypes != nullptr && shapes != nullptr && dtypes->is<std::vector<DType>>() &&
      shapes->is<std::vector<Shape>>() && dtypes->as<std::vector<DType>>().size() == 1 &&
      shapes->as<std::vector<Shape>>().size() == 1) {
    return HandleData{dtypes->as<std::vector<DType>>()[0], shapes->as<std::vector<Shape>>()[0]};
  }
  const Attr* dtype = op.FindAttr("dtype");
  const Attr* shape = op.FindAttr("shape");
  if (op.num_inputs() == 0 && dtype != nullptr && shape != nullptr && dtype->is<DType>() &&
      shape->is<Shape>() && dtype->as<DType>() != DType::kResource) {
    return HandleData{dtype->as<DType>(), shape->as<Shape>()};
  }
  return std::nullopt;
}

}  // namespace

std::optional<HandleData> GetHandleData(const Tensor& handle) {
  Tensor t = handle;
  while (t && t.dtype() == DType::kResource) {
    if (std::optional<HandleData> data = FromAttrs(*t.op)) return data;
    if (t.op->num_inputs() == 0) {
      if (!t.graph().captured_from) return std::nullopt;
      t = t.graph().captured_from(t).value_or(Tensor{});
    } else if (t.index < t.op->num_inputs() && t.op->num_inputs() == t.op->num_outputs()) {
      t = t.op->input(t.index);  // Identity, IdentityN
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

void SetHandleData(Operation* placeholder, const HandleData& data) {
  placeholder->SetAttr("_handle_dtypes", std::vector<DType>{data.dtype});
  placeholder->SetAttr("_handle_shapes", std::vector<Shape>{data.shape});
}

}  // namespace wengert
