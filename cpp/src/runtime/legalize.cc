#include "runtime/legalize.h"

#include <utility>

#include "wengert/error.h"

namespace wengert::runtime {
namespace {

using namespace compile;  // the primitives

bool Is16BitFloat(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

// Strides with which an operand of `dims` is read over `space`, NumPy broadcasting.
Dims BroadcastStrides(const Dims& dims, const Dims& space) {
  Dims strides(space.size(), 0);
  int64_t stride = 1;
  for (size_t k = 0; k < dims.size(); ++k) {
    const size_t from = dims.size() - 1 - k;
    const size_t to = space.size() - 1 - k;
    if (dims[from] != 1) strides[to] = stride;
    stride *= dims[from];
  }
  return strides;
}

DType ResultOf(ScalarOp op, DType dtype) {
  switch (op) {
    case ScalarOp::kIsNan:
    case ScalarOp::kIsInf:
    case ScalarOp::kIsFinite:
    case ScalarOp::kEqual:
    case ScalarOp::kNotEqual:
    case ScalarOp::kLess:
    case ScalarOp::kLessEqual:
    case ScalarOp::kGreater:
    case ScalarOp::kGreaterEqual:
      return DType::kBool;
    case ScalarOp::kReal:
    case ScalarOp::kImag:
    case ScalarOp::kArg:
    case ScalarOp::kComplexAbs:
      return RealDType(dtype);
    case ScalarOp::kComplex:
      return dtype == DType::kFloat64 ? DType::kComplex128 : DType::kComplex64;
    default:
      return dtype;
  }
}

class Legalizer {
 public:
  explicit Legalizer(const Program& program) : in_(program) {
    out_.values = program.values;
    out_.outputs = program.outputs;
    out_.num_inputs = program.num_inputs;
    out_.num_resources = program.num_resources;
    out_.nodes.reserve(program.nodes.size());
  }

  Program Run() {
    for (const Node& node : in_.nodes) Visit(node);
    return std::move(out_);
  }

 private:
  void Emit(Primitive prim, std::vector<Value> inputs, std::vector<Value> outputs) {
    out_.nodes.push_back({std::move(prim), std::move(inputs), std::move(outputs), *origin_});
  }

  Fused NewFused(const Dims& space, const std::vector<Value>& inputs) const {
    Fused fused;
    fused.space = space;
    for (Value v : inputs) {
      fused.operands.push_back({v, 0, BroadcastStrides(out_.info(v).dims, space)});
    }
    return fused;
  }

  static int AddInstr(Fused* fused, FusedInstr instr) {
    fused->instrs.push_back(instr);
    return static_cast<int>(fused->operands.size() + fused->instrs.size()) - 1;
  }
  static int AddCast(Fused* fused, int reg, DType from, DType to) {
    FusedInstr cast;
    cast.is_cast = true;
    cast.dtype = from;
    cast.result = to;
    cast.args[0] = reg;
    return AddInstr(fused, cast);
  }

  void EmitCast(Value x, Value y) {
    Fused fused = NewFused(out_.info(y).dims, {x});
    const DType from = out_.info(x).dtype, to = out_.info(y).dtype;
    FusedOutput output;
    output.reg = from == to ? 0 : AddCast(&fused, 0, from, to);
    fused.outputs.push_back(output);
    Emit(std::move(fused), {x}, {y});
  }
  Value Widen(Value x) {
    if (!Is16BitFloat(out_.info(x).dtype)) return x;
    Value wide = out_.NewValue(DType::kFloat32, Dims(out_.info(x).dims));
    EmitCast(x, wide);
    return wide;
  }

  void VisitMap(const Node& node, ScalarOp op) {
    const Dims& space = out_.info(node.outputs[0]).dims;
    Fused fused = NewFused(space, node.inputs);
    FusedInstr instr;
    instr.op = op;
    const DType operand = out_.info(node.inputs.back()).dtype;
    instr.dtype = Is16BitFloat(operand) ? DType::kFloat32 : operand;
    instr.result = ResultOf(op, instr.dtype);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const DType dtype = out_.info(node.inputs[i]).dtype;
      const int reg = static_cast<int>(i);
      instr.args[i] = Is16BitFloat(dtype) ? AddCast(&fused, reg, dtype, DType::kFloat32) : reg;
    }
    FusedOutput output;
    output.reg = AddInstr(&fused, instr);
    const DType result = out_.info(node.outputs[0]).dtype;
    if (Is16BitFloat(result)) output.reg = AddCast(&fused, output.reg, instr.result, result);
    fused.outputs.push_back(output);
    Emit(std::move(fused), node.inputs, node.outputs);
  }

  void VisitReduce(const Node& node, const Reduce& reduce) {
    const Value x = node.inputs[0], y = node.outputs[0];
    const ValueInfo info = out_.info(x);
    Fused fused = NewFused(info.dims, {x});
    FusedOutput output;
    output.reg = 0;
    output.reduce = !reduce.axes.empty();
    output.op = reduce.op;
    output.axes = reduce.axes;
    const bool half = Is16BitFloat(info.dtype);
    if (half) output.reg = AddCast(&fused, 0, info.dtype, DType::kFloat32);
    fused.outputs.push_back(output);
    if (!half) {
      Emit(std::move(fused), {x}, {y});
      return;
    }
    Value wide = out_.NewValue(DType::kFloat32, Dims(out_.info(y).dims));
    Emit(std::move(fused), {x}, {wide});
    EmitCast(wide, y);
  }

  // The node over float32, its floating outputs narrowed again.
  void VisitWidened(const Node& node) {
    std::vector<Value> inputs, outputs;
    for (Value v : node.inputs) inputs.push_back(Widen(v));
    for (Value v : node.outputs) {
      outputs.push_back(Is16BitFloat(out_.info(v).dtype)
                            ? out_.NewValue(DType::kFloat32, Dims(out_.info(v).dims))
                            : v);
    }
    Emit(node.prim, std::move(inputs), outputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i] != node.outputs[i]) EmitCast(outputs[i], node.outputs[i]);
    }
  }

