// Matrix products against a plain loop, and ParallelFor: coverage, determinism, nesting,
// several callers, fork.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "check.h"
#include "kernels/blas.h"
#include "kernels/gemm.h"
#include "kernels/kernel_table.h"
#include "kernels/parallel.h"

namespace wengert::kernels {
namespace {

template <class T>
struct Case {
  bool trans_a, trans_b, accumulate;
  int64_t m, n, k, lda, ldb, ldc;
  std::vector<T> a, b, c;

  Case(bool ta, bool tb, bool add, int64_t rows, int64_t cols, int64_t depth)
      : trans_a(ta), trans_b(tb), accumulate(add), m(rows), n(cols), k(depth) {
    lda = (ta ? m : k) + 3;
    ldb = (tb ? k : n) + 1;
    ldc = n + 2;
    std::mt19937 random(static_cast<uint32_t>(m * 1000003 + n * 1009 + k));
    const auto fill = [&](std::vector<T>& v, int64_t size) {
      v.resize(static_cast<size_t>(size));
      for (T& x : v) x = static_cast<T>(static_cast<int>(random() % 9) - 4);  // exact sums
    };
    fill(a, (ta ? k : m) * lda + 1);
    fill(b, (tb ? n : k) * ldb + 1);
    fill(c, m * ldc + 1);
  }

  std::vector<T> Expected() const {
    std::vector<T> out = c;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        T sum = accumulate ? c[static_cast<size_t>(i * ldc + j)] : T(0);
        for (int64_t p = 0; p < k; ++p) {
          sum =
              static_cast<T>(sum + a[static_cast<size_t>(trans_a ? p * lda + i : i * lda + p)] *
                                       b[static_cast<size_t>(trans_b ? j * ldb + p : p * ldb + j)]);
        }
        out[static_cast<size_t>(i * ldc + j)] = sum;
      }
    }
    return out;
  }
};

// Sanitizers leave out most shapes, and what would take them seconds.
bool TooSlow(int64_t m, int64_t n, int64_t k, int number) {
  constexpr int64_t kMostProducts = 150'000'000;
  return check::kEveryNth > 1 &&
         (number % (check::kEveryNth + 1) != 0 || m * n * k > kMostProducts);
}

