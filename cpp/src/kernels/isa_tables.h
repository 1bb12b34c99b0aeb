// One FillTable per instruction set; called only on machines that have it, since the function
// itself is compiled for it.
#pragma once

#include "kernels/kernel_table.h"

namespace wengert::kernels {

namespace x86_64 {
void FillTable(KernelTable& table);
}
namespace x86_64_v3 {
void FillTable(KernelTable& table);
}
namespace x86_64_v4 {
void FillTable(KernelTable& table);
}
namespace aarch64 {
void FillTable(KernelTable& table);
}

}  // namespace wengert::kernels
