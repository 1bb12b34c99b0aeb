// Pooling: windows over images with the channels innermost, a vector of channels at a time. Where a
// pixel has fewer channels than are left to fill a vector, the vector reaches into the next
// pixel: results there are written later.
#include <limits>

#include "kernels/simd.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

// One number, as far as the code below can tell it from a vector of them.
template <class T>
struct One {
  using Value = T;
  using Index = int64_t;
  static constexpr int kCount = 1;
  WENGERT_INLINE static T Load(const T* p) { return *p; }
  WENGERT_INLINE static void Store(T* p, T v) { *p = v; }
  WENGERT_INLINE static T Splat(T x) { return x; }
  WENGERT_INLINE static int64_t SplatIndex(int64_t i) { return i; }
  WENGERT_INLINE static int64_t At(int64_t index, int64_t) { return index; }
};

template <class T>
struct IndexOf {
  using Type = int64_t;
};
template <>
struct IndexOf<float> {
  using Type = int32_t;
};
template <>
struct IndexOf<int32_t> {
  using Type = int32_t;
};

template <class T>
struct Many {
  using Value = Vector<T>;
  using Index = Vector<typename IndexOf<T>::Type>;
  static constexpr int kCount = VectorOf<T>::kCount;
  WENGERT_INLINE static Value Load(const T* p) { return LoadVector(p); }
  WENGERT_INLINE static void Store(T* p, Value v) { StoreVector(p, v); }
  WENGERT_INLINE static Value Splat(T x) { return x - Value{}; }
  WENGERT_INLINE static Index SplatIndex(int64_t i) {
    return static_cast<typename IndexOf<T>::Type>(i) - Index{};
  }
  WENGERT_INLINE static int64_t At(Index index, int64_t i) { return index[i]; }
};

