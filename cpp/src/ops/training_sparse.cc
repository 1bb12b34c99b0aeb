// Ops of optimizers that update rows of variables.
#include <string>

#include "ops/training.h"
#include "ops/training_rules.h"
#include "wengert/error.h"

namespace wengert::training {
namespace {

// Rows one after the other, so that a row named twice takes two steps.
template <class Rule, class T>
void RunRows(const Signature& s, bool flag, const std::vector<Array>& in, std::vector<Array>& out) {
  const int n = s.num_resources();
  const Array &grad = in[static_cast<size_t>(s.gradient())],
              &indices = in[static_cast<size_t>(s.Find("indices"))];
  T* state[4] = {};
  for (int i = 0; i < n; ++i) {
    const Array& from = in[static_cast<size_t>(i)];
    if (from.bytes() > 0) std::memcpy(out[static_cast<size_t>(i)].raw(), from.raw(), from.bytes());
    state[i] = out[static_cast<size_t>(i)].data<T>();
  }
  Step<T> step{};
  step.flag = flag;
  const std::vector<int> scalars = s.scalars();
  for (size_t i = 0; i < scalars.size(); ++i) {
    step.arg[i] = in[static_cast<size_t>(scalars[i])].data<T>()[0];
  }
  const int64_t height = out[0].dims()[0], rows = indices.size();
  const int64_t width = rows == 0 ? 0 : grad.size() / rows;
  const bool narrow = indices.dtype() == DType::kInt32;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t at = narrow ? indices.data<int32_t>()[row] : indices.data<int64_t>()[row];
    if (at < 0 || at >= height) {
      throw InvalidArgument("Index " + std::to_string(at) + " at offset " + std::to_string(row) +
                            " in indices is out of range");
    }
    for (int64_t j = 0; j < width; ++j) {
      const int64_t k = at * width + j;
      step.var = state[0][k];
      for (int i = 1; i < n; ++i) step.slot[i - 1] = state[i][k];
      step.g = grad.data<T>()[row * width + j];
      Rule::Run(step);
      state[0][k] = step.var;
      for (int i = 1; i < n; ++i) state[i][k] = step.slot[i - 1];
    }
  }
}

void CheckRows(LoweringContext& c, const Signature& s, const Dims& var) {
  const Dims grad = c.dims(s.gradient()), indices = c.dims(s.Find("indices"));
  if (indices.size() != 1) c.Fail("indices must be one-dimensional, got " + ToString(indices));
  if (var.empty()) c.Fail("var must be at least 1 dimensional");
  Dims expected = var;
  expected[0] = indices[0];
  if (grad != expected) {
    c.Fail("grad must have the shape of the rows of var that indices names, " + ToString(expected) +
           ", got " + ToString(grad));
  }
}

template <class Rule>
void Register(OpRegistry& r, const Signature& s) {
  Define(r, s).Lower([s](LoweringContext& c) {
    CheckScalars(c, s);
    const std::vector<Value> state = ReadState(c, s);
    const DType dtype = c.b.dtype(state[0]), wide = ComputeType(dtype);
    if (!IsFloating(dtype)) c.Fail(s.name + " is not defined for " + Name(dtype));
    const Dims dims = c.b.dims(state[0]);
    CheckRows(c, s, dims);
    std::vector<Value> in;
    const int at = s.Find("indices");
    for (int i = 0; i < static_cast<int>(c.in.size()); ++i) {
      const Value v = i < s.num_resources() ? state[static_cast<size_t>(i)] : c.x(i);
      in.push_back(i == at ? v : c.b.Cast(v, wide));
    }
    const bool flag = !s.flag.empty() && c.op.bool_attr(s.flag);
    KernelSpec spec;
    spec.name = s.name;
    spec.key = flag ? "1" : "0";
    spec.dtypes.assign(state.size(), wide);
    spec.dims.assign(state.size(), dims);
    spec.run = [s, flag, wide](const std::vector<Array>& args, std::vector<Array>& out) {
      if (wide == DType::kFloat32) {
        RunRows<Rule, float>(s, flag, args, out);
      } else {
        RunRows<Rule, double>(s, flag, args, out);
      }
    };
    const std::vector<Value> out = c.b.Kernel(std::move(spec), in);
    for (size_t i = 0; i < out.size(); ++i) {
      c.b.AssignVariable(c.x(static_cast<int>(i)), c.b.Cast(out[i], dtype));
    }
  });
}

}  // namespace

