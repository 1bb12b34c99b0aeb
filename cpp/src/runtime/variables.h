// Access to variables from runs: values are read and committed under one lock, so that no
// run sees half of another one's updates.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "wengert/executable.h"

namespace wengert::runtime {

class VariableAccess {
 public:
  VariableAccess();  // locks
  ~VariableAccess();
  VariableAccess(const VariableAccess&) = delete;
  VariableAccess& operator=(const VariableAccess&) = delete;
  const Array& value(const Variable& variable) const { return variable.value_; }
  // Throws InvalidArgument when the value does not fit.
  void Check(const Variable& variable, DType dtype, const Dims& dims) const;
  // The value, to be written into: its own memory when nobody else reads it but the holders of
  // `references` more references to it, else a copy of it.
  Array& Writable(Variable& variable, long references) const;
  void Swap(Variable& variable, Array& value) const { std::swap(variable.value_, value); }
};

}  // namespace wengert::runtime
