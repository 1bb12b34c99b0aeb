// Interrupting long runs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace wengert::runtime {

// Looks every few hundredths of a second whether the run shall end; throws then. May be polled
// by many threads.
class InterruptTimer {
 public:
  InterruptTimer() : last_(Now()), next_(last_ + kEvery) {}
  void Poll() {
    const int64_t left = left_.load(std::memory_order_relaxed) - 1;
    left_.store(left, std::memory_order_relaxed);
    if (left <= 0) Look();
  }

 private:
  static constexpr int64_t kEvery = 50'000'000;  // nanoseconds
  static constexpr int64_t kOften = 1'000'000;

  // The clock takes as long as a small step: where polls come often, it is asked at every
  // second, fourth, ... of them. Threads that overtake each other here only look more often.
  void Look() {
    const int64_t now = Now();
    const int64_t stride = stride_.load(std::memory_order_relaxed);
    const bool often = now - last_.exchange(now, std::memory_order_relaxed) < kOften;
    const int64_t next = often ? (stride < 64 ? 2 * stride : stride) : 1;
    stride_.store(next, std::memory_order_relaxed);
    left_.store(next, std::memory_order_relaxed);
    if (now < next_.load(std::memory_order_relaxed)) return;
    next_.store(now + kEvery, std::memory_order_relaxed);
    Check();
  }
  static int64_t Now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  static void Check();
  std::atomic<int64_t> last_, next_;
  std::atomic<int64_t> stride_ = 1, left_ = 1;
};

}  // namespace wengert::runtime
