#include "kernels/blas.h"

#include <dlfcn.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/kernel_table.h"
#include "kernels/parallel.h"

namespace wengert::kernels {
namespace {

// Values of the enumerations of CBLAS.
constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;

// OpenBLAS as the wheel scipy-openblas32 ships it: symbols with a prefix. Loaded when the first
// large product asks for it, because loading it starts its threads and takes as long as the whole
// import; without it the small kernels do everything.
struct OpenBlas {
  using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                         const float* a, int lda, const float* b, int ldb, float beta, float* c,
                         int ldc);
  using Dgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, double alpha,
                         const double* a, int lda, const double* b, int ldb, double beta, double* c,
                         int ldc);
  Sgemm sgemm = nullptr;
  Dgemm dgemm = nullptr;
  char* (*config)() = nullptr;
  void* library = nullptr;
  bool loaded() const { return sgemm != nullptr && dgemm != nullptr; }
};

OpenBlas LoadOpenBlas() {
  OpenBlas blas;
  // One thread: rows are split by ParallelFor. The variable is read while the library loads.
  const bool set = std::getenv("OPENBLAS_NUM_THREADS") == nullptr;
  if (set) setenv("OPENBLAS_NUM_THREADS", "1", 0);
  void* library = nullptr;
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&LoadOpenBlas), &self) != 0 && self.dli_fname != nullptr) {
    std::string path(self.dli_fname);
    path.resize(path.rfind('/') + 1);
    library = dlopen((path + "libscipy_openblas.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) library = dlopen("libscipy_openblas.so", RTLD_NOW | RTLD_LOCAL);
  if (set) unsetenv("OPENBLAS_NUM_THREADS");
  if (library == nullptr) return blas;
  blas.library = library;
  blas.sgemm = reinterpret_cast<OpenBlas::Sgemm>(dlsym(library, "scipy_cblas_sgemm"));
  blas.dgemm = reinterpret_cast<OpenBlas::Dgemm>(dlsym(library, "scipy_cblas_dgemm"));
  blas.config = reinterpret_cast<char* (*)()>(dlsym(library, "scipy_openblas_get_config"));
  const auto set_threads =
      reinterpret_cast<void (*)(int)>(dlsym(library, "scipy_openblas_set_num_threads"));
  if (set_threads != nullptr) set_threads(1);
  return blas;
}

const OpenBlas& Blas() {
  static const OpenBlas blas = LoadOpenBlas();
  return blas;
}

struct Problem {
  bool is_double, trans_a, trans_b;
  int64_t m, n, k;
  const char* a;
  int64_t lda;
  const char* b;
  int64_t ldb;
  char* c;
  int64_t ldc;
  bool accumulate;

  int64_t size() const { return is_double ? 8 : 4; }
};

void CallOpenBlas(const Problem& p) {
  const int ta = p.trans_a ? kTrans : kNoTrans, tb = p.trans_b ? kTrans : kNoTrans;
  const int m = static_cast<int>(p.m), n = static_cast<int>(p.n), k = static_cast<int>(p.k);
  const int lda = static_cast<int>(p.lda), ldb = static_cast<int>(p.ldb);
  const int ldc = static_cast<int>(p.ldc);
  if (p.is_double) {
    Blas().dgemm(kRowMajor, ta, tb, m, n, k, 1.0, reinterpret_cast<const double*>(p.a), lda,
                 reinterpret_cast<const double*>(p.b), ldb, p.accumulate ? 1.0 : 0.0,
                 reinterpret_cast<double*>(p.c), ldc);
  } else {
    Blas().sgemm(kRowMajor, ta, tb, m, n, k, 1.0f, reinterpret_cast<const float*>(p.a), lda,
                 reinterpret_cast<const float*>(p.b), ldb, p.accumulate ? 1.0f : 0.0f,
                 reinterpret_cast<float*>(p.c), ldc);
  }
}

// Decided for the whole product, so that every part of it takes the same path.
bool PrefersOpenBlas(const Problem& p) {
  const int64_t largest = std::max({p.m, p.n, p.k, p.lda, p.ldb, p.ldc});
  if (largest > INT_MAX) return false;                   // OpenBLAS counts in int
  if (p.m <= 16 || p.n <= 16 || p.k == 0) return false;  // copies would cost too much
  // While B stays in the second-level cache, copies of A and B gain nothing.
  constexpr int64_t kCache = 256 * 1024;
  return (p.k > 512 || p.n > 512 || p.n * p.k * p.size() > kCache) && Blas().loaded();
}

void Run(const Problem& p, bool open_blas) {
  if (open_blas) {
    CallOpenBlas(p);
  } else {
    Kernels().small_gemm[p.is_double ? kF64 : kF32](p.trans_a, p.trans_b, p.m, p.n, p.k, p.a, p.lda,
                                                    p.b, p.ldb, p.c, p.ldc, p.accumulate);
  }
}

Problem Rows(Problem p, int64_t begin, int64_t end) {
  p.a += (p.trans_a ? begin : begin * p.lda) * p.size();
  p.c += begin * p.ldc * p.size();
  p.m = end - begin;
  return p;
}

Problem Columns(Problem p, int64_t begin, int64_t end) {
  p.b += (p.trans_b ? begin * p.ldb : begin) * p.size();
  p.c += begin * p.size();
  p.n = end - begin;
  return p;
}

Problem Depths(Problem p, int64_t begin, int64_t end) {
  p.a += (p.trans_a ? begin * p.lda : begin) * p.size();
  p.b += (p.trans_b ? begin : begin * p.ldb) * p.size();
  p.k = end - begin;
  return p;
}

// Long sums for a small result, such as gradients of weights over many rows: parts of k are
// summed by themselves and then added in order. The parts depend on the sizes alone.
constexpr int64_t kLongSum = 2048, kSmallResult = 16384;

void RunInDepths(const Problem& p, double cost_ns) {
  constexpr int64_t kMostParts = 16, kPart = 256;
  const int64_t depth =
      std::max<int64_t>(2 * kPart, (p.k + kMostParts * kPart - 1) / (kMostParts * kPart) * kPart);
  const int64_t parts = (p.k + depth - 1) / depth;
  const int64_t bytes = p.m * p.n * p.size();
  thread_local std::vector<char> memory;
  if (memory.size() < static_cast<size_t>(bytes * parts)) {
    memory.resize(static_cast<size_t>(bytes * parts));
  }
  char* sums = memory.data();
  ParallelFor(parts, 1, cost_ns, [&p, sums, depth, bytes](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Problem part = Depths(p, i * depth, std::min(p.k, (i + 1) * depth));
      part.c = sums + i * bytes;
      part.ldc = p.n;
      part.accumulate = false;
      Run(part, false);
    }
  });
  const MapFn add = Kernels().map[kMapAdd][p.is_double ? kF64 : kF32];
  for (int64_t i = 1; i < parts; ++i) {
    add(sums, sums, sums + i * bytes, nullptr, p.m * p.n);
  }
  const int64_t row = p.n * p.size();
  for (int64_t r = 0; r < p.m; ++r) {
    char* to = p.c + r * p.ldc * p.size();
    if (p.accumulate) {
      add(to, to, sums + r * row, nullptr, p.n);
    } else {
      std::memcpy(to, sums + r * row, static_cast<size_t>(row));
    }
  }
}

// out[k, n] = the transpose of B, stored [n, k].
template <class T>
void TransposeB(const Problem& p, T* out) {
  constexpr int64_t kTile = 16;
  const T* b = reinterpret_cast<const T*>(p.b);
  const int64_t tiles = (p.n + kTile - 1) / kTile;
  ParallelFor(tiles, 4, static_cast<double>(p.n * p.k) * 0.5, [&](int64_t begin, int64_t end) {
    for (int64_t j0 = begin * kTile; j0 < std::min(end * kTile, p.n); j0 += kTile) {
      const int64_t columns = std::min(kTile, p.n - j0);
      for (int64_t r = 0; r < p.k; ++r) {
        for (int64_t j = 0; j < columns; ++j) out[r * p.n + j0 + j] = b[(j0 + j) * p.ldb + r];
      }
    }
  });
}

// Every part of a product would turn the same B around for itself.
Problem WithoutTransposedB(Problem p) {
  thread_local std::vector<char> memory;
  const size_t bytes = static_cast<size_t>(p.n * p.k * p.size());
  if (memory.size() < bytes) memory.resize(bytes);
  if (p.is_double) {
    TransposeB(p, reinterpret_cast<double*>(memory.data()));
  } else {
    TransposeB(p, reinterpret_cast<float*>(memory.data()));
  }
  p.b = memory.data();
  p.ldb = p.n;
  p.trans_b = false;
  return p;
}

}  // namespace

