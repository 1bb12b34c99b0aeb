// Ops on data as such: sequences, sorted and counted elements, bits; by file.
#include "ops/register.h"

namespace wengert {

void RegisterSequenceOps(OpRegistry& r);  // sequence_ops.cc
void RegisterSearchOps(OpRegistry& r);    // search_ops.cc
void RegisterCountOps(OpRegistry& r);     // count_ops.cc
void RegisterBitcastOp(OpRegistry& r);    // bitcast.cc

void RegisterDataOps(OpRegistry& r) {
  RegisterSequenceOps(r);
  RegisterSearchOps(r);
  RegisterCountOps(r);
  RegisterBitcastOp(r);
}

}  // namespace wengert
