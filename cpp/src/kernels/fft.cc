#include "kernels/fft.h"

#include <algorithm>
#include <cmath>

#include "kernels/linalg_util.h"

namespace wengert::kernels {
namespace {

constexpr double kPi = 3.14159265358979323846;

// exp(-2 pi i k / n), with arguments of at most pi / 4 so that they are accurate.
std::complex<double> RootOfUnity(int64_t k, int64_t n) {
  const __int128 wide = static_cast<__int128>(k) * 8;
  const int64_t octant = static_cast<int64_t>(wide / n) & 7;
  const auto rest = static_cast<double>(static_cast<int64_t>(wide % n));
  const double step = kPi / 4 / static_cast<double>(n);
  const bool mirrored = (octant & 1) != 0;
  const double angle = (mirrored ? static_cast<double>(n) - rest : rest) * step;
  double c = std::cos(angle), s = std::sin(angle);
  // The angle within its quadrant, then the quadrant.
  if (mirrored) std::swap(c, s);
  switch (octant / 2) {
    case 0:
      return {c, -s};
    case 1:
      return {-s, -c};
    case 2:
      return {-c, s};
    default:
      return {s, c};
  }
}

template <class R>
std::complex<R> Root(int64_t k, int64_t n) {
  return static_cast<std::complex<R>>(RootOfUnity(k, n));
}

template <class C>
C TimesMinusI(C x) {
  return {x.imag(), -x.real()};
}

// One step: y[q, r, j] = w^(j r) sum_k x[q, j, k] exp(-2 pi i r k / p), where x is [p, m, s]
// and y is [m, p, s] (q runs fastest). Butterfly(load, store) does one group.
template <class C, class Butterfly>
inline void ForEachGroup(int64_t p, int64_t m, int64_t s, const C* x, C* y, const C* twiddles,
                         Butterfly butterfly) {
  for (int64_t j = 0; j < m; ++j) {
    const C* w = twiddles + j * (p - 1);
    const C* from = x + s * j;
    C* to = y + s * p * j;
    for (int64_t q = 0; q < s; ++q) butterfly(from + q, s * m, to + q, s, w);
  }
}

template <class C>
void Radix2(int64_t m, int64_t s, const C* x, C* y, const C* twiddles) {
  ForEachGroup(2, m, s, x, y, twiddles, [=](const C* a, int64_t d, C* b, int64_t e, const C* w) {
    const C a0 = a[0], a1 = a[d];
    b[0] = a0 + a1;
    b[e] = Times(a0 - a1, w[0]);
  });
}

template <class C>
void Radix3(int64_t m, int64_t s, const C* x, C* y, const C* twiddles) {
  using R = Real<C>;
  constexpr R kSin = static_cast<R>(0.86602540378443864676);
  ForEachGroup(3, m, s, x, y, twiddles, [=](const C* a, int64_t d, C* b, int64_t e, const C* w) {
    const C a0 = a[0], sum = a[d] + a[2 * d], difference = TimesMinusI(kSin * (a[d] - a[2 * d]));
    const C middle = a0 - R(0.5) * sum;
    b[0] = a0 + sum;
    b[e] = Times(middle + difference, w[0]);
    b[2 * e] = Times(middle - difference, w[1]);
  });
}

template <class C>
void Radix4(int64_t m, int64_t s, const C* x, C* y, const C* twiddles) {
  ForEachGroup(4, m, s, x, y, twiddles, [=](const C* a, int64_t d, C* b, int64_t e, const C* w) {
    const C s02 = a[0] + a[2 * d], d02 = a[0] - a[2 * d];
    const C s13 = a[d] + a[3 * d], d13 = TimesMinusI(a[d] - a[3 * d]);
    b[0] = s02 + s13;
    b[e] = Times(d02 + d13, w[0]);
    b[2 * e] = Times(s02 - s13, w[1]);
    b[3 * e] = Times(d02 - d13, w[2]);
  });
}

template <class C>
void Radix5(int64_t m, int64_t s, const C* x, C* y, const C* twiddles) {
  using R = Real<C>;
  constexpr R kCos1 = static_cast<R>(0.30901699437494742410);
  constexpr R kCos2 = static_cast<R>(-0.80901699437494742410);
  constexpr R kSin1 = static_cast<R>(0.95105651629515357212);
  constexpr R kSin2 = static_cast<R>(0.58778525229247312917);
  ForEachGroup(5, m, s, x, y, twiddles, [=](const C* a, int64_t d, C* b, int64_t e, const C* w) {
    const C a0 = a[0], s14 = a[d] + a[4 * d], d14 = a[d] - a[4 * d];
    const C s23 = a[2 * d] + a[3 * d], d23 = a[2 * d] - a[3 * d];
    const C m1 = a0 + kCos1 * s14 + kCos2 * s23, m2 = a0 + kCos2 * s14 + kCos1 * s23;
    const C n1 = TimesMinusI(kSin1 * d14 + kSin2 * d23),
            n2 = TimesMinusI(kSin2 * d14 - kSin1 * d23);
    b[0] = a0 + s14 + s23;
    b[e] = Times(m1 + n1, w[0]);
    b[2 * e] = Times(m2 + n2, w[1]);
    b[3 * e] = Times(m2 - n2, w[2]);
    b[4 * e] = Times(m1 - n1, w[3]);
  });
}

template <class C>
void RadixAny(int64_t p, int64_t m, int64_t s, const C* x, C* y, const C* twiddles,
              const C* roots) {
  ForEachGroup(p, m, s, x, y, twiddles, [=](const C* a, int64_t d, C* b, int64_t e, const C* w) {
    for (int64_t r = 0; r < p; ++r) {
      C sum = a[0];
      int64_t power = 0;
      for (int64_t k = 1; k < p; ++k) {
        power += r;
        if (power >= p) power -= p;
        sum += Times(a[k * d], roots[power]);
      }
      b[r * e] = r == 0 ? sum : Times(sum, w[r - 1]);
    }
  });
}

// A prime this large is not worth its square: about the cost of the convolution.
constexpr int64_t kLargestRadix = 61;

std::vector<int64_t> Factors(int64_t n) {
  std::vector<int64_t> factors;
  for (; n % 4 == 0; n /= 4) factors.push_back(4);
  for (int64_t p = 2; p * p <= n; ++p) {
    for (; n % p == 0; n /= p) factors.push_back(p);
  }
  if (n > 1) factors.push_back(n);
  return factors;
}

}  // namespace

// Bluestein: j k = (j^2 + k^2 - (k - j)^2) / 2 makes the transform a convolution with the chirp
// exp(-pi i k^2 / n), done by transforms of a length that is a power of 2.
template <class R>
struct FftPlan<R>::Convolution {
  explicit Convolution(int64_t n) : plan(PowerOf2(2 * n - 1)), chirp(n), filter(plan.size()) {
    int64_t square = 0;  // k^2 mod 2 n
    for (int64_t k = 0; k < n; ++k) {
      chirp[k] = RootOfUnity(square, 2 * n);
      square = (square + 2 * k + 1) % (2 * n);
    }
    const int64_t size = plan.size();
    for (int64_t k = 0; k < n; ++k) filter[k] = std::conj(chirp[k]);
    for (int64_t k = 1; k < n; ++k) filter[size - k] = filter[k];
    std::vector<std::complex<double>> scratch(size);
    plan.Forward(filter.data(), scratch.data());
    for (auto& value : filter) value /= static_cast<double>(size);
  }
  static int64_t PowerOf2(int64_t at_least) {
    int64_t size = 1;
    while (size < at_least) size *= 2;
    return size;
  }
  FftPlan<double> plan;
  std::vector<std::complex<double>> chirp, filter;
};

template <class R>
FftPlan<R>::FftPlan(int64_t n) : n_(n) {
  const std::vector<int64_t> factors = Factors(n);
  if (!factors.empty() && *std::max_element(factors.begin(), factors.end()) > kLargestRadix) {
    convolution_ = std::make_unique<Convolution>(n);
    return;
  }
  int64_t rest = n;
  for (int64_t p : factors) {
    Stage stage{p, {}, {}};
    const int64_t m = rest / p;
    stage.twiddles.reserve(m * (p - 1));
    for (int64_t j = 0; j < m; ++j) {
      for (int64_t r = 1; r < p; ++r) stage.twiddles.push_back(Root<R>(j * r, rest));
    }
    if (p > 5) {
      for (int64_t k = 0; k < p; ++k) stage.roots.push_back(Root<R>(k, p));
    }
    stages_.push_back(std::move(stage));
    rest = m;
  }
}

template <class R>
FftPlan<R>::~FftPlan() = default;

template <class R>
void FftPlan<R>::Forward(C* data, C* scratch) const {
  if (convolution_) {
    Convolve(data);
    return;
  }
  C *x = data, *y = scratch;
  int64_t rest = n_, s = 1;
  for (const Stage& stage : stages_) {
    const int64_t p = stage.radix, m = rest / p;
    const C* w = stage.twiddles.data();
    if (p == 2) {
      Radix2(m, s, x, y, w);
    } else if (p == 3) {
      Radix3(m, s, x, y, w);
    } else if (p == 4) {
      Radix4(m, s, x, y, w);
    } else if (p == 5) {
      Radix5(m, s, x, y, w);
    } else {
      RadixAny(p, m, s, x, y, w, stage.roots.data());
    }
    std::swap(x, y);
    rest = m;
    s *= p;
  }
  if (x != data) std::copy_n(x, n_, data);
}

template <class R>
void FftPlan<R>::Convolve(C* data) const {
  const Convolution& c = *convolution_;
  const int64_t size = c.plan.size();
  std::vector<std::complex<double>> work(size), scratch(size);
  for (int64_t k = 0; k < n_; ++k) {
    work[k] = Times(static_cast<std::complex<double>>(data[k]), c.chirp[k]);
  }
  c.plan.Forward(work.data(), scratch.data());
  // The inverse transform as the conjugate of a forward one.
  for (int64_t k = 0; k < size; ++k) work[k] = std::conj(Times(work[k], c.filter[k]));
  c.plan.Forward(work.data(), scratch.data());
  for (int64_t k = 0; k < n_; ++k) {
    data[k] = static_cast<C>(Times(std::conj(work[k]), c.chirp[k]));
  }
}

namespace {

template <class R>
double LineCost(int64_t n) {
  const auto size = static_cast<double>(n);
  return Nanoseconds<R>(10 * size * std::log2(size + 2));
}

}  // namespace

template <class R>
void Fft(const FftPlan<R>& plan, bool inverse, int64_t outer, int64_t inner,
         const std::complex<R>* in, std::complex<R>* out) {
  using C = std::complex<R>;
  const int64_t n = plan.size();
  if (outer == 0 || n == 0 || inner == 0) return;
  const R scale = inverse ? R(1) / static_cast<R>(n) : R(1);
  // Neighbouring lines together, so that whole cache lines are read.
  const int64_t together = inner == 1 ? 1 : std::min<int64_t>(inner, 8);
  const int64_t groups = (inner + together - 1) / together;
  const double cost = LineCost<R>(n) * static_cast<double>(together);
  ForBatch(outer * groups, cost, [&](int64_t item) {
    const int64_t first = item % groups * together, base = item / groups * n * inner + first;
    const int64_t count = std::min(together, inner - first);
    std::vector<C> lines(together * n), scratch(n);
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t c = 0; c < count; ++c) {
        const C value = in[base + k * inner + c];
        lines[c * n + k] = inverse ? std::conj(value) : value;
      }
    }
    for (int64_t c = 0; c < count; ++c) plan.Forward(lines.data() + c * n, scratch.data());
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t c = 0; c < count; ++c) {
        const C value = lines[c * n + k];
        out[base + k * inner + c] = inverse ? std::conj(value) * scale : value;
      }
    }
    return true;
  });
}

