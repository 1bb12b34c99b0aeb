// What the ops of optimizers have in common: signatures, shapes, checks.
#pragma once

#include <string>
#include <vector>

#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert::training {

// An op of an optimizer, as its signature tells.
struct Signature {
  std::string name;
  std::vector<std::string> slots;  // resources besides "var"
  std::vector<std::string> args;   // the rest: scalars, "grad" (or "delta"), "indices"
  std::string flag;                // attribute that changes the step, or empty
  bool flag_default = false;
  std::string doc;

  int num_resources() const { return static_cast<int>(slots.size()) + 1; }
  int Find(const std::string& arg) const;  // input index, -1 when absent
  int gradient() const;
  // Input indices of the scalars, in order.
  std::vector<int> scalars() const;
};

// The op with everything but its lowering.
OpDef& Define(OpRegistry& r, const Signature& signature);

// Current values of the variable and its slots, which must have one shape.
std::vector<Value> ReadState(LoweringContext& c, const Signature& s);

// Fails unless the scalars are scalars.
void CheckScalars(LoweringContext& c, const Signature& s);

// float32 for 16-bit floats.
DType ComputeType(DType dtype);

void RegisterDenseSteps(OpRegistry& r);
void RegisterSparseSteps(OpRegistry& r);

}  // namespace wengert::training
