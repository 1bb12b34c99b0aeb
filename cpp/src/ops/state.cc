// Variables behind resource handles, and ops that exist for their effects.
#include <cstring>
#include <string>

#include "ops/register.h"
#include "ops/shape_util.h"
#include "ops/state_util.h"
#include "wengert/gradients.h"

namespace wengert {
namespace {

// Fails unless a value of that dtype and shape can be kept behind the handle.
void CheckHandle(ShapeContext& c, DType dtype, const Shape& value) {
  std::optional<HandleData> data = GetHandleData(c.input_tensor(0));
  if (!data) return;
  if (data->dtype != dtype) {
    c.Fail(std::string("Trying to assign variable with wrong dtype. Expected ") +
           SignatureName(data->dtype) + " got " + SignatureName(dtype));
  }
  c.MergeShapes(data->shape, value);
}

void AssignShape(ShapeContext& c) {
  CheckHandle(c, c.input_dtype(1), c.input(1));
}

void ReadShape(ShapeContext& c) {
  std::optional<HandleData> data = GetHandleData(c.input_tensor(0));
  if (!data) return;
  const DType dtype = c.attr("dtype").as<DType>();
  if (data->dtype != dtype) {
    c.Fail(std::string("Trying to read variable with wrong dtype. Expected ") +
           SignatureName(data->dtype) + " got " + SignatureName(dtype));
  }
  c.set_output(0, data->shape);
}

void LowerHandle(LoweringContext& c) {
  const std::string& container = c.op.string_attr("container");
  const std::string& shared = c.op.string_attr("shared_name");
  const std::string& name = shared.empty() ? c.op.name() : shared;
  c.set(c.b.NamedResource(container.empty() ? name : container + "/" + name,
                          c.op.type_attr("dtype"), c.op.attr("shape").as<Shape>()));
}

// Adds to, or subtracts from, the variable.
LoweringFn Update(ScalarOp op) {
  return [op](LoweringContext& c) {
    const Value old = c.b.ReadVariable(c.x(0), c.dtype(1));
    if (c.b.dims(old) != c.dims(1)) {
      c.Fail("Cannot update variable with shape " + ToString(c.b.dims(old)) +
             " using a Tensor with shape " + ToString(c.dims(1)) + ", shapes must be equal.");
    }
    c.b.AssignVariable(c.x(0), c.b.Map(op, old, c.x(1)));
  };
}

void LowerCountUpTo(LoweringContext& c) {
  const int64_t limit = c.op.int_attr("limit");
  const Value old = c.b.ReadVariable(c.x(0), c.op.type_attr("T"));
  if (!c.b.dims(old).empty()) {
    c.Fail("input is not a scalar: " + ToString(c.b.dims(old)));
  }
  KernelSpec spec;
  spec.name = "ResourceCountUpTo";
  spec.dtypes = {c.b.dtype(old)};
  spec.dims = {Dims{}};
  spec.run = [limit](const std::vector<Array>& in, std::vector<Array>& out) {
    if (in[0].AsInt(0) >= limit) {
      throw Error(ErrorKind::kOutOfRange, "Reached limit of " + std::to_string(limit));
    }
    std::memcpy(out[0].raw(), in[0].raw(), in[0].bytes());
  };
  const Value now = c.b.Kernel(std::move(spec), {old})[0];
  c.b.AssignVariable(c.x(0), c.b.Map(ScalarOp::kAdd, now, 1.0));
  c.set(now);
}

void LowerVariableShape(LoweringContext& c) {
  std::optional<HandleData> data = GetHandleData(c.op.input(0));
  if (!data) c.Fail("the type of the variable is not known");
  const Value value = c.b.ReadVariable(c.x(0), data->dtype);
  c.set(c.b.Constant(op_util::IntVector(c.op.type_attr("out_type"), c.b.dims(value))));
}

void RegisterVariables(OpRegistry& r) {
  r.Op("VarHandleOp")
      .Output("resource: resource")
      .Attr("container: string = ''")
      .Attr("shared_name: string = ''")
      .Attr("debug_name: string = ''")
      .Attr("dtype: type")
      .Attr("shape: shape")
      .Attr("allowed_devices: list(string) = []")
      .Stateful()
      .Doc("Handle of a variable, which is looked up or made by name")
      .Shape(shape_rules::Scalar)
      .NoGradient()
      .Lower(LowerHandle);

  r.Op("ReadVariableOp")
      .Input("resource: resource")
      .Output("value: dtype")
      .Attr("dtype: type")
      .Stateful()
      .Doc("The value of a variable")
      .Shape(ReadShape)
      // The gradient of the handle is that of the value, slices included.
      .Gradient([](GradientContext& g) -> std::vector<Grad> { return {g.grad()}; })
      .Lower([](LoweringContext& c) { c.set(c.b.ReadVariable(c.x(0), c.op.type_attr("dtype"))); });

  r.Op("AssignVariableOp")
      .Input("resource: resource")
      .Input("value: dtype")
      .Attr("dtype: type")
      .Attr("validate_shape: bool = false")
      .Stateful()
      .Doc("Sets a variable")
      .Shape(AssignShape)
      .NoGradient()
      .Lower([](LoweringContext& c) { c.b.AssignVariable(c.x(0), c.x(1)); });

  r.Op("AssignAddVariableOp")
      .Input("resource: resource")
      .Input("value: dtype")
      .Attr("dtype: type")
      .Stateful()
      .Doc("Adds to a variable")
      .Shape(AssignShape)
      .NoGradient()
      .Lower(Update(ScalarOp::kAdd));

  r.Op("AssignSubVariableOp")
      .Input("resource: resource")
      .Input("value: dtype")
      .Attr("dtype: type")
      .Stateful()
      .Doc("Subtracts from a variable")
      .Shape(AssignShape)
      .NoGradient()
      .Lower(Update(ScalarOp::kSub));

  r.Op("ResourceCountUpTo")
      .Input("resource: resource")
      .Output("output: T")
      .Attr("limit: int")
      .Attr("T: {int32, int64}")
      .Stateful()
      .Doc("The value of a counter, which is then increased; OutOfRange when it is the limit")
      .Shape(shape_rules::Scalar)
      .NoGradient()
      .Lower(LowerCountUpTo);

  r.Op("VarIsInitializedOp")
      .Input("resource: resource")
      .Output("is_initialized: bool")
      .Stateful()
      .Doc("Whether a variable has a value")
      .Shape(shape_rules::Scalar)
      .NotDifferentiable()
      .Lower([](LoweringContext& c) { c.set(c.b.IsInitialized(c.x(0))); });

  r.Op("VariableShape")
      .Input("input: resource")
      .Output("output: out_type")
      .Attr(op_util::IndexType("out_type"))
      .Stateful()
      .Doc("The shape of the value of a variable")
      .Shape([](ShapeContext& c) {
        std::optional<HandleData> data = GetHandleData(c.input_tensor(0));
        const bool known = data && data->shape.has_rank();
        c.set_output(0, Shape({known ? data->shape.rank() : kUnknownDim}));
      })
      .NotDifferentiable()
      .ShapeValue([](Graph&, const Tensor& t) -> std::optional<Shape> {
        std::optional<HandleData> data = GetHandleData(t.op->input(0));
        return data ? std::optional<Shape>(data->shape) : std::nullopt;
      })
      .Lower(LowerVariableShape);
}

}  // namespace

void RegisterStateOps(OpRegistry& r) {
  RegisterVariables(r);
  RegisterResourceScatterOps(r);
  RegisterResourceSliceOp(r);

  r.Op("NoOp")
      .Doc("Nothing: a place for control dependencies to meet")
      .Shape(shape_rules::NoOutputs)
      .NoGradient()
      .Lower(lowering_rules::Nothing);

  RegisterAssertOp(r);
  RegisterPrintOps(r);
}

}  // namespace wengert
