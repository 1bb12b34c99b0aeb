#include "kernels/blas.h"

#include <dlfcn.h>

#include <cstdlib>

namespace wengert::kernels {
namespace {

// OpenBLAS as the wheel scipy-openblas32 ships it: symbols with a prefix. Loaded when linear
// algebra first asks for it, because loading it starts its threads and takes as long as the whole
// import.
struct OpenBlas {
  char* (*config)() = nullptr;
  void* library = nullptr;
};

OpenBlas LoadOpenBlas() {
  OpenBlas blas;
  // One thread: batches are split by ParallelFor. The variable is read while the library loads.
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

}  // namespace

void* OpenBlasSymbol(const std::string& name) {
  void* library = Blas().library;
  return library == nullptr ? nullptr : dlsym(library, ("scipy_" + name).c_str());
}

std::string BlasConfig() {
  if (Blas().library == nullptr) return "none (libscipy_openblas.so was not found)";
  return Blas().config != nullptr ? Blas().config() : "OpenBLAS";
}

}  // namespace wengert::kernels
