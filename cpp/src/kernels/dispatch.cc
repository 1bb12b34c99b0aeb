// Chooses the kernel table at run time. Compiled for the baseline; only FillTable of a set
// that the processor has is ever called.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "kernels/isa_tables.h"
#include "kernels/kernel_table.h"

namespace wengert::kernels {
namespace {

// Best first, and only what this build contains (cmake/Isa.cmake).
class Isas {
 public:
  Isas() {
#ifdef WENGERT_HAVE_X86_64_V4
    Add(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl") && HasV3(),
        x86_64_v4::FillTable);
#endif
#ifdef WENGERT_HAVE_X86_64_V3
    Add(HasV3(), x86_64_v3::FillTable);
#endif
#ifdef WENGERT_HAVE_X86_64
    Add(true, x86_64::FillTable);
#endif
#ifdef WENGERT_HAVE_AARCH64
    Add(true, aarch64::FillTable);
#endif
    const char* wanted = std::getenv("WENGERT_ISA");
    const KernelTable* found = wanted != nullptr ? Find(wanted) : nullptr;
    current_.store(found != nullptr ? found : available_[0], std::memory_order_relaxed);
  }

  const KernelTable* const* available() const { return available_; }
  const KernelTable* Find(const char* isa) const {
    for (int i = 0; i < count_; ++i) {
      if (std::strcmp(tables_[i].isa, isa) == 0) return &tables_[i];
    }
    return nullptr;
  }
  std::atomic<const KernelTable*>& current() { return current_; }

 private:
#if defined(WENGERT_HAVE_X86_64_V3) || defined(WENGERT_HAVE_X86_64_V4)
  static bool HasV3() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt") &&
           __builtin_cpu_supports("movbe");
  }
#endif
  void Add(bool available, void (*fill)(KernelTable&)) {
    if (!available) return;
    fill(tables_[count_]);
    available_[count_] = &tables_[count_];
    ++count_;
  }

  static constexpr int kMost = 4;
  KernelTable tables_[kMost] = {};
  const KernelTable* available_[kMost + 1] = {};
  int count_ = 0;
  std::atomic<const KernelTable*> current_{nullptr};
};

Isas& TheIsas() {
  static Isas isas;
  return isas;
}

}  // namespace

const KernelTable& Kernels() {
  return *TheIsas().current().load(std::memory_order_relaxed);
}

const KernelTable* const* AvailableKernels() {
  return TheIsas().available();
}

bool UseKernels(const char* isa) {
  const KernelTable* found = TheIsas().Find(isa);
  if (found == nullptr) return false;
  TheIsas().current().store(found, std::memory_order_relaxed);
  return true;
}

}  // namespace wengert::kernels
