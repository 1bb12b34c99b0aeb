// Registration of the ops of control flow.
#pragma once

#include "wengert/op_def.h"

namespace wengert {

void RegisterControlOps(OpRegistry& r);  // If, Case, While and their stateless forms
void RegisterListOps(OpRegistry& r);     // TensorList ..., Optional ...

}  // namespace wengert
