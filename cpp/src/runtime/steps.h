// Makers of steps, by family.
#pragma once

#include <memory>
#include <string>

#include "runtime/plan.h"

namespace wengert::runtime {

// Null when the node needs none (inputs, constants, views, variables).
std::unique_ptr<Step> MakeStep(StepContext& context);

// Bytes from one slot to another: results that must not share memory.
std::unique_ptr<Step> MakeCopy(int from, int to, size_t bytes);

// Movement: Broadcast, Transpose, Slice, Pad, Concat.
std::unique_ptr<Step> MakeMovement(StepContext& context);
// Gather, GatherNd, Scatter.
std::unique_ptr<Step> MakeGather(StepContext& context);
std::unique_ptr<Step> MakeGatherNd(StepContext& context);
std::unique_ptr<Step> MakeScatter(StepContext& context);
// A scatter in two: checking its indices, and writing into memory that both its operand and
// its output name.
std::unique_ptr<Step> MakeScatterCheck(StepContext& context);
std::unique_ptr<Step> MakeScatterInPlace(StepContext& context);
// ArgReduce, Scan, TopK.
std::unique_ptr<Step> MakeArgReduce(StepContext& context);
std::unique_ptr<Step> MakeScan(StepContext& context);
std::unique_ptr<Step> MakeTopK(StepContext& context);
// Fused nodes that are sums of products along rows; null for others.
std::unique_ptr<Step> MakeDot(StepContext& context);
std::unique_ptr<Step> MakeMatMul(StepContext& context);
// CustomKernel nodes that are tiled regions.
std::unique_ptr<Step> MakeTiled(StepContext& context);
std::unique_ptr<Step> MakeConv(StepContext& context);
std::unique_ptr<Step> MakeConvFilter(StepContext& context, const ConvSpec& spec);
std::unique_ptr<Step> MakePool(StepContext& context);
std::unique_ptr<Step> MakeIota(StepContext& context);
std::unique_ptr<Step> MakeKernel(StepContext& context);
// Branches and loops.
std::unique_ptr<Step> MakeCase(StepContext& context);
std::unique_ptr<Step> MakeWhile(StepContext& context);
// Lists of tensors.
std::unique_ptr<Step> MakeList(StepContext& context);
// Room for what a push will add, which is then made there; `spare`: an object slot for memory where
// the list cannot give any.
std::unique_ptr<Step> MakeListRoom(StepContext& context, int spare);
// Movement of strings, resources and variants.
std::unique_ptr<Step> MakeObjectMovement(StepContext& context, const Program& program);

// "[1,2]": position of flat index `i` in an array of `dims`; "" for a scalar.
std::string PositionText(const Dims& dims, int64_t i);

// Index `i` of an array of int32 or int64 (or narrower) indices.
int64_t ReadIndex(const char* data, DType dtype, int64_t i);

}  // namespace wengert::runtime
