// Reference evaluator: the scalar functions, one element at a time.
#pragma once

#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>

#include "compile/program_builder.h"

namespace wengert::compile {

template <class T>
double Digamma(T value) {
  double x = value;
  if (std::isnan(x) || x == -std::numeric_limits<double>::infinity()) return std::nan("");
  if (x <= 0 && std::floor(x) == x) return std::nan("");
  double result = 0;
  if (x < 0) {
    result = -M_PI / std::tan(M_PI * (x - std::floor(x)));
    x = 1 - x;
  }
  for (; x < 12; x += 1) result -= 1 / x;
  const double i = 1 / (x * x);
  return result + std::log(x) - 0.5 / x -
         i * (1.0 / 12 -
              i * (1.0 / 120 -
                   i * (1.0 / 252 - i * (1.0 / 240 - i * (1.0 / 132 - i * 691 / 32760)))));
}

template <class T>
T LogGamma(T x) {
  int sign = 0;
  if constexpr (std::is_same_v<T, float>) return lgammaf_r(x, &sign);
  return static_cast<T>(lgamma_r(x, &sign));
}

template <class T>
T FloatMap(ScalarOp op, T a, T b) {
  switch (op) {
    case ScalarOp::kNeg:
      return -a;
    case ScalarOp::kAbs:
      return std::fabs(a);
    case ScalarOp::kSign:
      return std::isnan(a) ? a : T((a > 0) - (a < 0));
    case ScalarOp::kSquare:
      return a * a;
    case ScalarOp::kSqrt:
      return std::sqrt(a);
    case ScalarOp::kRsqrt:
      return T(1 / std::sqrt(static_cast<double>(a)));
    case ScalarOp::kReciprocal:
      return 1 / a;
    case ScalarOp::kExp:
      return std::exp(a);
    case ScalarOp::kExpm1:
      return std::expm1(a);
    case ScalarOp::kLog:
      return std::log(a);
    case ScalarOp::kLog1p:
      return std::log1p(a);
    case ScalarOp::kSin:
      return std::sin(a);
    case ScalarOp::kCos:
      return std::cos(a);
    case ScalarOp::kTan:
      return std::tan(a);
    case ScalarOp::kAsin:
      return std::asin(a);
    case ScalarOp::kAcos:
      return std::acos(a);
    case ScalarOp::kAtan:
      return std::atan(a);
    case ScalarOp::kSinh:
      return std::sinh(a);
    case ScalarOp::kCosh:
      return std::cosh(a);
    case ScalarOp::kTanh:
      return std::tanh(a);
    case ScalarOp::kAsinh:
      return std::asinh(a);
    case ScalarOp::kAcosh:
      return std::acosh(a);
    case ScalarOp::kAtanh:
      return std::atanh(a);
    case ScalarOp::kSigmoid: {
      const double x = a;
      if (x >= 0) return T(1 / (1 + std::exp(-x)));
      return T(std::exp(x) / (1 + std::exp(x)));
    }
    case ScalarOp::kSoftplus:
      return T(std::fmax(double(a), 0.0) + std::log1p(std::exp(-std::fabs(double(a)))) +
               (std::isnan(a) ? double(a) : 0));
    case ScalarOp::kErf:
      return std::erf(a);
    case ScalarOp::kErfc:
      return std::erfc(a);
    case ScalarOp::kLgamma:
      return LogGamma(a);
    case ScalarOp::kDigamma:
      return T(Digamma(a));
    case ScalarOp::kFloor:
      return std::floor(a);
    case ScalarOp::kCeil:
      return std::ceil(a);
    case ScalarOp::kRint:
      return std::nearbyint(a);
    case ScalarOp::kTrunc:
      return std::trunc(a);
    case ScalarOp::kAdd:
      return a + b;
    case ScalarOp::kSub:
      return a - b;
    case ScalarOp::kMul:
      return a * b;
    case ScalarOp::kDiv:
      return a / b;
    case ScalarOp::kFloorDiv:
      return std::floor(a / b);
    case ScalarOp::kFloorMod: {
      const T m = std::fmod(a, b);
      return (a < 0) == (b < 0) ? m : std::fmod(m + b, b);
    }
    case ScalarOp::kTruncMod:
      return std::fmod(a, b);
    case ScalarOp::kPow:
      return std::pow(a, b);
    case ScalarOp::kAtan2:
      return std::atan2(a, b);
    case ScalarOp::kMaximum:
      return std::isnan(a) || std::isnan(b) ? a + b : a < b ? b : a;
    case ScalarOp::kMinimum:
      return std::isnan(a) || std::isnan(b) ? a + b : b < a ? b : a;
    case ScalarOp::kNextAfter:
      return std::nextafter(a, b);
    default:
      throw Error(ErrorKind::kInternal, std::string("no reference for ") + ScalarName(op));
  }
}

// Integers of any width: computed modulo 2^64 and cut to size when stored. T is int64_t or
// uint64_t.
template <class T>
T IntMap(ScalarOp op, T a, T b, int bits) {
  const uint64_t ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  const bool divides = op == ScalarOp::kDiv || op == ScalarOp::kFloorDiv ||
                       op == ScalarOp::kFloorMod || op == ScalarOp::kTruncMod;
  if (divides && b == 0) throw InvalidArgument("Integer division by zero");
  const bool minus_one = std::is_signed_v<T> && b == static_cast<T>(-1);
  switch (op) {
    case ScalarOp::kNeg:
      return T(0 - ua);
    case ScalarOp::kAbs:
      return std::is_signed_v<T> && a < 0 ? T(0 - ua) : a;
    case ScalarOp::kSign:
      return a == 0 ? 0 : std::is_signed_v<T> && a < 0 ? T(-1) : 1;
    case ScalarOp::kSquare:
      return T(ua * ua);
    case ScalarOp::kInvert:
      return T(~ua);
    case ScalarOp::kNot:
      return !a;
    case ScalarOp::kAdd:
      return T(ua + ub);
    case ScalarOp::kSub:
      return T(ua - ub);
    case ScalarOp::kMul:
      return T(ua * ub);
    case ScalarOp::kDiv:
      return minus_one ? T(0 - ua) : a / b;
    case ScalarOp::kFloorDiv: {
      if (minus_one) return T(0 - ua);
      const T q = a / b;
      return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
    }
    case ScalarOp::kTruncMod:
      return minus_one ? 0 : a % b;
    case ScalarOp::kFloorMod: {
      if (minus_one) return 0;
      const T r = a % b;
      return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }
    case ScalarOp::kPow: {
      if (std::is_signed_v<T> && b < 0) {
        throw InvalidArgument("Integers to negative integer powers are not allowed");
      }
      uint64_t r = 1, base = ua;
      for (uint64_t e = ub; e != 0; e >>= 1, base *= base) {
        if (e & 1) r *= base;
      }
      return T(r);
    }
    case ScalarOp::kMaximum:
      return a < b ? b : a;
    case ScalarOp::kMinimum:
      return b < a ? b : a;
    case ScalarOp::kAnd:
      return a & b;
    case ScalarOp::kOr:
      return a | b;
    case ScalarOp::kXor:
      return a ^ b;
    case ScalarOp::kLeftShift:
    case ScalarOp::kRightShift: {
      const int n = b < T(0) ? 0 : b >= static_cast<T>(bits) ? bits - 1 : static_cast<int>(b);
      return op == ScalarOp::kLeftShift ? T(ua << n) : T(a >> n);
    }
    default:
      throw Error(ErrorKind::kInternal, std::string("no reference for ") + ScalarName(op));
  }
}

using Complex = std::complex<double>;

inline Complex ComplexMap(ScalarOp op, Complex a, Complex b) {
  switch (op) {
    case ScalarOp::kNeg:
      return -a;
    case ScalarOp::kSign:
      return a == Complex(0) ? Complex(0) : a / std::abs(a);
    case ScalarOp::kSquare:
      return a * a;
    case ScalarOp::kSqrt:
      return std::sqrt(a);
    case ScalarOp::kRsqrt:
      return 1.0 / std::sqrt(a);
    case ScalarOp::kReciprocal:
      return 1.0 / a;
    case ScalarOp::kExp:
      return std::exp(a);
    case ScalarOp::kExpm1:
      return std::exp(a) - 1.0;
    case ScalarOp::kLog:
      return std::log(a);
    case ScalarOp::kLog1p:
      return std::log(1.0 + a);
    case ScalarOp::kSin:
      return std::sin(a);
    case ScalarOp::kCos:
      return std::cos(a);
    case ScalarOp::kTan:
      return std::tan(a);
    case ScalarOp::kAsin:
      return std::asin(a);
    case ScalarOp::kAcos:
      return std::acos(a);
    case ScalarOp::kAtan:
      return std::atan(a);
    case ScalarOp::kSinh:
      return std::sinh(a);
    case ScalarOp::kCosh:
      return std::cosh(a);
    case ScalarOp::kTanh:
      return std::tanh(a);
    case ScalarOp::kAsinh:
      return std::asinh(a);
    case ScalarOp::kAcosh:
      return std::acosh(a);
    case ScalarOp::kAtanh:
      return std::atanh(a);
    case ScalarOp::kSigmoid:
      return 1.0 / (1.0 + std::exp(-a));
    case ScalarOp::kConj:
      return std::conj(a);
    case ScalarOp::kAdd:
      return a + b;
    case ScalarOp::kSub:
      return a - b;
    case ScalarOp::kMul:
      return a * b;
    case ScalarOp::kDiv:
      return a / b;
    case ScalarOp::kPow:
      return b == Complex(0) ? Complex(1) : std::pow(a, b);
    default:
      throw Error(ErrorKind::kInternal, std::string("no reference for ") + ScalarName(op));
  }
}

template <class T>
bool Compare(ScalarOp op, T a, T b) {
  switch (op) {
    case ScalarOp::kEqual:
      return a == b;
    case ScalarOp::kNotEqual:
      return a != b;
    case ScalarOp::kLess:
      return a < b;
    case ScalarOp::kLessEqual:
      return a <= b;
    case ScalarOp::kGreater:
      return a > b;
    default:
      return a >= b;
  }
}

inline bool IsComparison(ScalarOp op) {
  return op >= ScalarOp::kEqual && op <= ScalarOp::kGreaterEqual;
}

}  // namespace wengert::compile
