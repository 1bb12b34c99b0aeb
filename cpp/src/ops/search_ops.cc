// Ops that compare elements with sorted ones: LowerBound, UpperBound, Bucketize, InTopK.
#include <algorithm>
#include <cmath>
#include <string>

#include "ops/order_util.h"
#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::kRealT;

// --- bounds ----------------------------------------------------------------------------------

void BoundShape(ShapeContext& c) {
  const Shape sorted = c.WithRank(0, 2);
  const Shape values = c.WithRank(1, 2);
  c.MergeDims(sorted.dim(0), values.dim(0));
  c.set_output(0, values);
}

template <class T>
void Bounds(const Array& sorted, const Array& values, bool upper, int64_t* out) {
  const int64_t n = sorted.dims()[1], m = values.dims()[1];
  for (int64_t r = 0; r < values.dims()[0]; ++r) {
    const T *begin = sorted.data<T>() + r * n, *end = begin + n;
    for (const T *v = values.data<T>() + r * m, *last = v + m; v < last; ++v) {
      *out++ =
          (upper ? std::upper_bound(begin, end, *v) : std::lower_bound(begin, end, *v)) - begin;
    }
  }
}

LoweringFn LowerBound(bool upper) {
  return [upper](LoweringContext& c) {
    for (int i : {0, 1}) {
      if (c.dims(i).size() != 2) c.Fail("both inputs must be matrices");
    }
    if (c.dims(0)[0] != c.dims(1)[0]) c.Fail("Leading dim_size of both tensors must match.");
    const DType out_type = c.op.type_attr("out_type");
    if (out_type == DType::kInt32 && c.dims(0)[1] > INT32_MAX) {
      c.Fail("trailing dim_size must be less than INT_MAX for int32 output type, was " +
             std::to_string(c.dims(0)[1]));
    }
    const DType wide = order::WideType(c.dtype(0));
    KernelSpec spec;
    spec.name = upper ? "UpperBound" : "LowerBound";
    spec.dtypes = {DType::kInt64};
    spec.dims = {c.dims(1)};
    spec.run = [upper](const std::vector<Array>& in, std::vector<Array>& out) {
      order::ForWideType(in[0].dtype(), [&](auto zero) {
        Bounds<decltype(zero)>(in[0], in[1], upper, out[0].data<int64_t>());
      });
    };
    const std::vector<Value> args{c.b.Cast(c.x(0), wide), c.b.Cast(c.x(1), wide)};
    c.set(c.b.Cast(c.b.Kernel(std::move(spec), args).at(0), out_type));
  };
}

// --- buckets ---------------------------------------------------------------------------------

void LowerBucketize(LoweringContext& c) {
  const auto& attr = c.op.attr("boundaries").as<std::vector<float>>();
  const std::vector<double> boundaries(attr.begin(), attr.end());
  if (!std::is_sorted(boundaries.begin(), boundaries.end())) c.Fail("Expected sorted boundaries");
  // Integers are compared as float32, which is what the boundaries are.
  Value x = c.x();
  if (IsInteger(c.dtype(0))) x = c.b.Cast(x, DType::kFloat32);
  KernelSpec spec;
  spec.name = "Bucketize";
  for (double v : boundaries) spec.key += std::to_string(v) + ",";
  spec.dtypes = {DType::kInt32};
  spec.dims = {c.dims(0)};
  spec.run = [boundaries](const std::vector<Array>& in, std::vector<Array>& out) {
    const double* x = in[0].data<double>();
    int32_t* to = out[0].data<int32_t>();
    for (int64_t i = 0; i < in[0].size(); ++i) {
      const auto at = std::upper_bound(boundaries.begin(), boundaries.end(), x[i]);
      to[i] = static_cast<int32_t>(at - boundaries.begin());
    }
  };
  c.out = c.b.Kernel(std::move(spec), {c.b.Cast(x, DType::kFloat64)});
}

