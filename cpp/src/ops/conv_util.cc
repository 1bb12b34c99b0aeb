#include "ops/conv_util.h"

namespace wengert::conv_util {

using namespace window_util;

Problem MakeProblem(ConvKind kind, const Windows& w, const Dims& image, const Dims& filter,
                    const Fail& fail) {
  Problem p;
  p.spec.kind = kind;
  p.image = ToCanonical(w, image);
  p.filter = FilterDims(filter);
  p.result = {p.image[0], 1, 1, 1, p.filter[4]};
  for (int i = 0; i < w.spatial; ++i) {
    const size_t a = Axis(w, i);
    const int64_t length = p.image[a + 1], window = p.filter[a];
    p.spec.stride[a] = w.strides[static_cast<size_t>(i)];
    p.spec.dilation[a] = w.dilations[static_cast<size_t>(i)];
    p.spec.pad[a] = w.PadBefore(i, length, window);
    p.result[a + 1] = w.ResultLength(i, length, window, fail);
  }
  p.spec.groups = p.image[4] / p.filter[3];
  return p;
}

Dims OwnDims(const Windows& w, const Dims& canonical) {
  Dims dims(static_cast<size_t>(w.rank()));
  dims[0] = canonical[0];
  dims[static_cast<size_t>(w.channel_axis())] = canonical[4];
  for (int i = 0; i < w.spatial; ++i) {
    dims[static_cast<size_t>(w.spatial_axis(i))] = canonical[1 + Axis(w, i)];
  }
  return dims;
}

void CheckRanks(const LoweringContext& c, const Windows& w, const std::vector<int>& inputs) {
  for (int i : inputs) {
    const size_t rank = c.dims(i).size();
    if (static_cast<int>(rank) != w.rank()) {
      c.Fail(c.op.type() + ": input " + std::to_string(i) + " must be " + std::to_string(w.rank()) +
             "-dimensional, got shape " + ToString(c.dims(i)));
    }
  }
}

void CheckResult(const Windows& w, const Problem& p, const Dims& got, const std::string& op,
                 const Fail& fail) {
  const Dims dims = ToCanonical(w, got);
  if (dims[0] != p.result[0]) {
    fail(op + ": input and out_backprop must have the same batch size. Input batch: " +
         std::to_string(p.result[0]) + ", outbackprop batch: " + std::to_string(dims[0]));
  }
  for (int i = 0; i < w.spatial; ++i) {
    const size_t a = Axis(w, i);
    if (dims[a + 1] == p.result[a + 1]) continue;
    fail(op +
         ": Size of out_backprop doesn't match computed: actual = " + std::to_string(dims[a + 1]) +
         ", computed = " + std::to_string(p.result[a + 1]) + " spatial_dim: " + std::to_string(i) +
         " input: " + std::to_string(p.image[a + 1]) + " filter: " + std::to_string(p.filter[a]) +
         " stride: " + std::to_string(p.spec.stride[a]) +
         " dilation: " + std::to_string(p.spec.dilation[a]));
  }
  if (dims[4] != p.result[4]) {
    fail(op + ": filter and out_backprop must have the same out_depth, got " +
         std::to_string(p.result[4]) + " and " + std::to_string(dims[4]));
  }
}

Dims InputSizes(const LoweringContext& c, const Windows& w, int64_t channels) {
  if (c.dims(0).size() != 1) {
    c.Fail(c.op.type() + ": input_sizes input must be 1-dim, not " +
           std::to_string(c.dims(0).size()));
  }
  Dims sizes = c.ints(0);
  for (int64_t n : sizes) {
    if (n < 0) c.Fail(c.op.type() + ": input_sizes must not be negative, got " + ToString(sizes));
  }
  if (static_cast<int>(sizes.size()) == w.spatial) {
    Dims dims{c.dims(2)[0]};
    if (w.channels_first) dims.push_back(channels);
    dims.insert(dims.end(), sizes.begin(), sizes.end());
    if (!w.channels_first) dims.push_back(channels);
    return dims;
  }
  if (static_cast<int>(sizes.size()) != w.rank()) {
    c.Fail(c.op.type() + " requires input_sizes to contain " + std::to_string(w.rank()) +
           " values or " + std::to_string(w.spatial) +
           " values, but got: " + std::to_string(sizes.size()));
  }
  return sizes;
}

Dims FilterSizes(const LoweringContext& c, const Windows& w) {
  Dims sizes = c.dims(1).size() == 1 ? c.ints(1) : Dims();
  bool ok = static_cast<int>(sizes.size()) == w.rank();
  for (int64_t n : sizes) ok = ok && n >= 0;
  if (!ok) {
    c.Fail(c.op.type() + ": filter_sizes must hold " + std::to_string(w.rank()) +
           " lengths, got shape " + ToString(c.dims(1)) + " with values " + ToString(sizes));
  }
  return sizes;
}

void InputShapeOf(ShapeContext& c, int spatial) {
  const int rank = spatial + 2;
  const bool first = c.attr("data_format").as<std::string>()[1] == 'C';
  const Shape filter = c.WithRank(1, rank), grad = c.WithRank(2, rank);
  const Shape sizes = c.input_as_shape(0);
  if (!sizes.has_rank()) return c.set_output(0, Shape::UnknownOfRank(rank));
  if (sizes.rank() == rank) return c.set_output(0, sizes);
  if (sizes.rank() != spatial) {
    c.Fail("requires input_sizes to contain " + std::to_string(rank) + " values or " +
           std::to_string(spatial) + " values, but got: " + std::to_string(sizes.rank()));
  }
  const int64_t channels = filter.has_rank() ? filter.dim(spatial) : kUnknownDim;
  Dims dims{grad.has_rank() ? grad.dim(0) : kUnknownDim};
  if (first) dims.push_back(channels);
  for (int64_t n : sizes.dims()) dims.push_back(n);
  if (!first) dims.push_back(channels);
  c.set_output(0, Shape(std::move(dims)));
}

void FilterShapeOf(ShapeContext& c, int spatial) {
  const Shape sizes = c.input_as_shape(1);
  if (sizes.has_rank() && sizes.rank() != spatial + 2) {
    c.Fail("Shape must be rank " + std::to_string(spatial + 2) + " but is rank " +
           std::to_string(sizes.rank()));
  }
  c.set_output(0, sizes.has_rank() ? sizes : Shape::UnknownOfRank(spatial + 2));
}

AttrMap SameAttrs(const GradientContext& g, const std::vector<const char*>& names) {
  AttrMap attrs;
  for (const char* name : names) attrs[name] = g.op->attr(name);
  return attrs;
}

}  // namespace wengert::conv_util