// Elements between the rows of C must stay as they were, so whole buffers are compared.
template <class T, class F>
void CheckShapes(std::initializer_list<int64_t> extents, std::initializer_list<int64_t> depths,
                 const char* what, F&& run) {
  int number = 0;
  for (int64_t m : extents) {
    for (int64_t n : extents) {
      for (int64_t k : depths) {
        for (int flags = 0; flags < 8; ++flags) {
          if (TooSlow(m, n, k, number++)) continue;
          const Case<T> problem((flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, m, n, k);
          std::vector<T> c = problem.c;
          run(problem, c.data());
          const bool right = c == problem.Expected();
          if (!right) {
            std::printf("%s: %d x %d x %d flags %d\n", what, int(m), int(n), int(k), flags);
          }
          CHECK(right);
        }
      }
    }
  }
}

template <class T>
void CheckSmall(const KernelTable& kernels, KDType d, std::initializer_list<int64_t> extents,
                std::initializer_list<int64_t> depths) {
  CheckShapes<T>(extents, depths, kernels.isa, [&](const Case<T>& p, T* c) {
    kernels.small_gemm[d](p.trans_a, p.trans_b, p.m, p.n, p.k, p.a.data(), p.lda, p.b.data(), p.ldb,
                          c, p.ldc, p.accumulate);
  });
}

TEST(SmallGemm) {
  for (auto table = AvailableKernels(); *table != nullptr; ++table) {
    CheckSmall<float>(**table, kF32, {0, 1, 2, 5, 6, 7, 13, 16, 17, 33, 50}, {0, 1, 7, 33});
    CheckSmall<double>(**table, kF64, {0, 1, 2, 5, 6, 7, 13, 16, 17, 33, 50}, {0, 1, 7, 33});
    CheckSmall<float>(**table, kF32, {1, 3, 70}, {300, 1100});
    CheckSmall<std::complex<float>>(**table, kC64, {0, 1, 3, 8}, {0, 1, 5});
    CheckSmall<std::complex<double>>(**table, kC128, {0, 1, 3, 8}, {0, 1, 5});
    CheckSmall<int32_t>(**table, kI32, {0, 1, 3, 8}, {0, 1, 5});
    CheckSmall<uint16_t>(**table, kU16, {0, 1, 3, 8}, {0, 1, 5});
    CheckSmall<int64_t>(**table, kI64, {0, 1, 3, 8}, {0, 1, 5});
  }
}

// Through packed copies, by blocks of k.
template <class T>
void RunPackedPanels(const PackedGemm& gemm, const Case<T>& p, int64_t block, T* c) {
  const auto up = [](int64_t n, int64_t to) { return (n + to - 1) / to * to; };
  std::vector<T> a(static_cast<size_t>(up(p.m, gemm.rows) * block + 1));
  std::vector<T> b(static_cast<size_t>(up(p.n, gemm.cols) * block + 1));
  for (int64_t at = 0; at < p.k; at += block) {
    const int64_t depth = std::min(block, p.k - at);
    gemm.pack_a(!p.trans_a, p.m, depth, p.a.data() + (p.trans_a ? at * p.lda : at), p.lda,
                a.data());
    gemm.pack_b(p.trans_b, p.n, depth, p.b.data() + (p.trans_b ? at : at * p.ldb), p.ldb, b.data());
    gemm.multiply(p.m, p.n, depth, a.data(), b.data(), c, p.ldc, p.accumulate || at > 0);
  }
}

TEST(PackedGemm) {
  for (auto table = AvailableKernels(); *table != nullptr; ++table) {
    for (const int64_t block : {7, 32}) {
      CheckShapes<float>({1, 2, 4, 5, 7, 12, 13, 16, 21, 33, 50}, {1, 7, 33}, (*table)->isa,
                         [&](const Case<float>& p, float* c) {
                           RunPackedPanels((*table)->packed_gemm[0], p, block, c);
                         });
      CheckShapes<double>({1, 2, 4, 5, 7, 12, 13, 16, 21, 33, 50}, {1, 7, 33}, (*table)->isa,
                          [&](const Case<double>& p, double* c) {
                            RunPackedPanels((*table)->packed_gemm[1], p, block, c);
                          });
    }
  }
}

template <class T>
void RunGemm(const Case<T>& p, T* c) {
  Gemm(sizeof(T) == 8, p.trans_a, p.trans_b, p.m, p.n, p.k, p.a.data(), p.lda, p.b.data(), p.ldb, c,
       p.ldc, p.accumulate);
}

TEST(GemmAnySize) {
  CheckShapes<float>({0, 1, 31, 130, 530}, {0, 3, 300}, "Gemm f32", RunGemm<float>);
  CheckShapes<double>({1, 31, 257}, {5, 530}, "Gemm f64", RunGemm<double>);
  CheckShapes<float>({1, 3, 20, 50}, {2048, 5000}, "Gemm f32 of long sums", RunGemm<float>);
  CheckShapes<double>({3, 64}, {2100}, "Gemm f64 of long sums", RunGemm<double>);
  CHECK(!BlasConfig().empty());
}

TEST(GemmOfManyRows) {
  CheckShapes<float>({600, 1030}, {130, 800}, "Gemm f32", RunGemm<float>);
}

TEST(GemmDoesNotDependOnThreads) {
  const int64_t shapes[][3] = {{1000, 50, 50}, {1, 256, 784},   {300, 700, 200},
                               {40, 900, 300}, {20, 2000, 600}, {20, 20, 9999},
                               {32, 512, 128}, {128, 512, 32},  {1024, 700, 520}};
  for (const auto& shape : shapes) {
    if (TooSlow(shape[0], shape[1], shape[2], 0)) continue;
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    std::vector<float> a(static_cast<size_t>(shape[0] * shape[2]));
    std::vector<float> b(static_cast<size_t>(shape[2] * shape[1]));
    for (float& x : a) x = normal(random);
    for (float& x : b) x = normal(random);
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        std::vector<float> first;
        for (int threads : {1, 2, 3, 7}) {
          SetThreads(threads);
          std::vector<float> c(static_cast<size_t>(shape[0] * shape[1]));
          Gemm(false, ta, tb, shape[0], shape[1], shape[2], a.data(), shape[ta ? 0 : 2], b.data(),
               shape[tb ? 2 : 1], c.data(), shape[1], false);
          if (first.empty()) first = c;
          CHECK(c == first);
        }
      }
    }
  }
  SetThreads(0);
}

