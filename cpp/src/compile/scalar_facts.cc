// Names, arities and dtypes of the scalar primitives, from scalar_ops.def.
#include <string_view>

#include "compile/program_builder.h"

namespace wengert::compile {
namespace {

struct Fact {
  const char* name;
  int arity;
  std::string_view group;
};

constexpr Fact kFacts[] = {
#define SCALAR_OP(name, arity, group) {#name, arity, #group},
#include "wengert/scalar_ops.def"
#undef SCALAR_OP
};

const Fact& Of(ScalarOp op) {
  return kFacts[static_cast<size_t>(op)];
}

}  // namespace

const char* ScalarName(ScalarOp op) {
  return Of(op).name;
}
int ScalarArity(ScalarOp op) {
  return Of(op).arity;
}

bool ScalarSupports(ScalarOp op, DType dtype) {
  const std::string_view group = Of(op).group;
  const bool is_float = dtype == DType::kFloat32 || dtype == DType::kFloat64;
  const bool is_int = IsInteger(dtype), is_complex = IsComplex(dtype);
  const bool is_bool = dtype == DType::kBool;
  if (group == "N") return is_float || is_int || is_complex;
  if (group == "R") return is_float || is_int;
  if (group == "F") return is_float;
  if (group == "FC") return is_float || is_complex;
  if (group == "B") return is_bool;
  if (group == "I") return is_int;
  if (group == "IB") return is_int || is_bool;
  if (group == "C") return is_complex;
  return is_float || is_int || is_complex || is_bool;  // NB
}

DType ScalarResult(ScalarOp op, DType operand) {
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
      return RealDType(operand);
    case ScalarOp::kComplex:
      return operand == DType::kFloat64 ? DType::kComplex128 : DType::kComplex64;
    default:
      return operand;
  }
}

bool ScalarCommutes(ScalarOp op) {
  switch (op) {
    case ScalarOp::kAdd:
    case ScalarOp::kMul:
    case ScalarOp::kEqual:
    case ScalarOp::kNotEqual:
    case ScalarOp::kAnd:
    case ScalarOp::kOr:
    case ScalarOp::kXor:
      return true;
    default:  // Maximum and Minimum differ in the sign of zero
      return false;
  }
}

const char* ReduceName(ReduceOp op) {
  constexpr const char* kNames[] = {"Sum", "Prod", "Max", "Min", "All", "Any"};
  return kNames[static_cast<size_t>(op)];
}

bool IsHalf(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

bool HasEffect(const Node& node) {
  if (std::holds_alternative<compile::AssignVariable>(node.prim)) return true;
  if (const auto* choice = std::get_if<CaseOf>(&node.prim)) return choice->effect;
  if (const auto* loop = std::get_if<WhileLoop>(&node.prim)) return loop->effect;
  const auto* kernel = std::get_if<CustomKernel>(&node.prim);
  return kernel && kernel->spec->stateful;
}

}  // namespace wengert::compile
