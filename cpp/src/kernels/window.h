// Arguments of the kernels behind convolution and pooling. Memory is addressed through tables of
// offsets, counted in elements, so that padding, strides and dilation cost nothing inside.
#pragma once

#include <cstdint>

namespace wengert::kernels {

// c[out[i] + j] (+)= sum over p in [k_begin, k_end) of a[row[i] + depth[p]] * b(p, j), i < m, j <
// n. b is in panels: columns in groups of the kernel's width, each k_total rows of that width,
// dense; the last panel has half the width if that is enough; zeros beyond n.
struct GatherGemm {
  const void* a;
  const int64_t* row;
  const int64_t* depth;
  const void* b;
  void* c;
  const int64_t* out;
  int64_t m, n, k_begin, k_end, k_total;
  bool accumulate;
};
using GatherGemmFn = void (*)(const GatherGemm& args);

// Each channel for itself, channels innermost:
// c[out[i] + j] = sum over p < k of a[row[i] + depth[p] + j] * b[p * n + j], i < m, j < n.
struct DepthwiseProduct {
  const void* a;
  const int64_t* row;
  const int64_t* depth;
  const void* b;
  void* c;
  const int64_t* out;
  int64_t m, n, k;
};
using DepthwiseProductFn = void (*)(const DepthwiseProduct& args);

// c[p * n + j] += sum over i < m of a[row[i] + depth[p] + j] * b[i * n + j], p < k, j < n.
struct DepthwiseSum {
  const void* a;
  const int64_t* row;
  const int64_t* depth;
  const void* b;
  void* c;
  int64_t m, n, k;
};
using DepthwiseSumFn = void (*)(const DepthwiseSum& args);

// Pooling of part of one image: result planes [begin, end) along the first spatial axes taken
// together (depth and height); channels innermost.
struct PoolArgs {
  const void* image;   // kMax, kArgMax, kMaxGradient, kMaxGather, kAverage
  const void* second;  // kMaxGather: another image; gradients: the result's
  void* out;           // result, or for gradients the image's, zero where nothing was added yet
  int64_t image_dims[3], result_dims[3], window[3], stride[3], pad[3];
  int64_t channels;
  int64_t begin, end;
};
using PoolFn = void (*)(const PoolArgs& args);

// In the order of PoolKind (wengert/window.h).
enum PoolKindIndex : uint8_t {
  kPoolMax,
  kPoolArgMax,
  kPoolMaxGradient,
  kPoolMaxGather,
  kPoolAverage,
  kPoolAverageGradient,
  kNumPoolKinds
};

}  // namespace wengert::kernels
