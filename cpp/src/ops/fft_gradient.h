// Gradients of Fourier transforms.
#pragma once

#include "wengert/op_def.h"

namespace wengert::fft {

struct Transform {
  const char* type;  // of the op
  const char* name;  // of TensorFlow's function, the default of its scope
  int rank;          // number of axes
};

// `opposite`: the transform in the other direction.
GradientFn ForwardGradient(const Transform& opposite);
GradientFn InverseGradient(const Transform& opposite);
GradientFn RealGradient(const Transform& opposite);
GradientFn InverseRealGradient(const Transform& opposite);

}  // namespace wengert::fft
