// OpenBLAS, for linear algebra; pinned to one thread.
#pragma once

#include <string>

namespace wengert::kernels {

// A function of OpenBLAS by its usual name ("LAPACKE_dpotrf_work"); loads the library. Null when
// it is not there.
void* OpenBlasSymbol(const std::string& name);
// "OpenBLAS 0.3.34 ..." as the library describes itself.
std::string BlasConfig();

}  // namespace wengert::kernels
