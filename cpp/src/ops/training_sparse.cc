// Ops of optimizers that update rows of variables.
#include <cstring>
#include <string>
#include <unordered_map>

#include "ops/training.h"
#include "ops/training_rules.h"
#include "wengert/error.h"

namespace wengert::training {
namespace {

int64_t RowAt(const Array& indices, int64_t i) {
  return indices.dtype() == DType::kInt32 ? indices.data<int32_t>()[i] : indices.data<int64_t>()[i];
}

// The indices, none of which lies outside of `height` rows.
Value CheckedRows(Lowering& b, Value indices, int64_t height) {
  KernelSpec spec;
  spec.name = "check of rows";
  spec.key = std::to_string(height);
  spec.dtypes = {b.dtype(indices)};
  spec.dims = {b.dims(indices)};
  spec.run = [height](const std::vector<Array>& in, std::vector<Array>& out) {
    for (int64_t row = 0; row < in[0].size(); ++row) {
      const int64_t at = RowAt(in[0], row);
      if (at >= 0 && at < height) continue;
      throw InvalidArgument("Index " + std::to_string(at) + " at offset " + std::to_string(row) +
                            " in indices is out of range");
    }
    if (in[0].bytes() > 0) std::memcpy(out[0].raw(), in[0].raw(), in[0].bytes());
  };
  return b.Kernel(std::move(spec), {indices}).at(0);
}

// The state of the rows that the indices name, after a step. A row named twice takes two: the
// second begins where the first ended, and is the one that is written last.
template <class Rule, class T>
void RunRows(const Signature& s, bool flag, const std::vector<Array>& in, std::vector<Array>& out) {
  const int n = s.num_resources();
  const Array &grad = in[static_cast<size_t>(s.gradient())],
              &indices = in[static_cast<size_t>(s.Find("indices"))];
  const T* before[4] = {};
  T* after[4] = {};
  for (int i = 0; i < n; ++i) {
    before[i] = in[static_cast<size_t>(i)].data<T>();
    after[i] = out[static_cast<size_t>(i)].data<T>();
  }
  Step<T> step{};
  step.flag = flag;
  const std::vector<int> scalars = s.scalars();
  for (size_t i = 0; i < scalars.size(); ++i) {
    step.arg[i] = in[static_cast<size_t>(scalars[i])].data<T>()[0];
  }
  const int64_t rows = indices.size(), width = rows == 0 ? 0 : grad.size() / rows;
  std::unordered_map<int64_t, int64_t> last;  // index -> the row that named it last
  last.reserve(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) {
    const auto [found, fresh] = last.try_emplace(RowAt(indices, row), row);
    const T* const* from = fresh ? before : after;
    const int64_t first = found->second * width;
    found->second = row;
    for (int64_t j = 0; j < width; ++j) {
      const int64_t k = row * width + j;
      step.var = from[0][first + j];
      for (int i = 1; i < n; ++i) step.slot[i - 1] = from[i][first + j];
      step.g = grad.data<T>()[k];
      Rule::Run(step);
      after[0][k] = step.var;
      for (int i = 1; i < n; ++i) after[i][k] = step.slot[i - 1];
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
    const Value rows = CheckedRows(c.b, c.x(at), dims[0]);
    for (int i = 0; i < static_cast<int>(c.in.size()); ++i) {
      const bool own = i < s.num_resources();
      const Value v = own ? c.b.Gather(state[static_cast<size_t>(i)], rows, 0, 0) : c.x(i);
      in.push_back(i == at ? rows : c.b.Cast(v, wide));
    }
    const bool flag = !s.flag.empty() && c.op.bool_attr(s.flag);
    KernelSpec spec;
    spec.name = s.name;
    spec.key = flag ? "1" : "0";
    spec.dtypes.assign(state.size(), wide);
    spec.dims.assign(state.size(), c.b.dims(in[0]));
    spec.run = [s, flag, wide](const std::vector<Array>& args, std::vector<Array>& out) {
      if (wide == DType::kFloat32) {
        RunRows<Rule, float>(s, flag, args, out);
      } else {
        RunRows<Rule, double>(s, flag, args, out);
      }
    };
    const std::vector<Value> out = c.b.Kernel(std::move(spec), in);
    const Value places = c.b.Reshape(rows, {c.b.dims(rows)[0], 1});
    for (size_t i = 0; i < out.size(); ++i) {
      const Value updates = c.b.Cast(out[i], dtype);
      c.b.AssignVariable(c.x(static_cast<int>(i)),
                         c.b.Scatter(ScatterOp::kSet, state[i], places, updates, false));
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
