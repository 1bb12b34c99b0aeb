// Parts of RegisterStateOps that live in files of their own.
#pragma once

#include <string>

#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {

void RegisterAssertOp(OpRegistry& r);
void RegisterResourceScatterOps(OpRegistry& r);
void RegisterResourceSliceOp(OpRegistry& r);
void RegisterPrintOps(OpRegistry& r);

// At most `limit` elements (all when negative) in the order of memory, nested brackets.
std::string SummaryOf(const Array& a, int64_t limit);

}  // namespace wengert
