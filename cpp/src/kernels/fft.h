// Discrete Fourier transforms of any length, of float and double.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

namespace wengert::kernels {

// Factors and twiddles of one length. Lengths whose prime factors are small are done factor by
// factor (Stockham's scheme); others as a convolution (Bluestein's), in double precision.
template <class R>
class FftPlan {
 public:
  using C = std::complex<R>;
  explicit FftPlan(int64_t n);
  ~FftPlan();
  int64_t size() const { return n_; }
  // data[k] = sum_j data[j] exp(-2 pi i j k / n); scratch holds n elements.
  void Forward(C* data, C* scratch) const;

 private:
  struct Stage {
    int64_t radix;
    std::vector<C> twiddles;  // m x (radix - 1)
    std::vector<C> roots;     // of 1, for radices without code of their own
  };
  struct Convolution;
  void Convolve(C* data) const;

  int64_t n_;
  std::vector<Stage> stages_;
  std::unique_ptr<Convolution> convolution_;
};

// Along the middle axis of [outer, n, inner]; `in` may be `out`. The inverse divides by n.
template <class R>
void Fft(const FftPlan<R>& plan, bool inverse, int64_t outer, int64_t inner,
         const std::complex<R>* in, std::complex<R>* out);

// Transforms of `batch` real lines of length n; their first n / 2 + 1 terms.
template <class R>
class RealFftPlan {
 public:
  using C = std::complex<R>;
  explicit RealFftPlan(int64_t n);
  void Forward(int64_t batch, const R* in, C* out) const;
  // Divides by n; ignores the imaginary parts of terms 0 and n / 2.
  void Inverse(int64_t batch, const C* in, R* out) const;

 private:
  int64_t n_;
  bool even_;
  FftPlan<R> plan_;  // of half the length when that is whole
  std::vector<C> twiddles_;
};

}  // namespace wengert::kernels
