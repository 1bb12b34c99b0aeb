// Transcendental kernels against libm in a wider type, in every instruction set this machine
// has: error bounds in units in the last place, special values, tails, agreement of the sets.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "check.h"
#include "kernels/kernel_table.h"

namespace wengert::kernels {
namespace {

using Real = long double;

// WENGERT_TEST_VERBOSE=1 prints the errors found.
bool Verbose() {
  return std::getenv("WENGERT_TEST_VERBOSE") != nullptr;
}

template <class T>
constexpr KDType kType = sizeof(T) == 4 ? kF32 : kF64;

// |got - want| in units of the last place of T at `want`.
template <class T>
double UlpError(T got, Real want) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(want)) return std::isnan(got) ? 0 : INFINITY;
  if (std::isnan(got)) return INFINITY;
  const T rounded = static_cast<T>(want);
  if (got == rounded) return 0;
  if (std::isinf(got) || std::isinf(rounded)) {
    // next to the overflow threshold both neighbours count as one apart
    const T largest = std::copysign(Limits::max(), rounded);
    return got == largest || rounded == largest ? 1 : INFINITY;
  }
  int exponent = std::ilogb(want);
  if (exponent < Limits::min_exponent - 1) exponent = Limits::min_exponent - 1;
  return static_cast<double>(std::fabs(static_cast<Real>(got) - want) /
                             std::ldexp(Real{1}, exponent - Limits::digits + 1));
}

struct Function {
  const char* name;
  MapOp op;
  Real (*exact)(Real);
  double low, high;     // ordinary arguments
  double ulp32, ulp64;  // bounds
};