void RegisterSparseSteps(OpRegistry& r) {
  Register<Momentum>(r, {"ResourceSparseApplyMomentum",
                         {"accum"},
                         {"lr", "grad", "indices", "momentum"},
                         "use_nesterov",
                         false,
                         "A step of gradient descent with momentum for rows"});
  Register<KerasMomentum>(r, {"ResourceSparseApplyKerasMomentum",
                              {"accum"},
                              {"lr", "grad", "indices", "momentum"},
                              "use_nesterov",
                              false,
                              "A step for rows of gradient descent with momentum, as in Keras"});
  Register<Adagrad>(r, {"ResourceSparseApplyAdagrad",
                        {"accum"},
                        {"lr", "grad", "indices"},
                        "update_slots",
                        true,
                        "A step of Adagrad for rows"});
  Register<AdagradV2>(r, {"ResourceSparseApplyAdagradV2",
                          {"accum"},
                          {"lr", "epsilon", "grad", "indices"},
                          "update_slots",
                          true,
                          "A step of Adagrad with an epsilon for rows"});
  Register<AdagradDA>(r, {"ResourceSparseApplyAdagradDA",
                          {"gradient_accumulator", "gradient_squared_accumulator"},
                          {"grad", "indices", "lr", "l1", "l2", "global_step"},
                          "",
                          false,
                          "A step of Adagrad with dual averaging for rows"});
  Register<Adadelta>(r, {"ResourceSparseApplyAdadelta",
                         {"accum", "accum_update"},
                         {"lr", "rho", "epsilon", "grad", "indices"},
                         "",
                         false,
                         "A step of Adadelta for rows"});
  Register<RMSProp>(r, {"ResourceSparseApplyRMSProp",
                        {"ms", "mom"},
                        {"lr", "rho", "momentum", "epsilon", "grad", "indices"},
                        "",
                        false,
                        "A step of RMSProp for rows"});
  Register<CenteredRMSProp>(r, {"ResourceSparseApplyCenteredRMSProp",
                                {"mg", "ms", "mom"},
                                {"lr", "rho", "momentum", "epsilon", "grad", "indices"},
                                "",
                                false,
                                "A step of centred RMSProp for rows"});
  Register<Ftrl>(r, {"ResourceSparseApplyFtrl",
                     {"accum", "linear"},
                     {"grad", "indices", "lr", "l1", "l2", "lr_power"},
                     "multiply_linear_by_lr",
                     false,
                     "A step of FTRL-proximal for rows"});
  Register<FtrlV2>(r, {"ResourceSparseApplyFtrlV2",
                       {"accum", "linear"},
                       {"grad", "indices", "lr", "l1", "l2", "l2_shrinkage", "lr_power"},
                       "multiply_linear_by_lr",
                       false,
                       "A step of FTRL-proximal with shrinkage for rows"});
  Register<ProximalGradientDescent>(r, {"ResourceSparseApplyProximalGradientDescent",
                                        {},
                                        {"alpha", "l1", "l2", "grad", "indices"},
                                        "",
                                        false,
                                        "A step of proximal gradient descent for rows"});
  Register<ProximalAdagrad>(r, {"ResourceSparseApplyProximalAdagrad",
                                {"accum"},
                                {"lr", "l1", "l2", "grad", "indices"},
                                "",
                                false,
                                "A step of proximal Adagrad for rows"});
}

}  // namespace wengert::training