// --- in top k --------------------------------------------------------------------------------

void InTopKShape(ShapeContext& c) {
  const Shape predictions = c.WithRank(0, 2);
  const Shape targets = c.WithRank(1, 1);
  if (c.num_inputs() == 3) c.WithRank(2, 0);
  c.set_output(0, Shape({c.MergeDims(predictions.dim(0), targets.dim(0))}));
}

// Whether fewer than k predictions exceed the target's; false where one of them, or the
// target, makes that unanswerable.
bool InTopK(const float* row, int64_t classes, int64_t target, int64_t k) {
  if (target < 0 || target >= classes || !std::isfinite(row[target])) return false;
  int64_t above = 0;
  for (int64_t i = 0; i < classes; ++i) {
    if (!std::isfinite(row[i])) return false;
    if (row[i] > row[target] && ++above > k) break;
  }
  return above < k;
}

void LowerInTopK(LoweringContext& c) {
  if (c.dims(0).size() != 2) c.Fail("predictions must be 2-dimensional");
  if (c.dims(1).size() != 1) c.Fail("targets must be 1-dimensional");
  const int64_t rows = c.dims(0)[0], classes = c.dims(0)[1];
  if (c.dims(1)[0] != rows) {
    c.Fail("First dimension of predictions " + std::to_string(rows) +
           " must match length of targets " + std::to_string(c.dims(1)[0]));
  }
  if (c.in.size() == 3 && c.b.size(c.x(2)) != 1) c.Fail("k must be 0-D");
  KernelSpec spec;
  spec.name = "InTopK";
  spec.dtypes = {DType::kBool};
  spec.dims = {{rows}};
  const int64_t given = c.in.size() == 3 ? -1 : c.op.int_attr("k");
  spec.key = std::to_string(given);
  spec.run = [=](const std::vector<Array>& in, std::vector<Array>& out) {
    const int64_t k = in.size() == 3 ? in[2].AsInt(0) : given;
    for (int64_t r = 0; r < rows; ++r) {
      out[0].data<bool>()[r] =
          InTopK(in[0].data<float>() + r * classes, classes, in[1].AsInt(r), k);
    }
  };
  c.out = c.b.Kernel(std::move(spec), c.in);
}

}  // namespace

void RegisterSearchOps(OpRegistry& r) {
  for (const bool upper : {false, true}) {
    r.Op(upper ? "UpperBound" : "LowerBound")
        .Input("sorted_inputs: T")
        .Input("values: T")
        .Output("output: out_type")
        .Attr(kRealT)
        .Attr("out_type: {int32, int64} = int32")
        .Doc(upper ? "How many elements of its sorted row each value is not smaller than"
                   : "How many elements of its sorted row each value exceeds")
        .Shape(BoundShape)
        .NotDifferentiable()
        .Lower(LowerBound(upper));
  }
  r.Op("Bucketize")
      .Input("input: T")
      .Output("output: int32")
      .Attr("T: {int32, int64, float, double}")
      .Attr("boundaries: list(float)")
      .Doc("How many boundaries each element reaches")
      .Shape(shape_rules::Unchanged)
      .NotDifferentiable()
      .Lower(LowerBucketize);
  r.Op("InTopK")
      .Input("predictions: float")
      .Input("targets: T")
      .Output("precision: bool")
      .Attr("k: int")
      .Attr("T: {int32, int64} = int32")
      .Doc("Whether the targets are among the k largest predictions of their rows")
      .Shape(InTopKShape)
      .NotDifferentiable()
      .Lower(LowerInTopK);
  r.Op("InTopKV2")
      .Input("predictions: float")
      .Input("targets: T")
      .Input("k: T")
      .Output("precision: bool")
      .Attr("T: {int32, int64} = int32")
      .Doc("Whether the targets are among the k largest predictions of their rows")
      .Shape(InTopKShape)
      .NotDifferentiable()
      .Lower(LowerInTopK);
}

}  // namespace wengert
