// Large GEMM through OpenBLAS, pinned to one thread; rows are split by ParallelFor.
#pragma once

#include <cstdint>
#include <string>

namespace wengert::kernels {

// As KernelTable::small_gemm, any size, f32 and f64 (is_double). Chooses between the small
// kernels and OpenBLAS, splits over threads; the result does not depend on their number.
void Gemm(bool is_double, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k,
          const void* a, int64_t lda, const void* b, int64_t ldb, void* c, int64_t ldc,
          bool accumulate);
// A function of OpenBLAS by its usual name ("cblas_dgemm", "LAPACKE_dpotrf_work"); loads the
// library. Null when it is not there.
void* OpenBlasSymbol(const std::string& name);
// "OpenBLAS 0.3.34 ..." as the library describes itself.
std::string BlasConfig();

}  // namespace wengert::kernels
