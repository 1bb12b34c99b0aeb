// Reference evaluator: movement, gathers and scatters.
#include <cstring>

#include "compile/reference.h"

namespace wengert::compile {

namespace {

// Steps `index` through `dims` in row-major order; false after the last one.
bool Next(Dims& index, const Dims& dims) {
  for (size_t axis = dims.size(); axis-- > 0;) {
    if (++index[axis] < dims[axis]) return true;
    index[axis] = 0;
  }
  return false;
}

int64_t Dot(const Dims& a, const Dims& b) {
  int64_t sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

int64_t Product(const Dims& dims, size_t begin, size_t end) {
  int64_t product = 1;
  for (size_t i = begin; i < end; ++i) product *= dims[i];
  return product;
}

[[noreturn]] void BadIndex(const Array& indices, int64_t at, int64_t value, int64_t limit) {
  Dims position(indices.dims().size());
  for (size_t axis = position.size(); axis-- > 0;) {
    position[axis] = at % indices.dims()[axis];
    at /= indices.dims()[axis];
  }
  std::string text = "indices" + ToString(position);
  throw InvalidArgument(text + " = " + std::to_string(value) + " is not in [0, " +
                        std::to_string(limit) + ")");
}

}  // namespace

void CopyElement(const Array& to, int64_t i, const Array& from, int64_t j) {
  switch (to.dtype()) {
    case DType::kString:
      to.strings()[static_cast<size_t>(i)] = from.strings()[static_cast<size_t>(j)];
      return;
    case DType::kResource:
      to.resources()[static_cast<size_t>(i)] = from.resources()[static_cast<size_t>(j)];
      return;
    case DType::kVariant:
      to.variants()[static_cast<size_t>(i)] = from.variants()[static_cast<size_t>(j)];
      return;
    default: {
      const size_t size = SizeOf(to.dtype());
      std::memcpy(to.data<char>() + static_cast<size_t>(i) * size,
                  from.data<char>() + static_cast<size_t>(j) * size, size);
    }
  }
}

Dims RowMajorStrides(const Dims& dims) {
  Dims strides(dims.size());
  int64_t step = 1;
  for (size_t axis = dims.size(); axis-- > 0;) {
    strides[axis] = step;
    step *= dims[axis];
  }
  return strides;
}

Array EvaluateStrided(const Array& x, const Dims& dims, int64_t offset, const Dims& strides) {
  Array out(x.dtype(), dims);
  if (out.size() == 0) return out;
  Dims index(dims.size());
  int64_t i = 0;
  do {
    CopyElement(out, i++, x, offset + Dot(index, strides));
  } while (Next(index, dims));
  return out;
}

Array EvaluatePad(const Array& x, const Array& fill, const Dims& low, const Dims& high) {
  Dims dims = x.dims();
  for (size_t i = 0; i < dims.size(); ++i) dims[i] += low[i] + high[i];
  Array out(x.dtype(), dims);
  for (int64_t i = 0; i < out.size(); ++i) CopyElement(out, i, fill, 0);
  if (x.size() == 0) return out;
  const Dims strides = RowMajorStrides(dims);
  Dims index(dims.size());
  const int64_t offset = Dot(low, strides);
  int64_t i = 0;
  do {
    CopyElement(out, offset + Dot(index, strides), x, i++);
  } while (Next(index, x.dims()));
  return out;
}

Array EvaluateConcat(const std::vector<Array>& xs, int axis, const Dims& dims) {
  Array out(xs[0].dtype(), dims);
  const size_t a = static_cast<size_t>(axis);
  const int64_t outer = Product(dims, 0, a), inner = Product(dims, a + 1, dims.size());
  int64_t at = 0;
  for (const Array& x : xs) {
    const int64_t block = x.dims()[a] * inner;
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < block; ++i) {
        CopyElement(out, o * dims[a] * inner + at + i, x, o * block + i);
      }
    }
    at += block;
  }
  return out;
}

