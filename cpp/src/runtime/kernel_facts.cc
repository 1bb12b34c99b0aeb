#include "runtime/kernel_facts.h"

#include <cstring>
#include <limits>
#include <string>

#include "wengert/array.h"

namespace wengert::runtime {

const char* OpName(ScalarOp op) {
  static constexpr const char* kNames[] = {
#define SCALAR_OP(name, arity, group) #name,
#include "wengert/scalar_ops.def"
#undef SCALAR_OP
  };
  return kNames[static_cast<size_t>(op)];
}

double OpCost(ScalarOp op) {
  switch (op) {
    case ScalarOp::kExp:
    case ScalarOp::kExpm1:
    case ScalarOp::kLog:
    case ScalarOp::kLog1p:
    case ScalarOp::kSin:
    case ScalarOp::kCos:
    case ScalarOp::kTanh:
    case ScalarOp::kSigmoid:
    case ScalarOp::kSoftplus:
    case ScalarOp::kErf:
    case ScalarOp::kAtan:
      return 0.8;
    case ScalarOp::kTan:
    case ScalarOp::kAsin:
    case ScalarOp::kAcos:
    case ScalarOp::kSinh:
    case ScalarOp::kCosh:
    case ScalarOp::kAsinh:
    case ScalarOp::kAcosh:
    case ScalarOp::kAtanh:
    case ScalarOp::kErfc:
    case ScalarOp::kAtan2:
      return 1.5;
    case ScalarOp::kPow:
    case ScalarOp::kLgamma:
    case ScalarOp::kDigamma:
      return 5;
    case ScalarOp::kDiv:
    case ScalarOp::kFloorDiv:
    case ScalarOp::kFloorMod:
    case ScalarOp::kTruncMod:
    case ScalarOp::kSqrt:
    case ScalarOp::kRsqrt:
      return 0.4;
    default:
      return 0.08;
  }
}

kernels::ReduceKind KindOf(ReduceOp op) {
  return static_cast<kernels::ReduceKind>(op);
}

kernels::MapOp CombineOf(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return kernels::kMapAdd;
    case ReduceOp::kProd:
      return kernels::kMapMul;
    case ReduceOp::kMax:
      return kernels::kMapMaximum;
    case ReduceOp::kMin:
      return kernels::kMapMinimum;
    case ReduceOp::kAll:
      return kernels::kMapAnd;
    case ReduceOp::kAny:
      return kernels::kMapOr;
  }
  return kernels::kMapAdd;
}

void WriteIdentity(ReduceOp op, DType dtype, unsigned char* to) {
  double value = 0;
  if (op == ReduceOp::kProd || op == ReduceOp::kAll) value = 1;
  Array identity;
  const bool extreme = op == ReduceOp::kMax || op == ReduceOp::kMin;
  const bool lowest = op == ReduceOp::kMax;
  auto limit = [&]<class T>(T) {
    using L = std::numeric_limits<T>;
    return Array::Scalar<T>(lowest ? L::lowest() : L::max());
  };
  if (!extreme) {
    identity = Array::FromDouble(dtype, value);
  } else if (IsFloating(dtype)) {
    const double inf = std::numeric_limits<double>::infinity();
    identity = Array::FromDouble(dtype, lowest ? -inf : inf);
  } else {
    switch (dtype) {
      case DType::kInt8:
        identity = limit(int8_t{});
        break;
      case DType::kInt16:
        identity = limit(int16_t{});
        break;
      case DType::kInt32:
        identity = limit(int32_t{});
        break;
      case DType::kInt64:
        identity = limit(int64_t{});
        break;
      case DType::kUInt8:
        identity = limit(uint8_t{});
        break;
      case DType::kUInt16:
        identity = limit(uint16_t{});
        break;
      case DType::kUInt32:
        identity = limit(uint32_t{});
        break;
      case DType::kUInt64:
        identity = limit(uint64_t{});
        break;
      default:
        throw Error(ErrorKind::kUnimplemented,
                    std::string("no kernel for a reduction of ") + Name(dtype));
    }
  }
  std::memcpy(to, identity.raw(), identity.bytes());
}

}  // namespace wengert::runtime
