// Zero gradients.
#pragma once

#include "wengert/builder.h"
#include "wengert/gradients.h"

namespace wengert::autodiff {

// Zeros of the value behind a resource handle.
Tensor HandleZeros(Builder& b, const Tensor& handle, const HandleData& data);

// Zeros like `x`; for a resource like its value. Throws ValueError when that is unknown.
Tensor UnconnectedZeros(Builder& b, const Tensor& x);

}  // namespace wengert::autodiff