// Integers wrap.
WENGERT_INLINE int32_t Sum(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
WENGERT_INLINE int64_t Sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
template <class T>
WENGERT_INLINE T Sum(T a, T b) {
  return a + b;
}

struct Range {
  int64_t begin, end;
};

WENGERT_INLINE Range Clip(const PoolArgs& p, int axis, int64_t q) {
  int64_t begin = q * p.stride[axis] - p.pad[axis], end = begin + p.window[axis];
  if (begin < 0) begin = 0;
  if (end > p.image_dims[axis]) end = p.image_dims[axis];
  return {begin, end};
}

// A window: the part of the image it sees, as flat positions without channels.
struct Window {
  Range d, h, w;
  int64_t height, width;
  int64_t count;

  // f(flat position) in order
  template <class F>
  WENGERT_INLINE void Each(F f) const {
    for (int64_t i = d.begin; i < d.end; ++i) {
      for (int64_t j = h.begin; j < h.end; ++j) {
        const int64_t row = (i * height + j) * width;
        for (int64_t k = w.begin; k < w.end; ++k) f(row + k);
      }
    }
  }
  int64_t first() const { return (d.begin * height + h.begin) * width + w.begin; }
  int64_t last() const { return ((d.end - 1) * height + h.end - 1) * width + w.end - 1; }
};

// What is made of `lanes` channels of one window: Kind::Apply<V, T>(args, window, result position,
// first channel, lanes).
template <class T, class Kind>
void Run(const PoolArgs& p) {
  const int64_t c = p.channels, width = p.result_dims[2];
  const int64_t image = p.image_dims[0] * p.image_dims[1] * p.image_dims[2] * c;
  const int64_t end = p.end * width * c;  // of what may be written to the result
  constexpr int64_t kCount = Many<T>::kCount;
  // Positions of vectors may have 32 bits.
  const bool narrow = image / c <= std::numeric_limits<int32_t>::max();
  for (int64_t plane = p.begin; plane < p.end; ++plane) {
    Window window;
    window.height = p.image_dims[1];
    window.width = p.image_dims[2];
    window.d = Clip(p, 0, plane / p.result_dims[1]);
    window.h = Clip(p, 1, plane % p.result_dims[1]);
    for (int64_t q = 0; q < width; ++q) {
      window.w = Clip(p, 2, q);
      window.count = (window.d.end - window.d.begin) * (window.h.end - window.h.begin) *
                     (window.w.end - window.w.begin);
      const int64_t to = (plane * width + q) * c;
      const int64_t last = window.last() * c;
      int64_t j = 0;
      for (; narrow && j < c && last + j + kCount <= image && to + j + kCount <= end; j += kCount) {
        Kind::template Apply<Many<T>, T>(p, window, to + j, j, c - j < kCount ? c - j : kCount);
      }
      for (; j < c; ++j) Kind::template Apply<One<T>, T>(p, window, to + j, j, 1);
    }
  }
}

struct Maximum {
  template <class V, class T>
  WENGERT_INLINE static void Apply(const PoolArgs& p, const Window& window, int64_t to, int64_t j,
                                   int64_t) {
    const T* x = static_cast<const T*>(p.image) + j;
    typename V::Value most = V::Splat(std::numeric_limits<T>::lowest());
    window.Each([&](int64_t at) {
      const typename V::Value value = V::Load(x + at * p.channels);
      most = value > most ? value : most;
    });
    V::Store(static_cast<T*>(p.out) + to, most);
  }
};

// Where the first greatest element of the window is, in pixels behind its first one.
template <class V, class T>
WENGERT_INLINE typename V::Index Best(const PoolArgs& p, const Window& window, int64_t j) {
  const int64_t first = window.first();
  const T* x = static_cast<const T*>(p.image) + j;
  typename V::Value most = V::Load(x + first * p.channels);
  typename V::Index best = V::SplatIndex(0);
  window.Each([&](int64_t at) {
    const typename V::Value value = V::Load(x + at * p.channels);
    const auto greater = value > most;
    most = greater ? value : most;
    best = greater ? V::SplatIndex(at - first) : best;
  });
  return best;
}

struct ArgMaximum {
  template <class V, class T>
  WENGERT_INLINE static void Apply(const PoolArgs& p, const Window& window, int64_t to, int64_t j,
                                   int64_t lanes) {
    const typename V::Index best = Best<V, T>(p, window, j);
    int64_t* out = static_cast<int64_t*>(p.out) + to;
    const int64_t first = window.first();
    for (int64_t i = 0; i < lanes; ++i) out[i] = first + V::At(best, i);
  }
};

// A vector that reaches into the next pixel would be read again there before the store is through,
// for which processors wait: part of a vector is therefore added number by number.
struct MaximumGradient {
  template <class V, class T>
  WENGERT_INLINE static void Apply(const PoolArgs& p, const Window& window, int64_t to, int64_t j,
                                   int64_t lanes) {
    const typename V::Index best = Best<V, T>(p, window, j);
    const int64_t first = window.first();
    const T* dy = static_cast<const T*>(p.second) + to;
    T* dx = static_cast<T*>(p.out) + j;
    if (lanes < V::kCount || V::kCount == 1) {
      for (int64_t i = 0; i < lanes; ++i) {
        T* here = dx + (first + V::At(best, i)) * p.channels + i;
        *here = Sum(*here, dy[i]);
      }
      return;
    }
    const typename V::Value given = V::Load(dy);
    window.Each([&](int64_t at) {
      T* here = dx + at * p.channels;
      const typename V::Value share = best == V::SplatIndex(at - first) ? given : V::Splat(0);
      V::Store(here, Sum(V::Load(here), share));
    });
  }
};

struct MaximumGather {
  template <class V, class T>
  WENGERT_INLINE static void Apply(const PoolArgs& p, const Window& window, int64_t to, int64_t j,
                                   int64_t) {
    const typename V::Index best = Best<V, T>(p, window, j);
    const T* second = static_cast<const T*>(p.second) + j;
    const int64_t first = window.first();
    typename V::Value found = V::Load(second + first * p.channels);
    window.Each([&](int64_t at) {
      const typename V::Value value = V::Load(second + at * p.channels);
      found = best == V::SplatIndex(at - first) ? value : found;
    });
    V::Store(static_cast<T*>(p.out) + to, found);
  }
};

struct Average {
  template <class V, class T>
  WENGERT_INLINE static void Apply(const PoolArgs& p, const Window& window, int64_t to, int64_t j,
                                   int64_t) {
    const T* x = static_cast<const T*>(p.image) + j;
    typename V::Value sum = V::Splat(0);
    window.Each([&](int64_t at) { sum += V::Load(x + at * p.channels); });
    V::Store(static_cast<T*>(p.out) + to, sum / V::Splat(static_cast<T>(window.count)));
  }
};

struct AverageGradient {
  template <class V, class T>
  WENGERT_INLINE static void Apply(const PoolArgs& p, const Window& window, int64_t to, int64_t j,
                                   int64_t lanes) {
    const typename V::Value share =
        V::Load(static_cast<const T*>(p.second) + to) / V::Splat(static_cast<T>(window.count));
    T* dx = static_cast<T*>(p.out) + j;
    if (lanes < V::kCount) {  // as above
      T part[V::kCount];
      V::Store(part, share);
      window.Each([&](int64_t at) {
        T* here = dx + at * p.channels;
        for (int64_t i = 0; i < lanes; ++i) here[i] += part[i];
      });
      return;
    }
    window.Each([&](int64_t at) {
      T* here = dx + at * p.channels;
      V::Store(here, V::Load(here) + share);
    });
  }
};

template <class T>
void AddMaxima(KernelTable& t, KDType type) {
  t.pool[kPoolMax][type] = Run<T, Maximum>;
  t.pool[kPoolArgMax][type] = Run<T, ArgMaximum>;
  t.pool[kPoolMaxGradient][type] = Run<T, MaximumGradient>;
  t.pool[kPoolMaxGather][type] = Run<T, MaximumGather>;
}

}  // namespace

void AddPools(KernelTable& t) {
  AddMaxima<float>(t, kF32);
  AddMaxima<double>(t, kF64);
  AddMaxima<int32_t>(t, kI32);
  AddMaxima<int64_t>(t, kI64);
  t.pool[kPoolAverage][kF32] = Run<float, Average>;
  t.pool[kPoolAverage][kF64] = Run<double, Average>;
  t.pool[kPoolAverageGradient][kF32] = Run<float, AverageGradient>;
  t.pool[kPoolAverageGradient][kF64] = Run<double, AverageGradient>;
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
