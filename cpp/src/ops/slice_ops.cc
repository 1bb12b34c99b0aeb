#include "ops/register.h"

namespace wengert {

void RegisterStridedSliceOps(OpRegistry& r);  // slice_strided.cc
void RegisterSliceUpdateOp(OpRegistry& r);    // slice_update.cc
void RegisterBlockOps(OpRegistry& r);         // slice_block.cc
void RegisterConcatOps(OpRegistry& r);        // slice_concat.cc
void RegisterSplitOps(OpRegistry& r);         // slice_split.cc
void RegisterPadOps(OpRegistry& r);           // slice_pad.cc
void RegisterDynamicOps(OpRegistry& r);       // slice_dynamic.cc

void RegisterSliceOps(OpRegistry& r) {
  RegisterStridedSliceOps(r);
  RegisterSliceUpdateOp(r);
  RegisterBlockOps(r);
  RegisterConcatOps(r);
  RegisterSplitOps(r);
  RegisterPadOps(r);
  RegisterDynamicOps(r);
}

}  // namespace wengert