template <class R>
RealFftPlan<R>::RealFftPlan(int64_t n)
    : n_(n), even_(n > 0 && n % 2 == 0), plan_(even_ ? n / 2 : n) {
  if (!even_) return;
  for (int64_t k = 0; k <= n / 2; ++k) twiddles_.push_back(Root<R>(k, n));
}

template <class R>
void RealFftPlan<R>::Forward(int64_t batch, const R* in, C* out) const {
  const int64_t n = n_, half = n / 2;
  if (n == 0) return;
  ForBatch(batch, LineCost<R>(n) / 2, [&](int64_t b) {
    const R* x = in + b * n;
    C* y = out + b * (half + 1);
    std::vector<C> work(plan_.size()), scratch(plan_.size());
    if (!even_) {
      for (int64_t k = 0; k < n; ++k) work[k] = x[k];
      plan_.Forward(work.data(), scratch.data());
      std::copy_n(work.data(), half + 1, y);
      return true;
    }
    // Even and odd elements as real and imaginary parts of a transform of half the length.
    for (int64_t k = 0; k < half; ++k) work[k] = {x[2 * k], x[2 * k + 1]};
    plan_.Forward(work.data(), scratch.data());
    for (int64_t k = 0; k <= half; ++k) {
      const C a = work[k == half ? 0 : k], c = std::conj(work[k == 0 ? 0 : half - k]);
      y[k] = R(0.5) * (a + c + Times(twiddles_[k], TimesMinusI(a - c)));
    }
    y[0].imag(0);
    y[half].imag(0);
    return true;
  });
}