void Gemm(bool is_double, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k,
          const void* a, int64_t lda, const void* b, int64_t ldb, void* c, int64_t ldc,
          bool accumulate) {
  if (m <= 0 || n <= 0) return;
  Problem p{is_double,
            trans_a,
            trans_b,
            m,
            n,
            k,
            static_cast<const char*>(a),
            lda,
            static_cast<const char*>(b),
            ldb,
            static_cast<char*>(c),
            ldc,
            accumulate};
  const bool open_blas = PrefersOpenBlas(p);
  const double flops =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const double cost_ns = flops / (is_double ? 40 : 80);
  constexpr double kWorthSplitting = 8000;
  if (cost_ns < kWorthSplitting) {
    Run(p, open_blas);
    return;
  }
  if (k >= kLongSum && m * n <= kSmallResult) {
    RunInDepths(p, cost_ns);
    return;
  }
  // Each part of an OpenBLAS product packs its own copies, so parts are large; multiples of
  // 48 fill the tiles of both.
  const int64_t grain = open_blas ? 96 : 48;
  constexpr int64_t kManyRows = 192;
  if (trans_b && !open_blas && m >= kManyRows) p = WithoutTransposedB(p);
  if (m >= 2 * grain || m >= n) {
    ParallelFor(m, grain, cost_ns,
                [&](int64_t begin, int64_t end) { Run(Rows(p, begin, end), open_blas); });
  } else {
    ParallelFor(n, 64, cost_ns,
                [&](int64_t begin, int64_t end) { Run(Columns(p, begin, end), open_blas); });
  }
}

void* OpenBlasSymbol(const std::string& name) {
  void* library = Blas().library;
  return library == nullptr ? nullptr : dlsym(library, ("scipy_" + name).c_str());
}

std::string BlasConfig() {
  if (!Blas().loaded()) return "none (libscipy_openblas.so was not found); own kernels only";
  return Blas().config != nullptr ? Blas().config() : "OpenBLAS";
}

}  // namespace wengert::kernels
