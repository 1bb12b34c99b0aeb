// A pool whose callers wait for claimed chunks, never for threads: a worker that got no
// processor takes nothing and delays nobody.
//
// One region runs at a time. Its state is a ticket, (epoch << 32 | a bit for each chunk not yet
// claimed), from which the caller and the workers claim chunks by compare-and-swap. A claim
// succeeds only while the epoch is the one whose description the claimer has read, and a region
// ends only when all its claimed chunks are done, so a successful claim proves that the description
// is current.
#include "kernels/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace wengert::kernels {
namespace {

using Body = void (*)(void*, int64_t, int64_t);

constexpr double kWorthwhileNs = 4000;
constexpr int64_t kMostChunks = 32;  // the bits of a ticket
constexpr int kMostThreads = 1024;
constexpr int kSpins = 2000;  // about 20 us before a worker sleeps

thread_local bool inside_region = false;
thread_local int thread_limit = 0;  // 0: none

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int DefaultThreads() {
  if (const char* text = std::getenv("WENGERT_NUM_THREADS")) {
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && n > 0)
      return static_cast<int>(std::min<long>(n, kMostThreads));
  }
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    return std::clamp(CPU_COUNT(&set), 1, kMostThreads);
  }
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostThreads);
}

// The chunks of [0, n): a function of n and grain alone.
struct Chunks {
  int64_t n, size, count;

  Chunks(int64_t total, int64_t grain) : n(total) {
    grain = std::max<int64_t>(grain, 1);
    const int64_t grains = (n - 1) / grain + 1;
    size = ((grains - 1) / kMostChunks + 1) * grain;
    count = (n - 1) / size + 1;
  }
  void Run(Body body, void* context, int64_t i) const {
    body(context, i * size, i == count - 1 ? n : (i + 1) * size);
  }
};

