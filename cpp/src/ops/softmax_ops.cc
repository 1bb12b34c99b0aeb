// Softmax and the cross-entropies, over the last axis.
#include <optional>
#include <string>
#include <vector>

#include "ops/unary_rules.h"

namespace wengert::unary {
namespace {

constexpr char kFloat[] = "T: {half, bfloat16, float, double}";
using Values = std::vector<Value>;

// x less its maximum along the last axis, so that exponentials cannot overflow.
Value Shifted(Lowering& b, Value x) {
  int last = b.rank(x) - 1;
  return b.Sub(x, b.Reduce(ReduceOp::kMax, x, {last}, true));
}

Value SumLast(Lowering& b, Value x, bool keep_dims) {
  return b.Reduce(ReduceOp::kSum, x, {b.rank(x) - 1}, keep_dims);
}

void RequireVector(LoweringContext& c) {
  if (c.dims(0).empty()) c.Fail("logits must have >= 1 dimension, got []");
}

OpDef& Normaliser(OpRegistry& r, const char* name, const char* output, const char* doc) {
  return r.Op(name)
      .Input("logits: T")
      .Output(std::string(output) + ": T")
      .Attr(kFloat)
      .Doc(doc)
      .Shape([](ShapeContext& c) { c.set_output(0, c.WithRankAtLeast(0, 1)); });
}

// Rows of `matrix` scaled by the elements of a vector.
Tensor ScaledRows(Builder& b, const Tensor& rows, const Tensor& matrix) {
  Tensor column = b.ExpandDims(rows, -1);
  return b.Multiply(column, matrix);
}

// Gradient with respect to the logits x of (loss, backprop), where backprop p - labels is the
// derivative of the loss along x and p = softmax(x): dl backprop + (db - <db, p>) p
Tensor LogitsGradient(GradientContext& g, const Tensor& dloss) {
  Builder& b = g.b;
  Tensor dx = ScaledRows(b, dloss, g.y(1));
  const Grad& db = g.grad(1);
  bool zeros = db.none() || (!db.is_slices() && db.tensor().op->type() == "ZerosLike");
  if (zeros) return dx;
  Tensor dense = g.dy(1);
  Tensor p = b.Op("Softmax", {g.x(0)});
  Tensor row = b.ExpandDims(dense, 1);
  Tensor column = b.ExpandDims(p, 2);
  Tensor product = b.Op("BatchMatMulV2", {row, column}, {}, "MatMul");
  Tensor inner = b.Squeeze(product, {1});
  Tensor centred = b.Subtract(dense, inner);
  Tensor second = b.Multiply(centred, p);
  return b.Add(dx, second);
}

void CrossEntropyShape(ShapeContext& c) {
  const Shape& logits = c.input(0);
  std::optional<Shape> merged;
  if (!logits.has_rank() || logits.rank() == 2) {
    merged = (logits.has_rank() ? logits : Shape::UnknownOfRank(2)).Merge(c.input(1));
  }
  if (!merged) {
    merged = c.Broadcast(logits, c.input(1));
    if (!merged->has_rank()) {
      c.Fail("Shape must be broadcasted with rank 2, but is rank is unknown.");
    }
    if (merged->rank() != 2) {
      c.Fail("Shape must be broadcasted with rank 2, but is rank " +
             std::to_string(merged->rank()));
    }
  }
  c.set_output(0, Shape(Dims{merged->dim(0)}));
  c.set_output(1, *merged);
}

void SparseCrossEntropyShape(ShapeContext& c) {
  Shape logits = c.WithRank(0, 2);
  Shape labels = c.WithRank(1, 1);
  int64_t batch = c.MergeDims(logits.has_rank() ? logits.dim(0) : kUnknownDim,
                              labels.has_rank() ? labels.dim(0) : kUnknownDim);
  int64_t classes = logits.has_rank() ? logits.dim(1) : kUnknownDim;
  c.set_output(0, Shape(Dims{batch}));
  c.set_output(1, Shape(Dims{batch, classes}));
}

// loss = sum(labels (log sum exp(x) - x)), backprop = softmax(x) - labels
Values LowerCrossEntropy(LoweringContext& c, const Values& in) {
  std::optional<Dims> dims = BroadcastDims(c.dims(0), c.dims(1));
  if (!dims) {
    c.Fail("logits and labels must be broadcastable: logits_size=" + ToString(c.dims(0)) +
           " labels_size=" + ToString(c.dims(1)));
  }
  if (dims->size() != 2) {
    c.Fail("logits and labels must be either 2-dimensional, or broadcasted to be 2-dimensional");
  }
  Value x = c.b.Broadcast(in[0], *dims);
  Value labels = c.b.Broadcast(in[1], *dims);
  Value shifted = Shifted(c.b, x);
  Value exp = c.b.Map(ScalarOp::kExp, shifted);
  Value sum = SumLast(c.b, exp, true);
  Value log = c.b.Map(ScalarOp::kLog, sum);
  Value loss = SumLast(c.b, c.b.Mul(labels, c.b.Sub(log, shifted)), false);
  return {loss, c.b.Sub(c.b.Div(exp, sum), labels)};
}

// The labels themselves; an error names one that is no class.
Value CheckedLabels(LoweringContext& c, Value labels, int64_t classes) {
  KernelSpec spec;
  spec.name = "check_labels";
  spec.key = std::to_string(classes);
  spec.dtypes = {c.b.dtype(labels)};
  spec.dims = {c.b.dims(labels)};
  spec.run = [classes, op = c.op.name()](const std::vector<Array>& in, std::vector<Array>& out) {
    std::vector<int64_t> values = in[0].AsInts();
    for (int64_t v : values) {
      if (v >= 0 && v < classes) continue;
      std::string message = "Received a label value of " + std::to_string(v) +
                            " which is outside the valid range of [0, " + std::to_string(classes) +
                            ").  Label values:";
      for (int64_t each : values) message += " " + std::to_string(each);
      throw Error(ErrorKind::kInvalidArgument, message, op);
    }
    for (size_t i = 0; i < values.size(); ++i) {
      if (out[0].dtype() == DType::kInt64) {
        out[0].data<int64_t>()[i] = values[i];
      } else {
        out[0].data<int32_t>()[i] = static_cast<int32_t>(values[i]);
      }
    }
  };
  return c.b.Kernel(std::move(spec), {labels})[0];
}

// loss = log sum exp(x) - x[label], backprop = softmax(x) - onehot(label)
Values LowerSparseCrossEntropy(LoweringContext& c, const Values& in) {
  const Dims &logits = c.dims(0), &given = c.dims(1);
  if (logits.size() != 2) c.Fail("logits must be 2-D, but got shape " + ToString(logits));
  if (given.size() != 1) c.Fail("labels must be 1-D, but got shape " + ToString(given));
  if (logits[0] != given[0]) {
    c.Fail("logits and labels must have the same first dimension, got logits shape " +
           ToString(logits) + " and labels shape " + ToString(given));
  }
  int64_t batch = logits[0], classes = logits[1];
  if (classes <= 0) {
    c.Fail("Must have at least one class, but got logits shape " + ToString(logits));
  }
  Value labels = c.b.Reshape(CheckedLabels(c, in[1], classes), {batch, 1});
  Value numbers = c.b.Iota(c.b.dtype(labels), classes);
  Value chosen = c.b.Map(ScalarOp::kEqual, labels, numbers);
  Value shifted = Shifted(c.b, in[0]);
  Value exp = c.b.Map(ScalarOp::kExp, shifted);
  Value sum = SumLast(c.b, exp, true);
  Value log = c.b.Map(ScalarOp::kLog, sum);
  Value zero = c.b.Scalar(c.b.dtype(shifted), 0.0);
  Value loss = SumLast(c.b, c.b.Select(chosen, c.b.Sub(log, shifted), zero), false);
  Value onehot = c.b.Cast(chosen, c.b.dtype(shifted));
  return {loss, c.b.Sub(c.b.Div(exp, sum), onehot)};
}

}  // namespace

void RegisterSoftmaxOps(OpRegistry& r) {
  Normaliser(r, "Softmax", "softmax", "exp(logits) over their sum along the last axis")
      // y = e^x / sum(e^x): dx = (dy - sum(dy y)) y
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor dy = g.dy();
        Tensor product = g.b.Multiply(dy, g.y());
        Tensor sum = g.b.ReduceSum(product, In(-1), true);
        Tensor centred = g.b.Subtract(dy, sum);
        return {g.b.Multiply(centred, g.y())};
      })
      .Lower(Widened([](LoweringContext& c, const Values& in) {
        RequireVector(c);
        Value exp = c.b.Map(ScalarOp::kExp, Shifted(c.b, in[0]));
        return Values{c.b.Div(exp, SumLast(c.b, exp, true))};
      }));
  Normaliser(r, "LogSoftmax", "logsoftmax", "Logarithm of the softmax along the last axis")
      // y = x - log sum(e^x): dx = dy - sum(dy) e^y
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor dy = g.dy();
        Tensor softmax = g.b.Op("Exp", {g.y()});
        Tensor sum = g.b.ReduceSum(dy, In(-1), true);
        Tensor product = g.b.Multiply(sum, softmax);
        return {g.b.Subtract(dy, product)};
      })
      .Lower(Widened([](LoweringContext& c, const Values& in) {
        RequireVector(c);
        Value shifted = Shifted(c.b, in[0]);
        Value sum = SumLast(c.b, c.b.Map(ScalarOp::kExp, shifted), true);
        return Values{c.b.Sub(shifted, c.b.Map(ScalarOp::kLog, sum))};
      }));
  r.Op("SoftmaxCrossEntropyWithLogits")
      .Input("features: T")
      .Input("labels: T")
      .Output("loss: T")
      .Output("backprop: T")
      .Attr(kFloat)
      .Doc(
          "Cross-entropy of each row of labels and the softmax of the features, and its "
          "derivative along the features")
      .Shape(CrossEntropyShape)
      // loss = -<labels, log softmax(x)>: d(labels) = -dl log softmax(x); d(x) above
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor dloss = g.dy(0);
        Tensor dx = LogitsGradient(g, dloss);
        Tensor logs = g.b.Op("LogSoftmax", {g.x(0)});
        Tensor negative = g.b.Negative(logs);
        Tensor dlabels = ScaledRows(g.b, dloss, negative);
        return {dx, dlabels};
      })
      .Lower(Widened(LowerCrossEntropy));
  r.Op("SparseSoftmaxCrossEntropyWithLogits")
      .Input("features: T")
      .Input("labels: Tlabels")
      .Output("loss: T")
      .Output("backprop: T")
      .Attr(kFloat)
      .Attr("Tlabels: {int32, int64} = int64")
      .Doc(
          "Cross-entropy of the softmax of each row of features and the class its label names, "
          "and its derivative along the features")
      .Shape(SparseCrossEntropyShape)
      // loss = -log softmax(x)[label]: d(x) as for dense labels, none for the labels
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor dloss = g.dy(0);
        return {LogitsGradient(g, dloss), Grad()};
      })
      .Lower(Widened(LowerSparseCrossEntropy));
}

}  // namespace wengert::unary
