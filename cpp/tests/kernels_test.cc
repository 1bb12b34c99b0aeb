// Arithmetic, comparison, integer and complex kernels, conversions and reductions, in every
// instruction set this machine has.
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "check.h"
#include "kernels/kernel_table.h"
#include "wengert/dtype.h"

namespace wengert::kernels {
namespace {

template <class F>
void ForEachTable(F&& f) {
  for (auto table = AvailableKernels(); *table != nullptr; ++table) f(**table);
}

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

bool Same(double a, double b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

TEST(TableIsComplete) {
  const char* kGroups[] = {
#define SCALAR_OP(name, arity, group) #group,
#include "wengert/scalar_ops.def"
#undef SCALAR_OP
  };
  ForEachTable([&](const KernelTable& k) {
    for (int op = 0; op < kNumMapOps; ++op) {
      const std::string group = kGroups[op];
      for (int d = 0; d <= kC128; ++d) {
        const bool real = d == kF32 || d == kF64, complex = d == kC64 || d == kC128;
        const bool integer = d >= kI8 && d <= kU64;
        const bool wanted = (group == "N")  ? d != kBool
                            : group == "R"  ? real || integer
                            : group == "F"  ? real
                            : group == "FC" ? real || complex
                            : group == "B"  ? d == kBool
                            : group == "I"  ? integer
                            : group == "IB" ? integer || d == kBool
                            : group == "C"  ? complex
                                            : true;
        if (wanted && k.map[op][d] == nullptr) std::printf("no kernel: op %d dtype %d\n", op, d);
        CHECK(!wanted || k.map[op][d] != nullptr);
      }
    }
    for (int from = 0; from < kNumKDTypes; ++from) {
      for (int to = 0; to < kNumKDTypes; ++to) CHECK(k.cast[from][to] != nullptr);
    }
  });
}

TEST(FloatArithmetic) {
  const float x[] = {1, -1, 0, kInf, 5, -5, 1, -0.0f, kNan, 1, 7, -7, 2.5f, -2.5f, 3.5f};
  const float y[] = {0, 0, 0, 2, kInf, kInf, -kInf, 3, 1, kNan, -3, 3, 0.5f, 2, 1};
  constexpr int n = 15;
  ForEachTable([&](const KernelTable& k) {
    float out[n];
    const auto run = [&](MapOp op, auto&& want) {
      CHECK(k.map[op][kF32](out, x, y, nullptr, n));
      for (int i = 0; i < n; ++i) {
        if (!Same(out[i], want(x[i], y[i]))) {
          std::printf("%s op %d (%g, %g) = %g\n", k.isa, op, x[i], y[i], out[i]);
        }
        CHECK(Same(out[i], want(x[i], y[i])));
      }
    };
    const auto floor_mod = [](float a, float b) {
      const float r = std::fmod(a, b);
      return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    };
    const auto unordered = [](float a, float b) { return std::isnan(a) || std::isnan(b); };
    run(kMapDiv, [](float a, float b) { return a / b; });
    run(kMapFloorDiv, [](float a, float b) { return std::floor(a / b); });
    run(kMapTruncMod, [](float a, float b) { return std::fmod(a, b); });
    run(kMapFloorMod, floor_mod);
    run(kMapMaximum, [&](float a, float b) { return unordered(a, b) ? kNan : a < b ? b : a; });
    run(kMapMinimum, [&](float a, float b) { return unordered(a, b) ? kNan : b < a ? b : a; });
    run(kMapRint, [](float a, float) { return std::nearbyint(a); });
    run(kMapTrunc, [](float a, float) { return std::trunc(a); });
    run(kMapSign, [](float a, float) { return std::isnan(a) ? a : float((a > 0) - (a < 0)); });
    run(kMapNextAfter, [](float a, float b) { return std::nextafter(a, b); });
    uint8_t flags[n];
    k.map[kMapLess][kF32](flags, x, y, nullptr, n);
    for (int i = 0; i < n; ++i) CHECK(flags[i] == (x[i] < y[i]));
    k.map[kMapIsNan][kF32](flags, x, nullptr, nullptr, n);
    for (int i = 0; i < n; ++i) CHECK(flags[i] == std::isnan(x[i]));
    k.map[kMapIsFinite][kF32](flags, y, nullptr, nullptr, n);
    for (int i = 0; i < n; ++i) CHECK(flags[i] == std::isfinite(y[i]));
    const uint8_t condition[n] = {1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1};
    k.map[kMapSelect][kF32](out, condition, x, y, n);
    for (int i = 0; i < n; ++i) CHECK(Same(out[i], condition[i] ? x[i] : y[i]));
  });
}

template <class T>
void CheckIntegers(const KernelTable& k, KDType d) {
  using Limits = std::numeric_limits<T>;
  using Big = __int128;
  const T values[] = {
      0, 1, 2, 3, 7, T(-1), T(-3), Limits::min(), Limits::max(), T(Limits::max() / 2)};
  std::vector<T> x, y;
  for (T a : values) {
    for (T b : values) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  const int64_t n = static_cast<int64_t>(x.size());
  std::vector<T> out(x.size());
  const auto run = [&](MapOp op, bool valid, auto&& want) {
    CHECK(k.map[op][d](out.data(), x.data(), y.data(), nullptr, n) == valid);
    for (size_t i = 0; i < x.size(); ++i) {
      const T expected = static_cast<T>(want(Big{x[i]}, Big{y[i]}));
      if (out[i] != expected) std::printf("%s op %d dtype %d element %d\n", k.isa, op, d, int(i));
      CHECK(out[i] == expected);
    }
  };
  run(kMapAdd, true, [](Big a, Big b) { return a + b; });
  run(kMapSub, true, [](Big a, Big b) { return a - b; });
  using Wrapping = unsigned __int128;
  run(kMapMul, true,
      [](Big a, Big b) { return static_cast<Wrapping>(a) * static_cast<Wrapping>(b); });
  run(kMapNeg, true, [](Big a, Big) { return -a; });
  run(kMapAbs, true, [](Big a, Big) { return a < 0 ? -a : a; });
  run(kMapSign, true, [](Big a, Big) { return (a > 0) - (a < 0); });
  run(kMapDiv, false, [](Big a, Big b) { return b == 0 ? 0 : a / b; });
  run(kMapTruncMod, false, [](Big a, Big b) { return b == 0 ? 0 : a % b; });
  const auto floor_div = [](Big a, Big b) -> Big {
    return b == 0 ? 0 : a / b - (a % b != 0 && (a < 0) != (b < 0));
  };
  run(kMapFloorDiv, false, floor_div);
  run(kMapFloorMod, false, [&](Big a, Big b) { return b == 0 ? 0 : a - floor_div(a, b) * b; });
  run(kMapMaximum, true, [](Big a, Big b) { return a < b ? b : a; });
  const auto clamp = [](Big b) {
    return static_cast<int>(std::clamp<Big>(b, 0, 8 * sizeof(T) - 1));
  };
  run(kMapRightShift, true, [&](Big a, Big b) { return a >> clamp(b); });
  run(kMapLeftShift, true,
      [&](Big a, Big b) { return static_cast<T>(static_cast<unsigned __int128>(a) << clamp(b)); });
  uint8_t flags[100];
  k.map[kMapGreaterEqual][d](flags, x.data(), y.data(), nullptr, n);
  for (size_t i = 0; i < x.size(); ++i) CHECK(flags[i] == (x[i] >= y[i]));
  // powers
  const T base[] = {2, 3, 0, 0, T(-2), T(-1)}, exponent[] = {5, 3, 0, 2, 3, 7};
  T power[6];
  CHECK(k.map[kMapPow][d](power, base, exponent, nullptr, 6));
  const T expected[] = {32, 27, 1, 0, T(-8), T(-1)};
  for (int i = 0; i < 6; ++i) CHECK(power[i] == expected[i]);
  if (Limits::min() < 0) {
    const T minus = T(-1);
    CHECK(!k.map[kMapPow][d](power, base, &minus, nullptr, 1));
  }
}

TEST(Integers) {
  ForEachTable([](const KernelTable& k) {
    CheckIntegers<int8_t>(k, kI8);
    CheckIntegers<int16_t>(k, kI16);
    CheckIntegers<int32_t>(k, kI32);
    CheckIntegers<int64_t>(k, kI64);
    CheckIntegers<uint8_t>(k, kU8);
    CheckIntegers<uint16_t>(k, kU16);
    CheckIntegers<uint32_t>(k, kU32);
    CheckIntegers<uint64_t>(k, kU64);
  });
}

TEST(ComplexNumbers) {
  using C = std::complex<double>;
  const C x[] = {{1, 2}, {-0.3, 0.4}, {0, -1}, {3, 0}, {-2, -5}};
  const C y[] = {{0.5, -1}, {2, 2}, {1e200, 1e200}, {0, 3}, {-1, 0.25}};
  constexpr int n = 5;
  ForEachTable([&](const KernelTable& k) {
    C out[n];
    const auto run = [&](MapOp op, auto&& want) {
      k.map[op][kC128](out, x, y, nullptr, n);
      for (int i = 0; i < n; ++i) {
        const C w = want(x[i], y[i]);
        if (!(std::abs(out[i] - w) <= 1e-14 * std::abs(w))) std::printf("complex op %d\n", op);
        CHECK(std::abs(out[i] - w) <= 1e-14 * std::abs(w));
      }
    };
    run(kMapMul, [](C a, C b) { return a * b; });
    run(kMapDiv, [](C a, C b) { return a / b; });
    run(kMapReciprocal, [](C a, C) { return 1.0 / a; });
    run(kMapSqrt, [](C a, C) { return std::sqrt(a); });
    run(kMapExp, [](C a, C) { return std::exp(a); });
    run(kMapExpm1, [](C a, C) { return std::exp(a) - 1.0; });
    run(kMapLog1p, [](C a, C) { return std::log(1.0 + a); });
    run(kMapTanh, [](C a, C) { return std::tanh(a); });
    run(kMapAcos, [](C a, C) { return std::acos(a); });
    run(kMapSigmoid, [](C a, C) { return 1.0 / (1.0 + std::exp(-a)); });
    run(kMapSign, [](C a, C) { return a / std::abs(a); });
    double real[n];
    k.map[kMapComplexAbs][kC128](real, x, nullptr, nullptr, n);
    for (int i = 0; i < n; ++i) CHECK(std::fabs(real[i] - std::abs(x[i])) < 1e-14);
    k.map[kMapImag][kC128](real, x, nullptr, nullptr, n);
    for (int i = 0; i < n; ++i) CHECK(real[i] == x[i].imag());
    uint8_t equal[n];
    k.map[kMapEqual][kC128](equal, x, x, nullptr, n);
    for (uint8_t e : equal) CHECK(e == 1);
  });
}

TEST(Casts) {
  const float x[] = {kNan, kInf, -kInf, 3e9f, -3e9f, 300, -1, 1e20f, -1.5f};
  constexpr int n = 9;
  const int8_t i8[] = {0, 0, 0, 0, 0, 44, -1, 0, -1};
  const uint16_t u16[] = {0, 0, 0, 0, 0, 300, 65535, 0, 65535};
  const int32_t i32[] = {INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN,
                         300,       -1,        INT32_MIN, -1};
  const uint32_t u32[] = {1u << 31, 1u << 31, 1u << 31, 3000000000u, 1u << 31,
                          300,      ~0u,      1u << 31, ~0u};
  const uint64_t top = uint64_t{1} << 63;
  const uint64_t u64[] = {top, top,          top, 3000000000u, uint64_t(-3000000000),
                          300, ~uint64_t{0}, top, ~uint64_t{0}};
  ForEachTable([&](const KernelTable& k) {
    alignas(16) char out[16 * n];
    const auto run = [&](KDType d, const auto& want) {
      k.cast[kF32][d](out, x, n);
      CHECK(std::memcmp(out, want, sizeof(want)) == 0);
      double wide[n];
      k.cast[kF32][kF64](wide, x, n);
      k.cast[kF64][d](out, wide, n);
      CHECK(std::memcmp(out, want, sizeof(want)) == 0);
    };
    run(kI8, i8);
    run(kU16, u16);
    run(kI32, i32);
    run(kU32, u32);
    run(kU64, u64);
    const std::complex<float> z[] = {{2.5f, 7}, {0, 1}};
    double re[2];
    k.cast[kC64][kF64](re, z, 2);
    CHECK(re[0] == 2.5 && re[1] == 0);
    uint8_t flag[2];
    k.cast[kC64][kBool](flag, z, 2);
    CHECK(flag[0] == 1 && flag[1] == 0);
    // every half and bfloat16, there and back
    std::vector<uint16_t> bits(65536), back(65536);
    for (size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<uint16_t>(i);
    std::vector<float> wide(65536);
    for (KDType d : {kF16, kBF16}) {
      k.cast[d][kF32](wide.data(), bits.data(), 65536);
      k.cast[kF32][d](back.data(), wide.data(), 65536);
      int wrong = 0;
      for (size_t i = 0; i < bits.size(); ++i) {
        wrong += !(std::isnan(wide[i]) || (bits[i] == back[i]));
      }
      CHECK(wrong == 0);
    }
    const float round[] = {1 + 0x1p-11f, 1 + 0x1.8p-10f, 65519,   65520,
                           0x1p-25f,     0x1.8p-25f,     0x1p-24f};
    const uint16_t halves[] = {0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 1, 1};
    k.cast[kF32][kF16](out, round, 7);
    CHECK(std::memcmp(out, halves, sizeof(halves)) == 0);
  });
}

template <class T>
void CheckReductions(KDType d, double tolerance) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> range(0.9, 1.1);
  std::vector<T> x(100003);
  for (T& v : x) v = static_cast<T>(range(random) * (std::is_integral_v<T> ? 50 : 1));
  for (int64_t n : {0, 1, 2, 7, 63, 64, 65, 512, 1000, 1024, 1025, 5000, 100003}) {
    T first[4] = {};
    bool have_first = false;
    ForEachTable([&](const KernelTable& k) {
      T result[4] = {3, 1, 0, 100};
      for (int kind = kReduceSum; kind <= kReduceMin; ++kind) {
        k.reduce[kind][d](&result[kind], x.data(),
                          kind == kReduceProd ? std::min<int64_t>(n, 1000) : n);
      }
      if (!have_first) std::copy(result, result + 4, first);
      have_first = true;
      CHECK(std::memcmp(first, result, sizeof(first)) == 0);  // the sets agree bit for bit
    });
    long double sum = 3;
    T largest = 0, smallest = 100;
    for (int64_t i = 0; i < n; ++i) {
      const T v = x[static_cast<size_t>(i)];
      sum += static_cast<long double>(v);
      largest = std::max(largest, v);
      smallest = std::min(smallest, v);
    }
    if constexpr (std::is_integral_v<T>) {
      CHECK(first[0] == static_cast<T>(static_cast<int64_t>(sum)));
    } else {
      CHECK(std::fabs(static_cast<double>(first[0] - sum)) <= tolerance * static_cast<double>(sum));
    }
    CHECK(first[2] == largest && first[3] == smallest);
  }
  for (int64_t cols : {1, 3, 10, 32, 33, 63, 64, 100, 128, 200}) {
    const int64_t rows = 37, stride = cols + 2;
    std::vector<T> acc(37, 1);
    ForEachTable([&](const KernelTable& t) {  // the bits of long rows by themselves
      if (cols <= 32) return;
      for (ReduceKind kind : {kReduceSum, kReduceMax}) {
        std::vector<T> together(37, 1), alone(37, 1);
        t.reduce_rows[kind][d](together.data(), x.data(), rows, cols, stride);
        for (size_t r = 0; r < 37; ++r) {
          t.reduce[kind][d](&alone[r], x.data() + static_cast<int64_t>(r) * stride, cols);
        }
        CHECK(together == alone);
      }
    });
    (*AvailableKernels())->reduce_rows[kReduceSum][d](acc.data(), x.data(), rows, cols, stride);
    for (int64_t r = 0; r < rows; ++r) {
      double want = 1;
      for (int64_t c = 0; c < cols; ++c)
        want += static_cast<double>(x[static_cast<size_t>(r * stride + c)]);
      const double got = static_cast<double>(acc[static_cast<size_t>(r)]);
      if constexpr (std::is_integral_v<T>) {
        CHECK(acc[static_cast<size_t>(r)] == static_cast<T>(static_cast<int64_t>(want)));
      } else {
        CHECK(std::fabs(got - want) <= 10 * tolerance * want);
      }
    }
  }
}

TEST(Reductions) {
  CheckReductions<float>(kF32, 2e-7);
  CheckReductions<double>(kF64, 1e-15);
  CheckReductions<int8_t>(kI8, 0);
  CheckReductions<uint16_t>(kU16, 0);
  CheckReductions<int32_t>(kI32, 0);
  CheckReductions<int64_t>(kI64, 0);
}

// The bits of products reduced in pieces, and the same in every set.
template <class T>
void CheckDots(KDType d) {
  std::mt19937 random(5);
  std::normal_distribution<double> range;
  std::vector<T> a(20000), b(20000);
  for (T& v : a) v = static_cast<T>(range(random));
  for (T& v : b) v = static_cast<T>(range(random));
  for (int64_t cols : {64, 65, 100, 128, 511, 512, 513, 600, 1300}) {
    for (int64_t rows : {1, 3, 4, 11}) {
      const int64_t stride[] = {cols + 3, rows == 3 ? 0 : 7};
      ForEachTable([&](const KernelTable& k) {
        std::vector<T> got(11, 77);
        k.dot_rows[d](got.data(), a.data(), b.data(), rows, cols, stride[0], stride[1]);
        for (int64_t r = 0; r < rows; ++r) {
          T sum = 0;
          for (int64_t j = 0; j < cols; j += kDotPiece) {
            const int64_t n = std::min(kDotPiece, cols - j);
            T product[kDotPiece];
            for (int64_t i = 0; i < n; ++i) {
              product[i] = a[static_cast<size_t>(r * stride[0] + j + i)] *
                           b[static_cast<size_t>(r * stride[1] + j + i)];
            }
            k.reduce[kReduceSum][d](&sum, product, n);
          }
          CHECK(got[static_cast<size_t>(r)] == sum);
        }
        CHECK(rows == 11 || got[static_cast<size_t>(rows)] == 77);
      });
    }
  }
}

TEST(SumsOfProducts) {
  CheckDots<float>(kF32);
  CheckDots<double>(kF64);
}

TEST(ReductionsPropagateNan) {
  ForEachTable([](const KernelTable& k) {
    for (int64_t n : {1, 7, 64, 300, 3000}) {
      for (int64_t at : {int64_t{0}, n / 2, n - 1}) {
        std::vector<float> x(static_cast<size_t>(n), 1.0f);
        x[static_cast<size_t>(at)] = kNan;
        float largest = -kInf, smallest = kInf;
        k.reduce[kReduceMax][kF32](&largest, x.data(), n);
        k.reduce[kReduceMin][kF32](&smallest, x.data(), n);
        CHECK(std::isnan(largest) && std::isnan(smallest));
      }
    }
    const uint8_t flags[] = {1, 1, 0, 1};
    uint8_t all = 1, any = 0;
    k.reduce[kReduceAll][kBool](&all, flags, 4);
    k.reduce[kReduceAny][kBool](&any, flags, 4);
    CHECK(all == 0 && any == 1);
  });
}

}  // namespace
}  // namespace wengert::kernels

TEST_MAIN()
