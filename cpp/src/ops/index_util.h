// Pieces shared by the ops that gather, scatter and reduce by segments.
#pragma once

#include <string>
#include <vector>

#include "ops/shape_util.h"
#include "wengert/builder.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {

// Parts of RegisterIndexOps, by file.
void RegisterGatherOps(OpRegistry& r);
void RegisterScatterOps(OpRegistry& r);
void RegisterSegmentOps(OpRegistry& r);
void RegisterUnsortedSegmentOps(OpRegistry& r);
void RegisterSparseSegmentOps(OpRegistry& r);
void RegisterSelectionOps(OpRegistry& r);
void RegisterUniqueOps(OpRegistry& r);

namespace index_util {

inline constexpr const char* kPolicy = "bad_indices_policy: string = ''";

// True when bad indices are to be skipped. Throws InvalidArgument on an unknown policy.
bool IgnoresBadIndices(const std::string& policy);

// The scatter of `updates` at `indices`, checked while building: Fails when they cannot fit
// a tensor of shape `into`.
void CheckScatterShapes(ShapeContext& c, const Shape& indices, const Shape& updates,
                        const Shape& into);

// b[:stop], b[start:] and b[i] of a vector where the bound is a tensor.
Tensor SliceTo(Builder& b, const Tensor& x, const Tensor& stop);
Tensor SliceFrom(Builder& b, const Tensor& x, const Tensor& start);
Tensor ElementAt(Builder& b, const Tensor& x, const Tensor& i);
// The same where it is a number.
Tensor SliceTo(Builder& b, const Tensor& x, int64_t stop);
Tensor SliceFrom(Builder& b, const Tensor& x, int64_t start);
Tensor ElementAt(Builder& b, const Tensor& x, int64_t i);

// A Fill called "ones_like" with the shape of `x`, never a constant.
Tensor FilledLike(Builder& b, const Tensor& x, const Array& one);

// The smallest and the largest finite value of a real dtype.
Array Lowest(DType dtype);
Array Highest(DType dtype);

// `ids` unchanged, after a check at run time: all in [0, limit) and, with `sorted`, never
// decreasing. Negative ones pass when `negative_ok`; limit < 0: none.
Value CheckedSegmentIds(Lowering& b, Value ids, int64_t limit, bool sorted, bool negative_ok);

}  // namespace index_util
}  // namespace wengert
