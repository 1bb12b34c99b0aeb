// Parts of RegisterStateOps that live in files of their own.
#pragma once

#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {

void RegisterAssertOp(OpRegistry& r);
void RegisterResourceScatterOps(OpRegistry& r);

}  // namespace wengert
