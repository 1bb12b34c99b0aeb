// Ops of optimizers that update whole variables.
#include "ops/training.h"

#include "ops/register.h"
#include "ops/shape_util.h"
#include "ops/training_rules.h"
#include "wengert/gradients.h"

namespace wengert {
namespace training {
namespace {

// The shape behind a resource handle, as far as it is known.
Shape Behind(ShapeContext& c, int input) {
  std::optional<HandleData> data = GetHandleData(c.input_tensor(input));
  return data ? data->shape : Shape();
}

void CheckShapes(ShapeContext& c, const Signature& s) {
  Shape shape = Behind(c, 0);
  for (int i = 1; i < s.num_resources(); ++i) shape = c.MergeShapes(shape, Behind(c, i));
  for (int i : s.scalars()) c.WithRank(i, 0);
  const int g = s.gradient(), at = s.Find("indices");
  if (at < 0) {
    c.MergeShapes(shape, c.input(g));
    return;
  }
  const Shape indices = c.WithRank(at, 1), grad = c.input(g);
  if (!grad.has_rank()) return;
  c.WithRankAtLeast(g, 1);
  if (indices.has_rank()) c.MergeDims(indices.dim(0), grad.dim(0));
  if (!shape.has_rank()) return;
  Dims rows = shape.dims();
  if (!rows.empty()) rows[0] = grad.dim(0);
  c.MergeShapes(Shape(rows), grad);
}

template <class Rule>
void Register(OpRegistry& r, const Signature& s) {
  Define(r, s).Lower([s](LoweringContext& c) {
    CheckScalars(c, s);
    const int g = s.gradient();
    std::vector<Value> state = ReadState(c, s);
    const DType dtype = c.b.dtype(state[0]), wide = ComputeType(dtype);
    const Dims dims = c.b.dims(state[0]);
    if (c.dims(g) != dims) {
      c.Fail("var and " + s.args[static_cast<size_t>(g - s.num_resources())] +
             " do not have the same shape" + ToString(dims) + " " + ToString(c.dims(g)));
    }
    auto num = [&](Value v) { return Num{&c.b, c.b.Cast(v, wide)}; };
    Step<Num> step;
    step.var = num(state[0]);
    for (size_t i = 1; i < state.size(); ++i) step.slot[i - 1] = num(state[i]);
    const std::vector<int> scalars = s.scalars();
    for (size_t i = 0; i < scalars.size(); ++i) step.arg[i] = num(c.x(scalars[i]));
    step.g = num(c.x(g));
    step.flag = !s.flag.empty() && c.op.bool_attr(s.flag);
    Rule::Run(step);
    c.b.AssignVariable(c.x(0), c.b.Cast(step.var.v, dtype));
    for (size_t i = 1; i < state.size(); ++i) {
      c.b.AssignVariable(c.x(static_cast<int>(i)), c.b.Cast(step.slot[i - 1].v, dtype));
    }
  });
}

}  // namespace

int Signature::Find(const std::string& arg) const {
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == arg) return num_resources() + static_cast<int>(i);
  }
  return -1;
}

int Signature::gradient() const {
  const int i = Find("grad");
  return i < 0 ? Find("delta") : i;
}

std::vector<int> Signature::scalars() const {
  std::vector<int> result;
  for (size_t i = 0; i < args.size(); ++i) {
    const int input = num_resources() + static_cast<int>(i);
    if (input != gradient() && args[i] != "indices") result.push_back(input);
  }
  return result;
}

OpDef& Define(OpRegistry& r, const Signature& s) {
  OpDef& op = r.Op(s.name).Input("var: resource");
  for (const std::string& slot : s.slots) op.Input(slot + ": resource");
  for (const std::string& arg : s.args) {
    const char* type = arg == "indices" ? "Tindices" : arg == "global_step" ? "int64" : "T";
    op.Input(arg + ": " + type);
  }
  op.Attr(op_util::kNumericT);
  if (s.Find("indices") >= 0) op.Attr("Tindices: {int32, int64}");
  op.Attr("use_locking: bool = false");
  if (!s.flag.empty()) op.Attr(s.flag + (s.flag_default ? ": bool = true" : ": bool = false"));
  return op.Stateful().Doc(s.doc).NoGradient().Shape([s](ShapeContext& c) { CheckShapes(c, s); });
}

std::vector<Value> ReadState(LoweringContext& c, const Signature& s) {
  const DType dtype = c.dtype(s.gradient());
  if (!IsFloating(dtype) && dtype != DType::kComplex64 && dtype != DType::kComplex128) {
    c.Fail(s.name + " is not defined for " + Name(dtype));
  }
  std::vector<Value> state;
  for (int i = 0; i < s.num_resources(); ++i) {
    state.push_back(c.b.ReadVariable(c.x(i), dtype));
    if (c.b.dims(state.back()) != c.b.dims(state[0])) {
      c.Fail("var and " + s.slots[static_cast<size_t>(i) - 1] + " do not have the same shape" +
             ToString(c.b.dims(state[0])) + " " + ToString(c.b.dims(state.back())));
    }
  }
  return state;
}