  bool NeedsWidening(const Node& node) const {
    const bool computes =
        std::holds_alternative<MatMul>(node.prim) || std::holds_alternative<Scan>(node.prim) ||
        std::holds_alternative<ArgReduce>(node.prim) || std::holds_alternative<TopK>(node.prim) ||
        (std::holds_alternative<Scatter>(node.prim) &&
         std::get<Scatter>(node.prim).op != ScatterOp::kSet);
    return computes && Is16BitFloat(out_.info(node.inputs[0]).dtype);
  }

  void Visit(const Node& node) {
    origin_ = &node.origin;
    if (const Map* map = std::get_if<Map>(&node.prim)) {
      VisitMap(node, map->op);
    } else if (std::holds_alternative<CastTo>(node.prim)) {
      EmitCast(node.inputs[0], node.outputs[0]);
    } else if (const Reduce* reduce = std::get_if<Reduce>(&node.prim)) {
      VisitReduce(node, *reduce);
    } else if (NeedsWidening(node)) {
      VisitWidened(node);
    } else {
      out_.nodes.push_back(node);
    }
  }

  const Program& in_;
  Program out_;
  const compile::Origin* origin_ = nullptr;
};

}  // namespace

compile::Program Legalize(const compile::Program& program) {
  return Legalizer(program).Run();
}

kernels::KDType KernelType(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return kernels::kF32;
    case DType::kFloat64:
      return kernels::kF64;
    case DType::kInt8:
      return kernels::kI8;
    case DType::kInt16:
      return kernels::kI16;
    case DType::kInt32:
      return kernels::kI32;
    case DType::kInt64:
      return kernels::kI64;
    case DType::kUInt8:
      return kernels::kU8;
    case DType::kUInt16:
      return kernels::kU16;
    case DType::kUInt32:
      return kernels::kU32;
    case DType::kUInt64:
      return kernels::kU64;
    case DType::kBool:
      return kernels::kBool;
    case DType::kComplex64:
      return kernels::kC64;
    case DType::kComplex128:
      return kernels::kC128;
    case DType::kFloat16:
      return kernels::kF16;
    case DType::kBFloat16:
      return kernels::kBF16;
    default:
      return kernels::kNumKDTypes;
  }
}

size_t KernelSize(kernels::KDType type) {
  static constexpr size_t kSizes[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 8, 16, 2, 2, 0};
  return kSizes[type];
}

}  // namespace wengert::runtime
