// The gradient of x sigmoid(beta x), as TensorFlow defines it for the whole expression: so it
// keeps x and beta alone for the backward pass. tf.nn.silu asks for it by name.
#include "ops/register.h"
#include "wengert/builder.h"

namespace wengert {
namespace {

// y = x s with s = sigmoid(beta x): dx = dy s (1 + beta x (1 - s)),
// d(beta) = sum of dy x^2 s (1 - s). The inputs of the IdentityN are y, x and beta.
std::vector<Grad> SiluGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor dy = g.dy(), x = g.x(1), beta = g.x(2);
  Tensor s;
  {
    auto after = b.ControlDependencies({dy.op});
    s = b.Op("Sigmoid", {b.Multiply(beta, x)});
  }
  const Tensor product = b.Multiply(beta, x);
  const Tensor rest = b.Subtract(1.0, s);
  const Tensor slope = b.Multiply(s, b.Add(1.0, b.Multiply(product, rest)));
  const Tensor squares = b.Multiply(dy, b.Op("Square", {x}));
  const Tensor along = b.Multiply(squares, s);
  const Tensor d_beta = b.ReduceSum(b.Multiply(along, b.Subtract(1.0, s)));
  return {Grad(), b.Multiply(dy, slope), d_beta};
}

}  // namespace

void RegisterSiluGradient(OpRegistry& r) {
  r.AddGradient("SiluGradient", SiluGradient);
}

}  // namespace wengert
