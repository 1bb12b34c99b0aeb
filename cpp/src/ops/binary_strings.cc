#include "ops/binary_strings.h"

#include <string>
#include <utility>
#include <vector>

namespace wengert::binary_strings {
namespace {

// Calls f(i, offsets) for every element i of `dims`, with the offset in each operand that
// broadcasts to it.
template <class F>
void ForEachBroadcast(const Dims& dims, const std::vector<Dims>& operands, F&& f) {
  const size_t rank = dims.size();
  std::vector<Dims> strides;
  for (const Dims& own : operands) {
    Dims stride(rank, 0);
    int64_t step = 1;
    for (size_t k = own.size(); k-- > 0;) {
      if (own[k] != 1) stride[rank - own.size() + k] = step;
      step *= own[k];
    }
    strides.push_back(std::move(stride));
  }
  const int64_t count = NumElements(dims);
  Dims position(rank, 0);
  std::vector<int64_t> offsets(operands.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    f(i, offsets);
    for (size_t axis = rank; axis-- > 0;) {
      for (size_t o = 0; o < offsets.size(); ++o) offsets[o] += strides[o][axis];
      if (++position[axis] < dims[axis]) break;
      for (size_t o = 0; o < offsets.size(); ++o) offsets[o] -= strides[o][axis] * dims[axis];
      position[axis] = 0;
    }
  }
}

Dims CommonDims(LoweringContext& c) {
  std::optional<Dims> dims = BroadcastDims(c.dims(0), c.dims(1));
  if (!dims) {
    c.Fail("Incompatible shapes: " + ToString(c.dims(0)) + " vs. " + ToString(c.dims(1)));
  }
  return *std::move(dims);
}

KernelSpec Spec(const char* name, DType dtype, const Dims& dims) {
  KernelSpec spec;
  spec.name = name;
  spec.dtypes = {dtype};
  spec.dims = {dims};
  return spec;
}

}  // namespace

Value ConcatenateStrings(LoweringContext& c) {
  const Dims dims = CommonDims(c);
  KernelSpec spec = Spec("ConcatenateStrings", DType::kString, dims);
  spec.run = [dims](const std::vector<Array>& in, std::vector<Array>& out) {
    ForEachBroadcast(dims, {in[0].dims(), in[1].dims()},
                     [&](int64_t i, const std::vector<int64_t>& at) {
                       out[0].strings()[i] = in[0].strings()[at[0]] + in[1].strings()[at[1]];
                     });
  };
  return c.b.Kernel(std::move(spec), {c.x(0), c.x(1)}).at(0);
}

Value CompareStrings(LoweringContext& c, bool equal) {
  const Dims dims = CommonDims(c);
  KernelSpec spec = Spec(equal ? "EqualStrings" : "NotEqualStrings", DType::kBool, dims);
  spec.run = [dims, equal](const std::vector<Array>& in, std::vector<Array>& out) {
    bool* result = out[0].data<bool>();
    ForEachBroadcast(dims, {in[0].dims(), in[1].dims()},
                     [&](int64_t i, const std::vector<int64_t>& at) {
                       result[i] = (in[0].strings()[at[0]] == in[1].strings()[at[1]]) == equal;
                     });
  };
  return c.b.Kernel(std::move(spec), {c.x(0), c.x(1)}).at(0);
}

Value SelectStrings(LoweringContext& c, Value condition, Value t, Value e, const Dims& dims) {
  KernelSpec spec = Spec("SelectStrings", DType::kString, dims);
  spec.run = [dims](const std::vector<Array>& in, std::vector<Array>& out) {
    const bool* chosen = in[0].data<bool>();
    ForEachBroadcast(dims, {in[0].dims(), in[1].dims(), in[2].dims()},
                     [&](int64_t i, const std::vector<int64_t>& at) {
                       out[0].strings()[i] =
                           chosen[at[0]] ? in[1].strings()[at[1]] : in[2].strings()[at[2]];
                     });
  };
  return c.b.Kernel(std::move(spec), {condition, t, e}).at(0);
}

}  // namespace wengert::binary_strings
