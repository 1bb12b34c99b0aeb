// Ops that address elements by computed indices.
#include "ops/index_util.h"
#include "ops/register.h"

namespace wengert {

void RegisterIndexOps(OpRegistry& r) {
  RegisterGatherOps(r);
  RegisterScatterOps(r);
  RegisterSegmentOps(r);
  RegisterUnsortedSegmentOps(r);
  RegisterSparseSegmentOps(r);
  RegisterSelectionOps(r);
  RegisterUniqueOps(r);
}

}  // namespace wengert
