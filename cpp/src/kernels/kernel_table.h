// The kernels of one instruction set, as plain function pointers. Kernels see pointers and
// counts, nothing of programs or graphs.
#pragma once

#include <cstdint>

#include "kernels/window.h"

namespace wengert::kernels {

// Dtypes that have kernels, densely numbered. float16/bfloat16 only convert.
enum KDType : uint8_t {
  kF32,
  kF64,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kBool,
  kC64,
  kC128,
  kF16,
  kBF16,
  kNumKDTypes
};

enum MapOp : uint8_t {
#define SCALAR_OP(name, arity, group) kMap##name,
#include "wengert/scalar_ops.def"
#undef SCALAR_OP
  kNumMapOps
};

enum ReduceKind : uint8_t {
  kReduceSum,
  kReduceProd,
  kReduceMax,
  kReduceMin,
  kReduceAll,
  kReduceAny,
  kNumReduceKinds
};

// out[i] = op(a[i], b[i], c[i]), i < n. Operands are dense; b and c are ignored beyond the
// arity. `out` may be equal to an operand of the same element size, never overlap otherwise.
// Results do not depend on n or alignment: element i is computed the same way in any block.
// Returns false when an integer was divided by zero (that element is 0), else true.
using MapFn = bool (*)(void* out, const void* a, const void* b, const void* c, int64_t n);
// sine[i] = sin x[i], cosine[i] = cos x[i], with the bits of the two maps. One of them may be equal
// to x.
using SinCosFn = void (*)(void* sine, void* cosine, const void* x, int64_t n);
// out[i] = static_cast<dst>(x[i])
using CastFn = void (*)(void* out, const void* x, int64_t n);
// out[i] = value[0]
using SplatFn = void (*)(void* out, const void* value, int64_t n);
// acc[0] = acc[0] (op) x[0] (op) ... x[n-1]; a fixed tree that depends on n alone.
using ReduceFn = void (*)(void* acc, const void* x, int64_t n);
// Row-wise: acc[r] = acc[r] (op) reduce(x[r*stride .. r*stride+cols)), for short rows.
using ReduceRowsFn = void (*)(void* acc, const void* x, int64_t rows, int64_t cols, int64_t stride);
// out[r] = the sum over a[r * a_stride + j] * b[r * b_stride + j], j < cols: the bits of products
// reduced in pieces of kDotPiece. From kDotBytes of a row on.
using DotRowsFn = void (*)(void* out, const void* a, const void* b, int64_t rows, int64_t cols,
                           int64_t a_stride, int64_t b_stride);
constexpr int64_t kDotBytes = 256, kDotPiece = 512;
// C[m,n] = (accumulate ? C : 0) + op(A) op(B), row-major with leading dimensions; lda is the
// stride between stored rows of A. trans_a: A is stored [k,m].
using GemmFn = void (*)(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void* a,
                        int64_t lda, const void* b, int64_t ldb, void* c, int64_t ldc,
                        bool accumulate);

// Products of packed panels. A panel is [depth][rows] of A or [depth][cols] of B; a matrix is
// packed as one panel after another, the last one filled up with zeros.
struct PackedGemm {
  int rows, cols;
  // Packs `lanes` rows of A or columns of B over `depth`. across: element (lane, p) is
  // x[lane * ld + p], otherwise x[p * ld + lane].
  void (*pack_a)(bool across, int64_t lanes, int64_t depth, const void* x, int64_t ld, void* out);
  void (*pack_b)(bool across, int64_t lanes, int64_t depth, const void* x, int64_t ld, void* out);
  // C[m,n] = (accumulate ? C : 0) + A B, where k is the depth of the panels.
  void (*multiply)(int64_t m, int64_t n, int64_t k, const void* a, const void* b, void* c,
                   int64_t ldc, bool accumulate);
};

struct KernelTable {
  const char* isa;                        // "x86-64", "x86-64-v3", "x86-64-v4", "aarch64"
  MapFn map[kNumMapOps][kNumKDTypes];     // by operand dtype; null: no such kernel.
                                          // Select: by dtype of a and b; comparisons write bool
  SinCosFn sin_cos[kNumKDTypes];          // f32, f64
  CastFn cast[kNumKDTypes][kNumKDTypes];  // [from][to]; complex to real drops the imaginary part
  SplatFn splat[17];                      // by element size: 1, 2, 4, 8, 16
  ReduceFn reduce[kNumReduceKinds][kNumKDTypes];  // All, Any: bool only
  ReduceRowsFn reduce_rows[kNumReduceKinds][kNumKDTypes];
  DotRowsFn dot_rows[kNumKDTypes];  // f32, f64
  GemmFn small_gemm[kNumKDTypes];  // f32, f64: up to about 128 in each extent and M = 1; c64, c128,
                                   // ints: any size, plain
  PackedGemm packed_gemm[2];       // f32, f64
  GatherGemmFn gather_gemm[kNumKDTypes];  // convolution: f32, f64, i32
  int64_t gather_width[kNumKDTypes];      // columns of a full panel of its b
  DepthwiseProductFn depthwise[kNumKDTypes];
  DepthwiseSumFn depthwise_filter[kNumKDTypes];
  PoolFn pool[kNumPoolKinds][kNumKDTypes];  // f32, f64; maxima also i32, i64
};

// The table in use: the best this machine runs, or the one WENGERT_ISA names (an unknown or
// unsupported name: the best one).
const KernelTable& Kernels();
// All tables this machine can run, best first; null-terminated array.
const KernelTable* const* AvailableKernels();
// Switches the table (tests); false when the name is not available.
bool UseKernels(const char* isa);

}  // namespace wengert::kernels
