// Interrupting long runs.
#pragma once

#include <chrono>

namespace wengert::runtime {

// Looks every few hundredths of a second whether the run shall end; throws then.
class InterruptTimer {
 public:
  void Poll() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(50);
    Check();
  }

 private:
  static void Check();
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
};

}  // namespace wengert::runtime
