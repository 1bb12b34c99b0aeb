#include "kernels/gemm.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/kernel_table.h"
#include "kernels/parallel.h"

namespace wengert::kernels {
namespace {

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
  KDType type() const { return is_double ? kF64 : kF32; }
  double cost_ns() const {
    const double flops =
        2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    return flops / (is_double ? 40 : 80);
  }
};

constexpr double kWorthSplittingNs = 8000;
constexpr int64_t kFewRows = 48;

void RunSmall(const Problem& p) {
  Kernels().small_gemm[p.type()](p.trans_a, p.trans_b, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, p.c,
                                 p.ldc, p.accumulate);
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

int64_t RoundUp(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}

// Memory that a thread keeps, aligned to a line of the cache.
class Scratch {
 public:
  char* Take(int64_t bytes) {
    constexpr size_t kLine = 64;
    const size_t wanted = static_cast<size_t>(bytes) + kLine;
    if (size_ < wanted) {
      memory_.reset();
      memory_.reset(new char[wanted]);
      size_ = wanted;
    }
    const size_t over = reinterpret_cast<uintptr_t>(memory_.get()) % kLine;
    return memory_.get() + (over == 0 ? 0 : kLine - over);
  }

 private:
  std::unique_ptr<char[]> memory_;
  size_t size_ = 0;
};

// Rows of a piece of work: at least `least` where there are so many, and as many pieces as pay.
// Of the sizes near that, the one that makes pieces alike, an even number of them. Pieces are
// rows where they can be: what a thread writes then lies together, and its neighbours' caches
// are left alone, which narrow columns of C would not do.
int64_t PieceRows(const Problem& p, int64_t least) {
  constexpr double kPieceNs = 8000;
  constexpr int64_t kMostPieces = 32, kTile = 4;
  const int64_t most = std::clamp<int64_t>(
      std::min(static_cast<int64_t>(p.cost_ns() / kPieceNs), p.m / least), 2, kMostPieces);
  int64_t best = 0, least_cost = 0;
  for (int64_t pieces = most; pieces >= std::max<int64_t>(2, most * 3 / 4); --pieces) {
    const int64_t rows = RoundUp((p.m + pieces - 1) / pieces, kTile);
    const int64_t cost = RoundUp((p.m + rows - 1) / rows, 2) * rows;
    if (best == 0 || cost < least_cost) {
      best = rows;
      least_cost = cost;
    }
  }
  return best;
}

// The depth that packed panels have: blocks of k as even as can be.
int64_t BlockDepth(const Problem& p) {
  const int64_t most = 1536 / p.size();
  const int64_t blocks = (p.k + most - 1) / most;
  return (p.k + blocks - 1) / blocks;
}

// Whether copies of A and B in the order of the inner loop pay. Decided for the whole product,
// so that every part of it takes the same path.
bool PrefersPanels(const Problem& p) {
  const int64_t vector_bytes = Kernels().packed_gemm[p.type()].cols * p.size() / 2;
  if (p.m < 8 || p.n * p.size() < vector_bytes || p.k < 8) return false;
  constexpr int64_t kShortRow = 512, kCache = 128 * 1024, kSmallB = 16 * 1024;
  if (p.trans_b) return p.n * p.k * p.size() > kSmallB;  // else the small kernels copy it as well
  // A few tiles read B while it passes by; rows of it that lie close disturb no cache.
  if (p.m < kFewRows) return false;
  const bool far_a = p.lda * p.size() % 4096 == 0;
  return far_a || p.ldb * p.size() > kShortRow || p.k * p.ldb * p.size() > kCache;
}

// C = A B for one block of k, where B is packed; a few panels of A at a time.
void MultiplyRows(const Problem& p, const char* b) {
  constexpr int64_t kPanels = 4;
  thread_local Scratch memory;
  const PackedGemm& gemm = Kernels().packed_gemm[p.type()];
  const int64_t rows = std::min(RoundUp(p.m, gemm.rows), kPanels * gemm.rows);
  char* a = memory.Take(rows * p.k * p.size());
  for (int64_t i = 0; i < p.m; i += rows) {
    const Problem part = Rows(p, i, std::min(p.m, i + rows));
    gemm.pack_a(!p.trans_a, part.m, p.k, part.a, p.lda, a);
    gemm.multiply(part.m, p.n, p.k, a, b, part.c, p.ldc, p.accumulate);
  }
}

// Calls body(problem, offset) for the blocks of k, where `offset` is that of their panels of B.
template <class F>
void ForBlocks(const Problem& p, F&& body) {
  const int64_t depth = BlockDepth(p);
  const int64_t width = RoundUp(p.n, Kernels().packed_gemm[p.type()].cols);
  for (int64_t at = 0; at < p.k; at += depth) {
    Problem block = Depths(p, at, std::min(p.k, at + depth));
    block.accumulate = p.accumulate || at > 0;
    body(block, at * width * p.size());
  }
}

void PackB(const Problem& p, int64_t begin, int64_t end, char* to) {
  const Problem part = Columns(p, begin, end);
  Kernels().packed_gemm[p.type()].pack_b(p.trans_b, part.n, p.k, part.b, p.ldb,
                                         to + begin * p.k * p.size());
}

// By one thread, with packed copies of its own.
void RunPackedAlone(const Problem& p) {
  thread_local Scratch memory;
  const int64_t width = RoundUp(p.n, Kernels().packed_gemm[p.type()].cols);
  char* b = memory.Take(width * BlockDepth(p) * p.size());
  ForBlocks(p, [b](const Problem& block, int64_t) {
    PackB(block, 0, block.n, b);
    MultiplyRows(block, b);
  });
}

// Threads share one copy of B and pack the rows of A that they multiply.
void RunPackedRows(const Problem& p) {
  thread_local Scratch memory;
  const int64_t cols = Kernels().packed_gemm[p.type()].cols, panels = (p.n + cols - 1) / cols;
  char* b = memory.Take(panels * cols * p.k * p.size());
  const double pack_ns = 0.1 * static_cast<double>(p.n * p.k * p.size() / 4);
  ParallelFor(panels, 1, pack_ns, [&p, b, cols](int64_t begin, int64_t end) {
    ForBlocks(p, [&](const Problem& block, int64_t offset) {
      PackB(block, begin * cols, std::min(p.n, end * cols), b + offset);
    });
  });
  ParallelFor(p.m, PieceRows(p, 12), p.cost_ns(), [&p, b](int64_t begin, int64_t end) {
    ForBlocks(Rows(p, begin, end),
              [b](const Problem& block, int64_t offset) { MultiplyRows(block, b + offset); });
  });
}

void RunPacked(const Problem& p) {
  constexpr int64_t kManyRows = 512, kLargeB = 512 * 1024, kMostBytes = 8 << 20;
  const int64_t cols = Kernels().packed_gemm[p.type()].cols;
  if (p.cost_ns() < kWorthSplittingNs) {
    RunPackedAlone(p);
  } else if (p.m < kFewRows && p.n > cols) {
    ParallelFor(p.n, 2 * cols, p.cost_ns(),
                [&p](int64_t begin, int64_t end) { RunPackedAlone(Columns(p, begin, end)); });
  } else if (p.m < kManyRows || p.n * p.k * p.size() < kLargeB) {
    // To copy B for every piece costs less than to read what another thread has copied.
    ParallelFor(p.m, PieceRows(p, 48), p.cost_ns(),
                [&p](int64_t begin, int64_t end) { RunPackedAlone(Rows(p, begin, end)); });
  } else {
    // Copies of B are made for so many columns and so much depth at once.
    const int64_t depth = std::min(p.k, 16 * BlockDepth(p));
    const int64_t width = std::max<int64_t>(kMostBytes / (depth * p.size()) / cols, 1) * cols;
    for (int64_t j = 0; j < p.n; j += width) {
      for (int64_t at = 0; at < p.k; at += depth) {
        Problem part =
            Columns(Depths(p, at, std::min(p.k, at + depth)), j, std::min(p.n, j + width));
        part.accumulate = p.accumulate || at > 0;
        RunPackedRows(part);
      }
    }
  }
}

// Long sums for a small result, such as gradients of weights over many rows: parts of k are
// summed by themselves and then added in order. The parts depend on the sizes alone.
constexpr int64_t kLongSum = 2048, kSmallResult = 4096;

void RunInDepths(const Problem& p) {
  constexpr int64_t kMostParts = 16, kPart = 256;
  const int64_t depth =
      std::max<int64_t>(2 * kPart, (p.k + kMostParts * kPart - 1) / (kMostParts * kPart) * kPart);
  const int64_t parts = (p.k + depth - 1) / depth;
  const int64_t bytes = p.m * p.n * p.size();
  thread_local Scratch memory;
  char* sums = memory.Take(bytes * parts);
  ParallelFor(parts, 1, p.cost_ns(), [&p, sums, depth, bytes](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Problem part = Depths(p, i * depth, std::min(p.k, (i + 1) * depth));
      part.c = sums + i * bytes;
      part.ldc = p.n;
      part.accumulate = false;
      RunSmall(part);
    }
  });
  const MapFn add = Kernels().map[kMapAdd][p.type()];
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

}  // namespace

void Gemm(bool is_double, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k,
          const void* a, int64_t lda, const void* b, int64_t ldb, void* c, int64_t ldc,
          bool accumulate) {
  if (m <= 0 || n <= 0) return;
  const Problem p{is_double,
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
  const bool split = p.cost_ns() >= kWorthSplittingNs;
  if (split && k >= kLongSum && m * n <= kSmallResult) {
    RunInDepths(p);
  } else if (PrefersPanels(p)) {
    RunPacked(p);
  } else if (!split) {
    RunSmall(p);
  } else if (m >= kFewRows / 2 || m >= n) {
    ParallelFor(m, PieceRows(p, kFewRows / 4), p.cost_ns(),
                [&p](int64_t begin, int64_t end) { RunSmall(Rows(p, begin, end)); });
  } else {
    ParallelFor(n, 256 / p.size(), p.cost_ns(),
                [&p](int64_t begin, int64_t end) { RunSmall(Columns(p, begin, end)); });
  }
}

}  // namespace wengert::kernels
