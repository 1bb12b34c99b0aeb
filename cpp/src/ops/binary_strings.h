// Element-wise functions of strings, which have no scalar kernels.
#pragma once

#include "wengert/lowering.h"

namespace wengert::binary_strings {

Value ConcatenateStrings(LoweringContext& c);          // x + y
Value CompareStrings(LoweringContext& c, bool equal);  // x == y, or x != y
// Elements of `t` where `condition` holds, else of `e`; all of them broadcast to `dims`.
Value SelectStrings(LoweringContext& c, Value condition, Value t, Value e, const Dims& dims);

}  // namespace wengert::binary_strings
