// The table of this instruction set.
#include "kernels/isa_tables.h"
#include "kernels/simd.h"

namespace wengert::kernels::WENGERT_ISA_NS {

void FillTable(KernelTable& t) {
  t.isa = WENGERT_ISA_NAME;
  AddArithmeticMaps(t);
  AddTranscendentalMaps(t);
  AddSpecialMaps(t);
  AddIntegerMaps(t);
  AddComplexMaps(t);
  AddCompareMaps(t);
  AddCasts(t);
  AddReductions(t);
  AddSmallGemm(t);
  AddPackedGemm(t);
  AddConvolutions(t);
  AddPools(t);
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