class Pool {
 public:
  // False when another region is running: the caller then works alone.
  bool TryRun(const Chunks& chunks, int threads, void* context, Body body) {
    std::unique_lock<std::mutex> lock(region_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    StartWorkers(threads - 1);
    context_.store(context, std::memory_order_relaxed);
    body_.store(body, std::memory_order_relaxed);
    n_.store(chunks.n, std::memory_order_relaxed);
    size_.store(chunks.size, std::memory_order_relaxed);
    count_.store(static_cast<uint32_t>(chunks.count), std::memory_order_relaxed);
    helpers_.store(threads - 1, std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    const uint64_t epoch = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
    ticket_.store(epoch << 32 | ((uint64_t{1} << chunks.count) - 1));
    if (sleepers_.load() > 0) {
      {
        std::lock_guard<std::mutex> guard(sleep_);
      }
      wake_.notify_all();
    }
    Help(epoch & 0xffffffffu, 0);
    for (int spins = 0; done_.load(std::memory_order_acquire) != chunks.count; ++spins) {
      if (spins < kSpins) {
        Pause();
      } else {
        std::this_thread::yield();
      }
    }
    return true;
  }

  // Joins the workers; false when a region is still running.
  bool Stop() {
    std::unique_lock<std::mutex> lock(region_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    {
      std::lock_guard<std::mutex> guard(sleep_);
      stop_.store(true);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    return true;
  }

 private:
  void StartWorkers(int wanted) {
    while (static_cast<int>(workers_.size()) < wanted) {
      const int id = static_cast<int>(workers_.size());
      try {
        workers_.emplace_back([this, id] { Work(id); });
      } catch (const std::system_error&) {
        return;  // no more threads to be had; those there are do the work
      } catch (const std::bad_alloc&) {
        return;
      }
    }
  }

  // The chunk that thread `id` takes next. Each has a share of its own, always the same one, so
  // that what it finds there is still in its caches from the region before; who is done
  // with it takes from the end of another's.
  static int Choose(uint32_t left, int id, int64_t count, int threads) {
    const int64_t begin = count * id / threads, end = count * (id + 1) / threads;
    const uint32_t below = static_cast<uint32_t>((uint64_t{1} << begin) - 1);
    const uint32_t own = left & static_cast<uint32_t>((uint64_t{1} << end) - 1) & ~below;
    if (own != 0) return std::countr_zero(own);
    const uint32_t others = (left & below) != 0 ? left & below : left;
    return 31 - std::countl_zero(others);
  }

  // Takes chunks of the region `epoch` until there are none.
  void Help(uint64_t epoch, int id) {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    while (ticket >> 32 == epoch) {
      void* context = context_.load(std::memory_order_relaxed);
      const Body body = body_.load(std::memory_order_relaxed);
      const int64_t n = n_.load(std::memory_order_relaxed);
      const int64_t size = size_.load(std::memory_order_relaxed);
      const int64_t count = count_.load(std::memory_order_relaxed);
      const int threads = helpers_.load(std::memory_order_relaxed) + 1;
      const uint32_t left = static_cast<uint32_t>(ticket);
      if (left == 0) return;
      const int64_t chunk = Choose(left, id % threads, count, threads);
      if (!ticket_.compare_exchange_weak(ticket, ticket & ~(uint64_t{1} << chunk),
                                         std::memory_order_acq_rel, std::memory_order_acquire)) {
        continue;
      }
      body(context, chunk * size, chunk == count - 1 ? n : (chunk + 1) * size);
      done_.fetch_add(1, std::memory_order_release);
      ticket = ticket_.load(std::memory_order_acquire);
    }
  }

  void Work(int id) {
    inside_region = true;
    uint64_t seen = 0;
    for (;;) {
      uint64_t epoch = seen;
      for (int spins = 0; spins < kSpins; ++spins) {
        epoch = ticket_.load(std::memory_order_acquire) >> 32;
        if (epoch != seen) break;
        Pause();
      }
      if (epoch == seen) {
        std::unique_lock<std::mutex> lock(sleep_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return stop_.load() || ticket_.load() >> 32 != seen; });
        sleepers_.fetch_sub(1);
        if (stop_.load()) return;
        epoch = ticket_.load(std::memory_order_acquire) >> 32;
      }
      if (stop_.load(std::memory_order_relaxed)) return;
      seen = epoch;
      if (id < helpers_.load(std::memory_order_relaxed)) Help(epoch, id + 1);
    }
  }

  std::mutex region_;
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<int64_t> done_{0};
  alignas(64) std::atomic<void*> context_{nullptr};
  std::atomic<Body> body_{nullptr};
  std::atomic<int64_t> n_{0}, size_{0};
  std::atomic<uint32_t> count_{0};
  std::atomic<int> helpers_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::mutex sleep_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

std::atomic<Pool*> the_pool{nullptr};
std::atomic<bool> closed{false};
std::atomic<int> configured{0};  // 0: not yet known

// The threads of a pool do not survive a fork: the child leaves it behind and makes its own.
void ForgetPool() {
  the_pool.store(nullptr);
  inside_region = false;
}

Pool* GetPool() {
  Pool* pool = the_pool.load(std::memory_order_acquire);
  if (pool != nullptr) return pool;
  static const bool registered = (pthread_atfork(nullptr, nullptr, ForgetPool), true);
  static_cast<void>(registered);
  Pool* fresh = new (std::nothrow) Pool;
  if (fresh == nullptr) return nullptr;
  if (the_pool.compare_exchange_strong(pool, fresh)) return fresh;
  delete fresh;
  return pool;
}

// At exit: joins the workers, or leaves a pool that is still at work to the system.
struct Closer {
  ~Closer() {
    closed.store(true);
    Pool* pool = the_pool.exchange(nullptr);
    if (pool != nullptr && pool->Stop()) delete pool;
  }
} closer;

}  // namespace

void ParallelFor(int64_t n, int64_t grain, double cost_ns, void* context, Body body) {
  if (n <= 0) return;
  const Chunks chunks(n, grain);
  if (chunks.count > 1 && cost_ns >= kWorthwhileNs && !inside_region) {
    int threads = static_cast<int>(std::min<int64_t>(Threads(), chunks.count));
    if (thread_limit > 0) threads = std::min(threads, thread_limit);
    if (threads > 1 && !closed.load(std::memory_order_relaxed)) {
      inside_region = true;
      Pool* pool = GetPool();
      const bool ran = pool != nullptr && pool->TryRun(chunks, threads, context, body);
      inside_region = false;
      if (ran) return;
    }
  }
  for (int64_t i = 0; i < chunks.count; ++i) chunks.Run(body, context, i);
}

ThreadLimit::ThreadLimit(int n) : previous_(thread_limit) {
  thread_limit = n;
}
ThreadLimit::~ThreadLimit() {
  thread_limit = previous_;
}

void SetThreads(int n) {
  configured.store(n > 0 ? std::min(n, kMostThreads) : DefaultThreads());
}

int Threads() {
  int n = configured.load(std::memory_order_relaxed);
  if (n == 0) {
    n = DefaultThreads();
    configured.store(n, std::memory_order_relaxed);
  }
  return n;
}

}  // namespace wengert::kernels
