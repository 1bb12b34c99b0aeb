// What the gradient rules of element-wise ops of several arguments share: how a gradient
// is brought back to the shape of an argument that was broadcast.
#pragma once

#include <string>
#include <vector>

#include "wengert/builder.h"
#include "wengert/gradients.h"
#include "wengert/graph.h"

namespace wengert {

// Appends an op to a gradient rule, as Builder::Op does. IndexedSlices among the arguments
// become dense inside the op's own name scope, under the argument's name.
Tensor GradOp(Builder& b, const std::string& type, const std::vector<Grad>& args,
              const std::string& name = "", AttrMap attrs = {});

// The operation that makes `grad`, for control dependencies.
Operation* Producer(const Grad& grad);

// True when all three are tensors of one and the same fully known shape: nothing was
// broadcast and nothing is to be summed.
bool SameKnownShape(const Tensor& x, const Tensor& y, const Grad& grad);

// Axes along which x and y were broadcast against each other, decided at run time: the two
// outputs of BroadcastGradientArgs on `sx` and `sy`.
struct BroadcastAxes {
  Tensor x, y;
};
BroadcastAxes BroadcastGradientArgs(Builder& b, const Tensor& sx, const Tensor& sy);

// Sums `gx` (of the broadcast shape) to the shape of x and `gy` to that of y; either may be
// none. Decides by static shapes as far as those go.
std::vector<Grad> SumToShapes(Builder& b, const Tensor& x, const Tensor& y, const Grad& gx,
                              const Grad& gy);

// grad summed over `axes` and reshaped to `shape`.
Tensor SumAndReshape(Builder& b, const Tensor& grad, const Tensor& axes, const Tensor& shape,
                     bool keep_dims = false);

}  // namespace wengert