template <class R>
void RealFftPlan<R>::Inverse(int64_t batch, const C* in, R* out) const {
  const int64_t n = n_, half = n / 2;
  if (n == 0) return;
  const R scale = R(1) / static_cast<R>(n);
  ForBatch(batch, LineCost<R>(n) / 2, [&](int64_t b) {
    const C* x = in + b * (half + 1);
    R* y = out + b * n;
    std::vector<C> work(plan_.size()), scratch(plan_.size());
    // Conjugated, since only forward transforms are at hand.
    if (!even_) {
      work[0] = x[0].real();
      for (int64_t k = 1; k <= half; ++k) {
        work[k] = std::conj(x[k]);
        work[n - k] = x[k];
      }
      plan_.Forward(work.data(), scratch.data());
      for (int64_t k = 0; k < n; ++k) y[k] = work[k].real() * scale;
      return true;
    }
    for (int64_t k = 0; k < half; ++k) {
      const C a = k == 0 ? C(x[0].real()) : x[k];
      const C c = k == 0 ? C(x[half].real()) : std::conj(x[half - k]);
      const C turned = Times(std::conj(twiddles_[k]), a - c);
      work[k] = std::conj(a + c + C(-turned.imag(), turned.real()));
    }
    plan_.Forward(work.data(), scratch.data());
    for (int64_t k = 0; k < half; ++k) {
      y[2 * k] = work[k].real() * scale;
      y[2 * k + 1] = -work[k].imag() * scale;
    }
    return true;
  });
}

template class FftPlan<double>;
template class FftPlan<float>;
template class RealFftPlan<float>;
template class RealFftPlan<double>;
template void Fft(const FftPlan<float>&, bool, int64_t, int64_t, const std::complex<float>*,
                  std::complex<float>*);
template void Fft(const FftPlan<double>&, bool, int64_t, int64_t, const std::complex<double>*,
                  std::complex<double>*);

}  // namespace wengert::kernels
