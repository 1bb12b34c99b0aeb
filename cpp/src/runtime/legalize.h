// Legalize: the last rewriting of a Program before planning, to the primitives that have
// steps: element-wise nodes and reductions become Fused nodes, 16-bit floats are widened
// around primitives without kernels for them.
#pragma once

#include "compile/program.h"
#include "kernels/kernel_table.h"

namespace wengert::runtime {

compile::Program Legalize(const compile::Program& program);

// Number of the kernels for this dtype; kNumKDTypes when it has none.
kernels::KDType KernelType(DType dtype);
// Bytes of an element with kernels.
size_t KernelSize(kernels::KDType type);

}  // namespace wengert::runtime
