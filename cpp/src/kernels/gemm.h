// Matrix products of float32 and float64 of any size.
#pragma once

#include <cstdint>

namespace wengert::kernels {

// As KernelTable::small_gemm. Chooses kernels and splits over threads by the extents alone; the
// result does not depend on the number of threads.
void Gemm(bool is_double, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k,
          const void* a, int64_t lda, const void* b, int64_t ldb, void* c, int64_t ldc,
          bool accumulate);

}  // namespace wengert::kernels