Real ExactSigmoid(Real x) {
  return x > 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
Real ExactSoftplus(Real x) {
  return std::fmax(x, Real{0}) + std::log1p(std::exp(-std::fabs(x)));
}
Real ExactLgamma(Real x) {
  int sign;
  return ::lgammal_r(x, &sign);
}
#define WENGERT_EXACT(name) [](Real x) -> Real { return std::name(x); }

const Function kFunctions[] = {
    {"exp", kMapExp, WENGERT_EXACT(exp), -750, 712, 1.5, 1.5},
    {"expm1", kMapExpm1, WENGERT_EXACT(expm1), -45, 712, 2, 2},
    {"log", kMapLog, WENGERT_EXACT(log), 0, 1e4, 1.5, 1.5},
    {"log1p", kMapLog1p, WENGERT_EXACT(log1p), -1, 1e4, 2, 2},
    {"sin", kMapSin, WENGERT_EXACT(sin), -3e6, 3e6, 2, 1},
    {"cos", kMapCos, WENGERT_EXACT(cos), -3e6, 3e6, 2, 1},
    {"tan", kMapTan, WENGERT_EXACT(tan), -3e6, 3e6, 1, 1},
    {"tanh", kMapTanh, WENGERT_EXACT(tanh), -23, 23, 2.5, 2.5},
    {"sinh", kMapSinh, WENGERT_EXACT(sinh), -712, 712, 1, 2},
    {"cosh", kMapCosh, WENGERT_EXACT(cosh), -712, 712, 1, 2},
    {"sigmoid", kMapSigmoid, ExactSigmoid, -750, 50, 2.5, 2.5},
    {"softplus", kMapSoftplus, ExactSoftplus, -750, 50, 2, 2},
    {"asin", kMapAsin, WENGERT_EXACT(asin), -1, 1, 1, 2},
    {"acos", kMapAcos, WENGERT_EXACT(acos), -1, 1, 1, 2},
    {"atan", kMapAtan, WENGERT_EXACT(atan), -20, 20, 1, 2},
    {"asinh", kMapAsinh, WENGERT_EXACT(asinh), -100, 100, 1, 1.5},
    {"acosh", kMapAcosh, WENGERT_EXACT(acosh), 1, 100, 1, 1.5},
    {"atanh", kMapAtanh, WENGERT_EXACT(atanh), -1, 1, 1, 1.5},
    {"erf", kMapErf, WENGERT_EXACT(erf), -6, 6, 1.5, 2},
    {"erfc", kMapErfc, WENGERT_EXACT(erfc), -6, 27.5, 1, 3.5},
    {"lgamma", kMapLgamma, ExactLgamma, 0, 100, 1, 4},
};

template <class T>
std::vector<T> Arguments(double low, double high) {
  std::mt19937_64 random(7);
  std::vector<T> x;
  std::uniform_real_distribution<double> range(low, high), unit(-1, 1), wide(-3, 3);
  for (int i = 0; i < 20000; ++i) {
    x.push_back(static_cast<T>(range(random)));
    x.push_back(static_cast<T>(unit(random)));
    x.push_back(static_cast<T>(wide(random)));
  }
  // every exponent, subnormals and huge arguments included
  for (int e = std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits;
       e < std::numeric_limits<T>::max_exponent; ++e) {
    for (int i = 0; i < 20; ++i) {
      const T m = static_cast<T>(unit(random));
      x.push_back(std::ldexp(m < 0 ? m - 1 : m + 1, e));
    }
  }
  for (int i = -2000; i <= 2000; ++i) x.push_back(static_cast<T>(i * 1.57079632679489661923));
  for (int i = -2000; i <= 2000; ++i) x.push_back(static_cast<T>(i * 0.69314718055994530942));
  return x;
}

template <class T>
void CheckFunction(const KernelTable& kernels, const Function& f) {
  const std::vector<T> x = Arguments<T>(f.low, f.high);
  std::vector<T> out(x.size());
  CHECK(kernels.map[f.op][kType<T>](out.data(), x.data(), nullptr, nullptr,
                                    static_cast<int64_t>(x.size())));
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = UlpError(out[i], f.exact(static_cast<Real>(x[i])));
    if (error > worst) {
      worst = error;
      where = i;
    }
  }
  const double bound = sizeof(T) == 4 ? f.ulp32 : f.ulp64;
  if (Verbose() || worst > bound) {
    std::printf("%-9s %-9s f%d: %.2f ulp at %.17g -> %.17g\n", kernels.isa, f.name,
                static_cast<int>(8 * sizeof(T)), worst, static_cast<double>(x[where]),
                static_cast<double>(out[where]));
  }
  CHECK(worst <= bound);
}

template <class T>
void CheckSpecial(const KernelTable& kernels, const Function& f) {
  const T inf = std::numeric_limits<T>::infinity();
  const T special[] = {0,
                       static_cast<T>(-0.0),
                       inf,
                       -inf,
                       std::numeric_limits<T>::quiet_NaN(),
                       1,
                       -1,
                       static_cast<T>(1.5),
                       static_cast<T>(-1.5),
                       std::numeric_limits<T>::max(),
                       std::numeric_limits<T>::lowest(),
                       std::numeric_limits<T>::min(),
                       std::numeric_limits<T>::denorm_min(),
                       -std::numeric_limits<T>::denorm_min()};
  for (T x : special) {
    T out = 123;
    kernels.map[f.op][kType<T>](&out, &x, nullptr, nullptr, 1);
    const Real want = f.exact(static_cast<Real>(x));
    const double error = UlpError(out, want);
    const bool sign_kept = want != 0 || std::signbit(out) == std::signbit(want);
    if (error > 2 || !sign_kept) {
      std::printf("%s %s f%d(%g) = %g, not %Lg\n", kernels.isa, f.name,
                  static_cast<int>(8 * sizeof(T)), static_cast<double>(x), static_cast<double>(out),
                  want);
    }
    CHECK(error <= 2);
    CHECK(sign_kept);
  }
}

TEST(MathWithinBounds) {
  for (auto table = AvailableKernels(); *table != nullptr; ++table) {
    for (const Function& f : kFunctions) {
      CheckFunction<float>(**table, f);
      CheckFunction<double>(**table, f);
    }
  }
}

