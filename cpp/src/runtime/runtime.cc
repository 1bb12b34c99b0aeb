#include "runtime/runtime.h"

#include <atomic>

#include "compile/lower.h"
#include "kernels/blas.h"
#include "kernels/kernel_table.h"
#include "kernels/parallel.h"

namespace wengert {

namespace {
std::atomic<int64_t> default_memory_budget{-1};
}  // namespace

namespace runtime {

void InstallRuntime() {
  static const bool installed = [] {
    SetConstantEvaluator([](const Tensor& t) { return compile::EvaluateTensor(t); });
    return true;
  }();
  static_cast<void>(installed);
}

}  // namespace runtime

void InitializeRuntime() {
  runtime::InstallRuntime();
}

void SetNumThreads(int n) {
  kernels::SetThreads(n);
}
int NumThreads() {
  return kernels::Threads();
}

void SetMemoryBudget(int64_t bytes) {
  default_memory_budget = bytes < 0 ? -1 : bytes;
}
int64_t MemoryBudget() {
  return default_memory_budget;
}

std::vector<std::string> AvailableIsas() {
  std::vector<std::string> names;
  for (const kernels::KernelTable* const* table = kernels::AvailableKernels(); *table != nullptr;
       ++table) {
    names.emplace_back((*table)->isa);
  }
  return names;
}

std::string CurrentIsa() {
  return kernels::Kernels().isa;
}
bool UseIsa(const std::string& name) {
  return kernels::UseKernels(name.c_str());
}
std::string BlasDescription() {
  return kernels::BlasConfig();
}

}  // namespace wengert
