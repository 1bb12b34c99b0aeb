// Gradients(): reverse-mode differentiation of a graph by extending it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wengert/graph.h"

namespace wengert {

struct GradientContext;  // op_def.h

// A sparse gradient: rows `indices` of a tensor of shape `dense_shape` hold `values`.
struct IndexedSlices {
  Tensor values;
  Tensor indices;
  Tensor dense_shape;  // may be empty (unknown)
};

// A gradient: none, a tensor, or IndexedSlices.
class Grad {
 public:
  Grad() = default;
  Grad(Tensor t) : tensor_(t) {}
  Grad(IndexedSlices s) : slices_(s) {}
  bool none() const { return !tensor_ && !slices_; }
  explicit operator bool() const { return !none(); }
  bool is_slices() const { return slices_.has_value(); }
  const Tensor& tensor() const { return tensor_; }
  const IndexedSlices& slices() const { return *slices_; }
  DType dtype() const { return is_slices() ? slices_->values.dtype() : tensor_.dtype(); }

 private:
  Tensor tensor_;
  std::optional<IndexedSlices> slices_;
};

enum class AggregationMethod { kAddN = 0, kExperimentalTree = 1, kExperimentalAccumulateN = 2 };
enum class UnconnectedGradients { kNone, kZero };

struct GradientOptions {
  std::string name = "gradients";
  bool colocate_gradients_with_ops = false;
  bool gate_gradients = false;
  AggregationMethod aggregation_method = AggregationMethod::kAddN;
  std::vector<Tensor> stop_gradients;
  UnconnectedGradients unconnected_gradients = UnconnectedGradients::kNone;
};

// d sum(ys) / d xs, one per x, as tf.gradients defines it. `grad_ys` is empty or has one
// entry per y (none: ones). All in `graph`. The name scope `options.name` is entered here.
// Throws LookupError for an op without a gradient, TypeError, ValueError.
std::vector<Grad> Gradients(Graph& graph, const std::vector<Tensor>& ys,
                            const std::vector<Tensor>& xs, const std::vector<Grad>& grad_ys = {},
                            const GradientOptions& options = {});

// What a resource handle refers to, as far as the graph tells: the attributes "dtype" and
// "shape" of a VarHandleOp, or the free attributes "_handle_dtypes" and "_handle_shapes"
// (one entry each) of a Placeholder that stands for one. nullopt when unknown.
struct HandleData {
  DType dtype = DType::kInvalid;
  Shape shape;
};
std::optional<HandleData> GetHandleData(const Tensor& handle);
// Makes a Placeholder a stand-in for a resource of that kind.
void SetHandleData(Operation* placeholder, const HandleData& data);

// The function that an attribute names, in `graph` or one around it. Throws LookupError.
std::shared_ptr<const Function> FindFunction(const Graph& graph, const FunctionRef& ref);

// The gradient of a function, as functions. The call of `forward` is that of the original
// function with more outputs (intermediate values); the call of `backward` takes the
// gradients of the differentiable ones among the first outputs, then `captured` outputs of
// `forward`.
struct FunctionGradient {
  struct Result {  // outputs of `backward`; -1: absent
    int values = -1, indices = -1, dense_shape = -1;
  };
  std::shared_ptr<const Function> forward;
  std::shared_ptr<const Function> backward;
  std::vector<int> captured;
  std::vector<Result> results;  // one per input of `forward`
};

// Gradients reach the first `num_outputs` outputs of `function` (or of the grown version of
// it that an earlier call returned as `forward`). Results are kept with the function.
FunctionGradient DifferentiateFunction(const std::shared_ptr<const Function>& function,
                                       int num_outputs);

// Gradient of a call operation (inputs and outputs those of the function named by its
// attribute "f"): grows `g.op` in place and calls the backward function.
std::vector<Grad> DifferentiateCall(GradientContext& g);

}  // namespace wengert
