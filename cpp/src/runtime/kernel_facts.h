// What the runtime knows of scalar operations and reductions, beside their kernels.
#pragma once

#include "kernels/kernel_table.h"
#include "wengert/lowering.h"

namespace wengert::runtime {

const char* OpName(ScalarOp op);
// Rough nanoseconds for one float32 element.
double OpCost(ScalarOp op);

kernels::ReduceKind KindOf(ReduceOp op);
// The operation of two elements of which a reduction is made.
kernels::MapOp CombineOf(ReduceOp op);
// Writes the value that changes nothing: max of nothing is -inf or the lowest integer.
void WriteIdentity(ReduceOp op, DType dtype, unsigned char* to);

}  // namespace wengert::runtime
