#include "autodiff/find_rule.h"

namespace wengert::autodiff {

const GradientFn* FindRule(const Operation& op) {
  if (op.num_inputs() == 0) return nullptr;
  OpRegistry& registry = OpRegistry::Global();
  const std::string* name = &op.type();
  const OpDef* def = &op.def();
  if (const Attr* chosen = op.FindAttr("_gradient_op_type")) {
    name = &chosen->as<std::string>();
    def = registry.Find(*name);
  }
  if (def != nullptr && def->gradient_fn()) return &def->gradient_fn();
  if (def != nullptr && def->not_differentiable()) return nullptr;
  if (const GradientFn* fn = registry.FindGradient(*name)) return *fn ? fn : nullptr;
  // "CustomGradient-7": the gradient "CustomGradient" tells its uses apart by number.
  if (const size_t dash = name->rfind('-'); dash != std::string::npos) {
    if (const GradientFn* fn = registry.FindGradient(name->substr(0, dash))) return fn;
  }
  throw LookupError(
      "No gradient defined for operation'" + op.name() + "' (op type: " + op.type() +
      "). In general every operation must have an associated `@tf.RegisterGradient` for correct "
      "autodiff, which this op is lacking. If you want to pretend this operation is a constant "
      "in your program, you may insert `tf.stop_gradient`. This can be useful to silence the "
      "error in cases where you know gradients are not needed, e.g. the forward pass of "
      "tf.custom_gradient. Please see more details in "
      "https://www.tensorflow.org/api_docs/python/tf/custom_gradient.");
}

}  // namespace wengert::autodiff