TEST(MathSpecialValues) {
  for (auto table = AvailableKernels(); *table != nullptr; ++table) {
    for (const Function& f : kFunctions) {
      CheckSpecial<float>(**table, f);
      CheckSpecial<double>(**table, f);
    }
  }
}

template <class T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0 && !(a[i] != a[i] && b[i] != b[i])) return false;
  }
  return true;
}

// Sets that have fused multiply-adds return the same bits.
bool HasFma(const KernelTable& table) {
  return std::strcmp(table.isa, "x86-64") != 0;
}

// The same element by any block size, in place or not, and in every instruction set.
template <class T>
void CheckAgreement(const Function& f) {
  const std::vector<T> x = Arguments<T>(f.low, f.high);
  const int64_t n = static_cast<int64_t>(x.size());
  const KernelTable* reference = *AvailableKernels();
  std::vector<T> first(x.size());
  for (auto table = AvailableKernels(); *table != nullptr; ++table) {
    const MapFn map = (*table)->map[f.op][kType<T>];
    if (*table == *AvailableKernels() || HasFma(**table) != HasFma(*reference)) {
      reference = *table;
      map(first.data(), x.data(), nullptr, nullptr, n);
    }
    std::vector<T> out = x;
    map(out.data(), out.data(), nullptr, nullptr, n);
    CHECK(SameBits(first, out));
    for (int64_t size : {1, 7, 512, 1000}) {
      std::vector<T> pieces(x.size());
      for (int64_t i = 0; i < n; i += size) {
        map(pieces.data() + i, x.data() + i, nullptr, nullptr, std::min(size, n - i));
      }
      const bool same = SameBits(first, pieces);
      if (!same) std::printf("%s %s: pieces of %d differ\n", (*table)->isa, f.name, int(size));
      CHECK(same);
    }
    map(nullptr, nullptr, nullptr, nullptr, 0);
  }
}

TEST(MathAgreesBetweenSetsAndBlocks) {
  for (const Function& f : kFunctions) {
    CheckAgreement<float>(f);
    CheckAgreement<double>(f);
  }
}

// The kernel of both has the bits of the two, also over its argument, for huge arguments, too.
template <class T>
void CheckSinCos(const KernelTable& kernels, double high) {
  const std::vector<T> x = Arguments<T>(-high, high);
  const int64_t n = static_cast<int64_t>(x.size());
  std::vector<T> sin(x.size()), cos(x.size()), other(x.size());
  kernels.map[kMapSin][kType<T>](sin.data(), x.data(), nullptr, nullptr, n);
  kernels.map[kMapCos][kType<T>](cos.data(), x.data(), nullptr, nullptr, n);
  std::vector<T> in_place = x;
  kernels.sin_cos[kType<T>](in_place.data(), other.data(), in_place.data(), n);
  CHECK(SameBits(sin, in_place) && SameBits(cos, other));
  for (int64_t size : {1, 7, 100, 513}) {
    in_place = x;
    for (int64_t i = 0; i < n; i += size) {
      T* at = in_place.data() + i;
      kernels.sin_cos[kType<T>](other.data() + i, at, at, std::min(size, n - i));
    }
    CHECK(SameBits(sin, other) && SameBits(cos, in_place));
  }
}

TEST(SinCosHasTheBitsOfBoth) {
  for (auto table = AvailableKernels(); *table != nullptr; ++table) {
    for (double high : {3.0, 9e5, 3e6}) {
      CheckSinCos<float>(**table, high);
      CheckSinCos<double>(**table, high);
    }
  }
}