Array EvaluateGather(const Array& params, const Array& indices, int axis, int batch_dims) {
  const Dims &p = params.dims(), &q = indices.dims();
  const size_t a = static_cast<size_t>(axis), b = static_cast<size_t>(batch_dims);
  Dims dims(p.begin(), p.begin() + axis);
  dims.insert(dims.end(), q.begin() + batch_dims, q.end());
  dims.insert(dims.end(), p.begin() + axis + 1, p.end());
  Array out(params.dtype(), dims);
  const int64_t batch = Product(p, 0, b), outer = Product(p, b, a);
  const int64_t inner = Product(p, a + 1, p.size()), count = Product(q, b, q.size());
  for (int64_t i = 0; i < indices.size(); ++i) {
    const int64_t index = indices.AsInt(i);
    if (index < 0 || index >= p[a]) BadIndex(indices, i, index, p[a]);
  }
  int64_t at = 0;
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t k = 0; k < count; ++k) {
        const int64_t row = (n * outer + o) * p[a] + indices.AsInt(n * count + k);
        for (int64_t i = 0; i < inner; ++i) CopyElement(out, at++, params, row * inner + i);
      }
    }
  }
  return out;
}

Array EvaluateGatherNd(const Array& params, const Array& indices, int batch_dims) {
  const Dims &p = params.dims(), &q = indices.dims();
  const size_t b = static_cast<size_t>(batch_dims), depth = static_cast<size_t>(q.back());
  Dims dims(q.begin(), q.end() - 1);
  dims.insert(dims.end(), p.begin() + static_cast<int64_t>(b + depth), p.end());
  Array out(params.dtype(), dims);
  const int64_t inner = Product(p, b + depth, p.size());
  const int64_t rows = Product(q, 0, q.size() - 1), batch = Product(q, 0, b);
  const int64_t per_batch = batch == 0 ? 0 : rows / batch;
  for (int64_t r = 0; r < rows; ++r) {
    int64_t at = r / per_batch;
    for (size_t d = 0; d < depth; ++d) {
      const int64_t i = r * static_cast<int64_t>(depth) + static_cast<int64_t>(d);
      const int64_t index = indices.AsInt(i);
      if (index < 0 || index >= p[b + d]) BadIndex(indices, i, index, p[b + d]);
      at = at * p[b + d] + index;
    }
    for (int64_t i = 0; i < inner; ++i) CopyElement(out, r * inner + i, params, at * inner + i);
  }
  return out;
}

Array EvaluateScatter(const Scatter& scatter, const Array& operand, const Array& indices,
                      const Array& updates) {
  Array out(operand.dtype(), operand.dims());
  for (int64_t i = 0; i < out.size(); ++i) CopyElement(out, i, operand, i);
  const Dims &o = operand.dims(), &q = indices.dims();
  const size_t depth = static_cast<size_t>(q.back());
  const int64_t inner = Product(o, depth, o.size()), rows = Product(q, 0, q.size() - 1);
  for (int64_t r = 0; r < rows; ++r) {
    int64_t at = 0;
    bool drop = false;
    for (size_t d = 0; d < depth && !drop; ++d) {
      const int64_t i = r * static_cast<int64_t>(depth) + static_cast<int64_t>(d);
      const int64_t index = indices.AsInt(i);
      if (index < 0 || index >= o[d]) {
        if (!scatter.drop_out_of_range) BadIndex(indices, i, index, o[d]);
        drop = true;
      }
      at = at * o[d] + index;
    }
    for (int64_t i = 0; i < inner && !drop; ++i) {
      const int64_t to = at * inner + i, from = r * inner + i;
      if (scatter.op == ScatterOp::kSet) {
        CopyElement(out, to, updates, from);
        continue;
      }
      Array old(out.dtype(), {}), update(out.dtype(), {});
      CopyElement(old, 0, out, to);
      CopyElement(update, 0, updates, from);
      constexpr ScalarOp kOps[] = {ScalarOp::kAdd, ScalarOp::kAdd,     ScalarOp::kSub,
                                   ScalarOp::kMul, ScalarOp::kMaximum, ScalarOp::kMinimum};
      CopyElement(out, to, EvaluateMap(kOps[static_cast<size_t>(scatter.op)], {old, update}), 0);
    }
  }
  return out;
}

}  // namespace wengert::compile
