// Literals among the arguments of a Builder.
#pragma once

#include <string>

#include "wengert/builder.h"

namespace wengert {

// True unless there is a tensor in it.
bool IsLiteral(const In& in);
// Dtype of the first tensor in it, kInvalid when it is a literal.
DType FirstTensorType(const In& in);
// The dtype that a literal has when nothing else decides.
DType NaturalType(const In& literal);
// The value as an array of `dtype`. Throws TypeError when that would lose a fraction.
Array LiteralValue(const In& literal, DType dtype);
// `in` as a tensor: itself, a Const called `name`, or a Pack called `name` of a mixed list.
// A kInvalid `dtype` leaves the choice to the literal.
Tensor Convert(Builder& b, const In& in, const std::string& name, DType dtype = DType::kInvalid);

}  // namespace wengert