constexpr double kCostly = 1e9;

TEST(ParallelForCoversOnce) {
  for (int threads : {1, 2, 5}) {
    SetThreads(threads);
    for (int64_t n : {1, 2, 7, 1000, 4097}) {
      for (int64_t grain : {1, 3, 512, 10000}) {
        std::vector<std::atomic<int>> hits(static_cast<size_t>(n));
        std::atomic<int> bad{0};
        ParallelFor(n, grain, kCostly, [&](int64_t begin, int64_t end) {
          if (begin % grain != 0 || (end % grain != 0 && end != n) || begin >= end) ++bad;
          for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
        });
        CHECK(bad == 0);
        CHECK(std::all_of(hits.begin(), hits.end(), [](const auto& h) { return h == 1; }));
      }
    }
  }
  bool called = false;
  ParallelFor(0, 1, kCostly, [&](int64_t, int64_t) { called = true; });
  CHECK(!called);
  SetThreads(0);
  CHECK(Threads() >= 1);
}

TEST(ParallelForManyTimes) {
  SetThreads(4);
  std::atomic<int64_t> sum{0};
  for (int i = 0; i < 20000; ++i) {
    ParallelFor(64, 1, kCostly, [&](int64_t begin, int64_t end) { sum += end - begin; });
  }
  CHECK(sum == 20000 * 64);
  SetThreads(0);
}

TEST(ParallelForNestedAndConcurrent) {
  SetThreads(3);
  std::atomic<int64_t> sum{0};
  const auto work = [&] {
    for (int i = 0; i < 200; ++i) {
      ParallelFor(16, 1, kCostly, [&](int64_t begin, int64_t end) {
        ParallelFor(end - begin, 1, kCostly, [&](int64_t b, int64_t e) { sum += e - b; });
      });
    }
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) callers.emplace_back(work);
  for (std::thread& caller : callers) caller.join();
  CHECK(sum == 3 * 200 * 16);
  SetThreads(0);
}

#ifndef __SANITIZE_THREAD__  // which does not allow threads after a fork
TEST(ParallelForAfterFork) {
  SetThreads(2);
  std::atomic<int64_t> sum{0};
  const auto region = [&] {
    ParallelFor(100, 1, kCostly, [&](int64_t begin, int64_t end) { sum += end - begin; });
  };
  region();
  const pid_t child = fork();
  if (child == 0) {
    sum = 0;
    region();
    _exit(sum == 100 ? 0 : 1);
  }
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  region();
  CHECK(sum == 200);
  SetThreads(0);
}
#endif

TEST(Dispatch) {
  const char* best = (*AvailableKernels())->isa;
  for (auto table = AvailableKernels(); *table != nullptr; ++table) {
    CHECK(UseKernels((*table)->isa));
    CHECK(&Kernels() == *table);
  }
  CHECK(!UseKernels("z80"));
  CHECK(UseKernels(best));
}

}  // namespace
}  // namespace wengert::kernels

TEST_MAIN()
