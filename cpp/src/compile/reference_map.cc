// Reference evaluator: element-wise primitives over arrays.
#include "compile/program_builder.h"
#include "compile/reference.h"
#include "compile/reference_scalar.h"
#include "compile/reference_types.h"

namespace wengert::compile {

namespace {

template <class T>
void MapTyped(ScalarOp op, const std::vector<Array>& args, const Array& out) {
  const int64_t n = out.size();
  const T* a = args[0].data<T>();
  const T* b = args.size() > 1 ? args[1].data<T>() : a;
  if (IsComparison(op)) {
    for (int64_t i = 0; i < n; ++i) {
      if constexpr (IsComplexT<T>::value) {
        out.data<bool>()[i] = (a[i] == b[i]) == (op == ScalarOp::kEqual);
      } else {
        out.data<bool>()[i] = Compare(op, a[i], b[i]);
      }
    }
    return;
  }
  if constexpr (IsComplexT<T>::value) {
    using R = typename T::value_type;
    for (int64_t i = 0; i < n; ++i) {
      switch (op) {
        case ScalarOp::kReal:
          out.data<R>()[i] = a[i].real();
          break;
        case ScalarOp::kImag:
          out.data<R>()[i] = a[i].imag();
          break;
        case ScalarOp::kArg:
          out.data<R>()[i] = std::arg(a[i]);
          break;
        case ScalarOp::kComplexAbs:
          out.data<R>()[i] = std::abs(a[i]);
          break;
        default:
          out.data<T>()[i] = Convert<T>(ComplexMap(op, Complex(a[i]), Complex(b[i])));
      }
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    for (int64_t i = 0; i < n; ++i) {
      switch (op) {
        case ScalarOp::kIsNan:
          out.data<bool>()[i] = std::isnan(a[i]);
          break;
        case ScalarOp::kIsInf:
          out.data<bool>()[i] = std::isinf(a[i]);
          break;
        case ScalarOp::kIsFinite:
          out.data<bool>()[i] = std::isfinite(a[i]);
          break;
        case ScalarOp::kComplex:
          out.data<std::complex<T>>()[i] = {a[i], b[i]};
          break;
        default:
          out.data<T>()[i] = FloatMap(op, a[i], b[i]);
      }
    }
  } else {
    using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
    for (int64_t i = 0; i < n; ++i) {
      const Wide r = IntMap<Wide>(op, static_cast<Wide>(a[i]), static_cast<Wide>(b[i]),
                                  static_cast<int>(8 * sizeof(T)));
      out.data<T>()[i] = static_cast<T>(r);
    }
  }
}

}  // namespace

Array EvaluateMap(ScalarOp op, const std::vector<Array>& args) {
  const DType dtype = args.back().dtype();
  Array out(ScalarResult(op, dtype), args.back().dims());
  if (op == ScalarOp::kSelect) {
    for (int64_t i = 0; i < out.size(); ++i) {
      CopyElement(out, i, args[0].data<bool>()[i] ? args[1] : args[2], i);
    }
    return out;
  }
  if (IsHalf(dtype)) {
    std::vector<Array> wide;
    for (const Array& a : args) wide.push_back(EvaluateCast(a, DType::kFloat32));
    const Array result = EvaluateMap(op, wide);
    return out.dtype() == dtype ? EvaluateCast(result, dtype) : result;
  }
  if (!ScalarSupports(op, dtype)) {
    throw Error(ErrorKind::kInternal,
                std::string("no reference for ") + ScalarName(op) + " of " + Name(dtype));
  }
  VisitPlain(dtype, [&](auto zero) {
    if constexpr (!kIsHalf<decltype(zero)>) MapTyped<decltype(zero)>(op, args, out);
  });
  return out;
}

Array EvaluateCast(const Array& x, DType dtype) {
  Array out(dtype, x.dims());
  VisitPlain(x.dtype(), [&](auto from) {
    VisitPlain(dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      for (int64_t i = 0; i < x.size(); ++i) {
        out.data<To>()[i] = Convert<To, From>(x.data<From>()[i]);
      }
    });
  });
  return out;
}

}  // namespace wengert::compile
