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
  InterruptTimer() : next_(Now() + kEvery) {}
  void Poll() {
    const int64_t now = Now();
    if (now < next_.load(std::memory_order_relaxed)) return;
    next_.store(now + kEvery, std::memory_order_relaxed);
    Check();
  }

 private:
  static constexpr int64_t kEvery = 50'000'000;  // nanoseconds
  static int64_t Now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  static void Check();
  std::atomic<int64_t> next_;
};

}  // namespace wengert::runtime