void CheckScalars(LoweringContext& c, const Signature& s) {
  for (int i : s.scalars()) {
    if (!c.dims(i).empty()) {
      c.Fail(s.args[static_cast<size_t>(i - s.num_resources())] +
             " is not a scalar: " + ToString(c.dims(i)));
    }
  }
}

DType ComputeType(DType dtype) {
  return op_util::AccumulatorType(dtype);
}

void RegisterDenseSteps(OpRegistry& r) {
  Register<GradientDescent>(r, {"ResourceApplyGradientDescent",
                                {},
                                {"alpha", "delta"},
                                "",
                                false,
                                "A step of gradient descent"});
  Register<Momentum>(r, {"ResourceApplyMomentum",
                         {"accum"},
                         {"lr", "grad", "momentum"},
                         "use_nesterov",
                         false,
                         "A step of gradient descent with momentum"});
  Register<KerasMomentum>(r, {"ResourceApplyKerasMomentum",
                              {"accum"},
                              {"lr", "grad", "momentum"},
                              "use_nesterov",
                              false,
                              "A step of gradient descent with momentum, as Keras defines it"});
  Register<Adam>(r, {"ResourceApplyAdam",
                     {"m", "v"},
                     {"beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon", "grad"},
                     "use_nesterov",
                     false,
                     "A step of Adam"});
  Register<Amsgrad>(r, {"ResourceApplyAdamWithAmsgrad",
                        {"m", "v", "vhat"},
                        {"beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon", "grad"},
                        "",
                        false,
                        "A step of Adam with the largest second moment so far"});
  Register<AdaMax>(r, {"ResourceApplyAdaMax",
                       {"m", "v"},
                       {"beta1_power", "lr", "beta1", "beta2", "epsilon", "grad"},
                       "",
                       false,
                       "A step of AdaMax"});
  Register<Adagrad>(r, {"ResourceApplyAdagrad",
                        {"accum"},
                        {"lr", "grad"},
                        "update_slots",
                        true,
                        "A step of Adagrad"});
  Register<AdagradV2>(r, {"ResourceApplyAdagradV2",
                          {"accum"},
                          {"lr", "epsilon", "grad"},
                          "update_slots",
                          true,
                          "A step of Adagrad with an epsilon"});
  Register<AdagradDA>(r, {"ResourceApplyAdagradDA",
                          {"gradient_accumulator", "gradient_squared_accumulator"},
                          {"grad", "lr", "l1", "l2", "global_step"},
                          "",
                          false,
                          "A step of Adagrad with dual averaging"});
  Register<Adadelta>(r, {"ResourceApplyAdadelta",
                         {"accum", "accum_update"},
                         {"lr", "rho", "epsilon", "grad"},
                         "",
                         false,
                         "A step of Adadelta"});
  Register<RMSProp>(r, {"ResourceApplyRMSProp",
                        {"ms", "mom"},
                        {"lr", "rho", "momentum", "epsilon", "grad"},
                        "",
                        false,
                        "A step of RMSProp"});
  Register<CenteredRMSProp>(r, {"ResourceApplyCenteredRMSProp",
                                {"mg", "ms", "mom"},
                                {"lr", "rho", "momentum", "epsilon", "grad"},
                                "",
                                false,
                                "A step of centred RMSProp"});
  Register<Ftrl>(r, {"ResourceApplyFtrl",
                     {"accum", "linear"},
                     {"grad", "lr", "l1", "l2", "lr_power"},
                     "multiply_linear_by_lr",
                     false,
                     "A step of FTRL-proximal"});
  Register<FtrlV2>(r, {"ResourceApplyFtrlV2",
                       {"accum", "linear"},
                       {"grad", "lr", "l1", "l2", "l2_shrinkage", "lr_power"},
                       "multiply_linear_by_lr",
                       false,
                       "A step of FTRL-proximal with shrinkage"});
  Register<ProximalGradientDescent>(r, {"ResourceApplyProximalGradientDescent",
                                        {},
                                        {"alpha", "l1", "l2", "delta"},
                                        "",
                                        false,
                                        "A step of proximal gradient descent"});
  Register<ProximalAdagrad>(r, {"ResourceApplyProximalAdagrad",
                                {"accum"},
                                {"lr", "l1", "l2", "grad"},
                                "",
                                false,
                                "A step of proximal Adagrad"});
  Register<AddSign>(r, {"ResourceApplyAddSign",
                        {"m"},
                        {"lr", "alpha", "sign_decay", "beta", "grad"},
                        "",
                        false,
                        "A step of AddSign"});
  Register<PowerSign>(r, {"ResourceApplyPowerSign",
                          {"m"},
                          {"lr", "logbase", "sign_decay", "beta", "grad"},
                          "",
                          false,
                          "A step of PowerSign"});
}

}  // namespace training

void RegisterTrainingOps(OpRegistry& r) {
  training::RegisterDenseSteps(r);
  training::RegisterSparseSteps(r);
}

}  // namespace wengert
