// parallel_for: the one place that knows about threads.
#pragma once

#include <cstdint>
#include <type_traits>

namespace wengert::kernels {

// Calls body(context, begin, end) over disjoint chunks that cover [0, n). Chunk boundaries
// are multiples of `grain` and depend on n and grain alone, never on the number of threads.
// Runs on the calling thread alone when `cost_ns` (estimated serial time) is small, one thread
// is configured, or the caller is itself inside a parallel region.
// `body` must not throw.
void ParallelFor(int64_t n, int64_t grain, double cost_ns, void* context,
                 void (*body)(void* context, int64_t begin, int64_t end));

template <class F>
void ParallelFor(int64_t n, int64_t grain, double cost_ns, F&& f) {
  ParallelFor(n, grain, cost_ns, const_cast<void*>(static_cast<const void*>(&f)),
              [](void* context, int64_t begin, int64_t end) {
                (*static_cast<std::remove_reference_t<F>*>(context))(begin, end);
              });
}

// While it lives, regions that this thread starts use at most `n` threads (0: no limit).
class ThreadLimit {
 public:
  explicit ThreadLimit(int n);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int previous_;
};

void SetThreads(int n);  // 0: the default
int Threads();

}  // namespace wengert::kernels
