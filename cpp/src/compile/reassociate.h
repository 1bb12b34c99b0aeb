// Reassociate: sums and products in a normal form, where that is less work.
#pragma once

#include "compile/program.h"

namespace wengert::compile {

// Results differ by rounding errors, relative to the largest term of a sum.
Program Reassociate(Program program);

}  // namespace wengert::compile
