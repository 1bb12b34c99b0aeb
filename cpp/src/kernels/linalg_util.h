// What the files of linalg.h share.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <string>

#include "kernels/lapack.h"
#include "kernels/parallel.h"
#include "wengert/error.h"

namespace wengert::kernels {

// Below this size plain loops beat the calls into LAPACK.
inline constexpr int64_t kSmallMatrix = 12;

// Throws unless LAPACK can take matrices with that many rows or columns.
void RequireLapack(int64_t size);

// Calls f(i) for the matrices i of a batch, each costing about cost_ns. f returns whether the
// matrix was fit; the result is the first that was not, or -1. Allocation failures pass through.
template <class F>
int64_t ForBatch(int64_t batch, double cost_ns, F f) {
  std::atomic<int64_t> first{std::numeric_limits<int64_t>::max()};
  std::atomic<bool> out_of_memory{false};
  const double worth_a_task = 2000;
  const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(worth_a_task / (cost_ns + 1)));
  ParallelFor(batch, grain, cost_ns * static_cast<double>(batch), [&](int64_t begin, int64_t end) {
    try {
      for (int64_t i = begin; i < end; ++i) {
        if (f(i)) continue;
        int64_t seen = first.load();
        while (i < seen && !first.compare_exchange_weak(seen, i)) {
        }
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  });
  if (out_of_memory) throw std::bad_alloc();
  return first == std::numeric_limits<int64_t>::max() ? -1 : first.load();
}

// About how long `flops` take, in nanoseconds.
template <class T>
double Nanoseconds(double flops) {
  return 100 + flops * (kIsComplex<T> ? 4 : 1) / (sizeof(Real<T>) == 8 ? 4 : 8);
}

template <class T>
T Conjugate(T x) {
  if constexpr (kIsComplex<T>) {
    return std::conj(x);
  } else {
    return x;
  }
}
template <class T>
Real<T> RealPart(T x) {
  if constexpr (kIsComplex<T>) {
    return x.real();
  } else {
    return x;
  }
}
// A product without the special cases of infinite complex numbers, which the compiler would
// otherwise call a function for.
template <class T>
T Times(T x, T y) {
  if constexpr (kIsComplex<T>) {
    return {x.real() * y.real() - x.imag() * y.imag(), x.real() * y.imag() + x.imag() * y.real()};
  } else {
    return x * y;
  }
}
template <class T>
bool IsFinite(const T* a, int64_t count) {
  bool finite = true;
  const auto* parts = reinterpret_cast<const Real<T>*>(a);
  for (int64_t i = 0; i < count * (kIsComplex<T> ? 2 : 1); ++i) {
    finite = finite && std::isfinite(parts[i]);
  }
  return finite;
}
template <class T>
T NotANumber() {
  const Real<T> nan = std::numeric_limits<Real<T>>::quiet_NaN();
  if constexpr (kIsComplex<T>) {
    return {nan, nan};
  } else {
    return nan;
  }
}

// out (n x m) = the conjugate transpose of a (m x n).
template <class T>
void Adjoint(int64_t m, int64_t n, const T* a, T* out) {
  constexpr int64_t kBlock = 16;
  for (int64_t i0 = 0; i0 < m; i0 += kBlock) {
    for (int64_t j0 = 0; j0 < n; j0 += kBlock) {
      for (int64_t j = j0; j < std::min(n, j0 + kBlock); ++j) {
        for (int64_t i = i0; i < std::min(m, i0 + kBlock); ++i) {
          out[j * m + i] = Conjugate(a[i * n + j]);
        }
      }
    }
  }
}
template <class T>
void Transpose(int64_t m, int64_t n, const T* a, T* out) {
  Adjoint(m, n, a, out);
  if constexpr (kIsComplex<T>) {
    for (int64_t i = 0; i < m * n; ++i) out[i] = std::conj(out[i]);
  }
}

// Row-major, in place of b (n x k): op(a)^-1 b for triangular a.
template <class T>
void SolveTriangle(bool lower, bool adjoint, bool unit, int64_t n, int64_t k, const T* a, T* b) {
  if (n > kSmallMatrix) {
    Lapack<T>::Trsm(lower, adjoint, unit, static_cast<int>(n), static_cast<int>(k), a, b);
    return;
  }
  const bool forward = lower != adjoint;
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = forward ? step : n - 1 - step;
    T* row = b + i * k;
    for (int64_t other = 0; other < step; ++other) {
      const int64_t j = forward ? other : n - 1 - other;
      const T factor = adjoint ? Conjugate(a[j * n + i]) : a[i * n + j];
      for (int64_t c = 0; c < k; ++c) row[c] -= Times(factor, b[j * k + c]);
    }
    if (unit) continue;
    const T pivot = adjoint ? Conjugate(a[i * n + i]) : a[i * n + i];
    for (int64_t c = 0; c < k; ++c) row[c] /= pivot;
  }
}

}  // namespace wengert::kernels
