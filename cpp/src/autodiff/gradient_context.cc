#include "wengert/builder.h"
#include "wengert/op_def.h"

namespace wengert {

const Grad& GradientContext::grad(int i) const {
  return out_grads.at(static_cast<size_t>(i));
}

Tensor GradientContext::dy(int i) const {
  const Grad& g = grad(i);
  return g.is_slices() ? b.Dense(g) : g.tensor();
}

}  // namespace wengert
