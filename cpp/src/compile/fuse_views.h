// Views of a program: which values are other values' elements in another order.
#pragma once

#include <vector>

#include "compile/program.h"

namespace wengert::compile {

// Element p of the value is base[offset + sum(p[i] * strides[i])], p over the value's dims.
struct View {
  Value base;
  int64_t offset = 0;
  Dims strides;
};

bool IsView(const Node& node);  // Reshape, Broadcast, Transpose, Slice

// One per value; a value that is no view, or cannot be one, is its own base.
std::vector<View> FindViews(const Program& program);

// The axes of `dims` that are longer than 1.
Dims DropOnes(const Dims& dims);
Dims DropOnes(const Dims& dims, const Dims& strides);  // the strides of those axes

}  // namespace wengert::compile
