#include "ops/register.h"

#include "ops/control_ops.h"

namespace wengert {

void RegisterDataOps(OpRegistry& r);   // data_ops.cc: sequences, searching, counting, bits
void RegisterImageOps(OpRegistry& r);  // image_ops.cc: ResizeBilinear, CropAndResize, ...

void RegisterBuiltinOps(OpRegistry& r) {
  RegisterSourceOps(r);
  RegisterShapeOps(r);
  RegisterSliceOps(r);
  RegisterIndexOps(r);
  RegisterUnaryOps(r);
  RegisterSpecialOps(r);
  RegisterActivationOps(r);
  RegisterBinaryOps(r);
  RegisterCompareOps(r);
  RegisterBroadcastOps(r);
  RegisterReductionOps(r);
  RegisterScanOps(r);
  RegisterMatmulOps(r);
  RegisterEinsumOps(r);
  RegisterMatrixOps(r);
  RegisterLinalgOps(r);
  RegisterFftOps(r);
  RegisterStateOps(r);
  RegisterCallOps(r);
  RegisterTrainingOps(r);
  RegisterControlOps(r);
  RegisterListOps(r);
  RegisterRandomOps(r);
  RegisterHostCallOps(r);
  RegisterDataOps(r);
  RegisterImageOps(r);
  RegisterWindowOps(r);
  RegisterBatchNormOps(r);
  RegisterLrnOps(r);
  RegisterSiluGradient(r);
  r.Seal();
}

}  // namespace wengert