template <class T>
void CheckBinary(const char* name, MapOp op, Real (*exact)(Real, Real), double bound) {
  std::mt19937_64 random(11);
  std::vector<T> x, y;
  std::uniform_real_distribution<double> wide(-20, 20), positive(0, 30);
  for (int i = 0; i < 100000; ++i) {
    x.push_back(static_cast<T>(i % 3 == 0 ? wide(random) : std::exp(wide(random) * (i % 7))));
    y.push_back(static_cast<T>(i % 5 == 0 ? std::rint(wide(random)) : wide(random)));
  }
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T special[] = {0,
                       static_cast<T>(-0.0),
                       1,
                       -1,
                       static_cast<T>(0.5),
                       static_cast<T>(-0.5),
                       2,
                       -2,
                       3,
                       -3,
                       inf,
                       -inf,
                       nan,
                       std::numeric_limits<T>::max(),
                       std::numeric_limits<T>::lowest(),
                       std::numeric_limits<T>::denorm_min(),
                       static_cast<T>(4503599627370497.0),
                       static_cast<T>(1e17),
                       1 + std::numeric_limits<T>::epsilon(),
                       1 - std::numeric_limits<T>::epsilon() / 2};
  for (T a : special) {
    for (T b : special) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  std::vector<T> first;
  for (auto table = AvailableKernels(); *table != nullptr; ++table) {
    if (!HasFma(**table)) first.clear();
    std::vector<T> out(x.size());
    (*table)->map[op][kType<T>](out.data(), x.data(), y.data(), nullptr,
                                static_cast<int64_t>(x.size()));
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const Real want = exact(static_cast<Real>(x[i]), static_cast<Real>(y[i]));
      const double error = UlpError(out[i], want);
      const bool sign_kept = want != 0 || std::signbit(out[i]) == std::signbit(want);
      if (error > bound || !sign_kept) {
        std::printf("%s %s(%.17g, %.17g) = %.17g, not %.17Lg\n", (*table)->isa, name,
                    static_cast<double>(x[i]), static_cast<double>(y[i]),
                    static_cast<double>(out[i]), want);
      }
      CHECK(error <= bound && sign_kept);
      if (error > worst) worst = error;
    }
    if (Verbose()) {
      std::printf("%-9s %-9s f%d: %.2f ulp\n", (*table)->isa, name, static_cast<int>(8 * sizeof(T)),
                  worst);
    }
    if (first.empty()) first = out;
    CHECK(SameBits(first, out));
  }
}

TEST(PowAndAtan2) {
  const auto pow = [](Real x, Real y) -> Real { return std::pow(x, y); };
  const auto atan2 = [](Real y, Real x) -> Real { return std::atan2(y, x); };
  CheckBinary<float>("pow", kMapPow, pow, 1);
  CheckBinary<double>("pow", kMapPow, pow, 1.5);
  CheckBinary<float>("atan2", kMapAtan2, atan2, 1);
  CheckBinary<double>("atan2", kMapAtan2, atan2, 2);
}

TEST(Digamma) {
  // psi(1) = -gamma, psi(1/2) = -gamma - 2 ln 2, psi(x + 1) = psi(x) + 1/x
  constexpr double kGamma = 0.57721566490153286061;
  const double x[] = {1, 0.5, 2, 10, -0.5, 1e-5, 1e10};
  const double want[] = {-kGamma,
                         -kGamma - 2 * std::log(2.0),
                         1 - kGamma,
                         2.2517525890667211077,
                         0.03648997397857652056,
                         -100000.57719921568107,
                         23.025850929890456840};
  for (auto table = AvailableKernels(); *table != nullptr; ++table) {
    double out[7];
    (*table)->map[kMapDigamma][kF64](out, x, nullptr, nullptr, 7);
    for (int i = 0; i < 7; ++i)
      CHECK(std::fabs(out[i] - want[i]) <= 4e-15 * (1 + std::fabs(want[i])));
    const double poles[] = {0, -1, -2, -INFINITY, NAN};
    double at[5];
    (*table)->map[kMapDigamma][kF64](at, poles, nullptr, nullptr, 5);
    for (double value : at) CHECK(std::isnan(value));
  }
}

}  // namespace
}  // namespace wengert::kernels

TEST_MAIN()
