// Ops that find the distinct elements of a tensor.
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ops/index_util.h"

namespace wengert {
namespace {

// Slices of `x` along an axis: memory of the pieces that a slice is made of.
class Slices {
 public:
  Slices(const Array& x, int axis) : x_(x), length_(x.dims()[static_cast<size_t>(axis)]) {
    for (int i = 0; i < axis; ++i) outer_ *= x.dims()[static_cast<size_t>(i)];
    for (int i = axis + 1; i < x.rank(); ++i) inner_ *= x.dims()[static_cast<size_t>(i)];
  }
  int64_t length() const { return length_; }
  int64_t outer() const { return outer_; }
  int64_t inner() const { return inner_; }
  int64_t Element(int64_t outer, int64_t slice, int64_t inner) const {
    return (outer * length_ + slice) * inner_ + inner;
  }
  // Bytes that are equal where the slices are. False when one holds a NaN, which equals
  // nothing.
  bool Key(int64_t slice, std::string* key) const {
    key->clear();
    const size_t width = SizeOf(x_.dtype());
    for (int64_t o = 0; o < outer_; ++o) {
      for (int64_t i = 0; i < inner_; ++i) {
        const int64_t at = Element(o, slice, i);
        if (x_.dtype() == DType::kString) {
          const std::string& s = x_.strings()[static_cast<size_t>(at)];
          key->append(std::to_string(s.size())).append(1, ':').append(s);
          continue;
        }
        if (IsFloating(x_.dtype())) {
          const double v = x_.AsDouble(at);
          if (v != v) return false;
          if (v == 0) {  // of either sign
            key->append(width, '\0');
            continue;
          }
        }
        key->append(static_cast<const char*>(x_.raw()) + static_cast<size_t>(at) * width, width);
      }
    }
    return true;
  }

 private:
  const Array& x_;
  int64_t length_;
  int64_t outer_ = 1, inner_ = 1;
};

// The id of each slice, ids given in order of appearance, and the first slice of each id.
struct Distinct {
  std::vector<int64_t> ids, first;
};

Distinct FindDistinct(const Slices& slices) {
  Distinct found;
  std::unordered_map<std::string, int64_t> seen;
  std::string key;
  found.ids.reserve(static_cast<size_t>(slices.length()));
  for (int64_t i = 0; i < slices.length(); ++i) {
    int64_t id = static_cast<int64_t>(found.first.size());
    if (slices.Key(i, &key)) id = seen.emplace(key, id).first->second;
    if (id == static_cast<int64_t>(found.first.size())) found.first.push_back(i);
    found.ids.push_back(id);
  }
  return found;
}

// The same for a vector of plain elements, which are their own keys: no bytes are copied.
template <class T>
Distinct FindDistinctElements(const Array& x) {
  Distinct found;
  std::unordered_map<T, int64_t> seen;
  const T* from = x.data<T>();
  found.ids.reserve(static_cast<size_t>(x.size()));
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t next = static_cast<int64_t>(found.first.size());
    // NaN equals nothing, not even itself.
    const bool nan = from[i] != from[i];
    const int64_t id = nan ? next : seen.emplace(from[i], next).first->second;
    if (id == next) found.first.push_back(i);
    found.ids.push_back(id);
  }
  return found;
}

Distinct Find(const Array& x, const Slices& slices) {
  if (x.rank() == 1) {
    switch (x.dtype()) {
      case DType::kInt32:
        return FindDistinctElements<int32_t>(x);
      case DType::kInt64:
        return FindDistinctElements<int64_t>(x);
      case DType::kFloat32:
        return FindDistinctElements<float>(x);
      case DType::kFloat64:
        return FindDistinctElements<double>(x);
      default:
        break;
    }
  }
  return FindDistinct(slices);
}

Array TakeSlices(const Array& x, int axis, const Slices& slices,
                 const std::vector<int64_t>& which) {
  Dims dims = x.dims();
  const int64_t kept = dims[static_cast<size_t>(axis)] = static_cast<int64_t>(which.size());
  Array out(x.dtype(), std::move(dims));
  const size_t width = SizeOf(x.dtype());
  const int64_t inner = slices.inner();
  for (int64_t o = 0; o < slices.outer(); ++o) {
    for (int64_t s = 0; s < kept; ++s) {
      const int64_t from = slices.Element(o, which[static_cast<size_t>(s)], 0);
      const int64_t to = (o * kept + s) * inner;
      if (x.dtype() == DType::kString) {
        for (int64_t i = 0; i < inner; ++i) {
          out.strings()[static_cast<size_t>(to + i)] = x.strings()[static_cast<size_t>(from + i)];
        }
      } else if (inner > 0) {
        std::memcpy(static_cast<char*>(out.raw()) + static_cast<size_t>(to) * width,
                    static_cast<const char*>(x.raw()) + static_cast<size_t>(from) * width,
                    static_cast<size_t>(inner) * width);
      }
    }
  }
  return out;
}

void LowerUnique(LoweringContext& c) {
  int axis = 0;
  const int rank = static_cast<int>(c.dims(0).size());
  std::vector<int64_t> given;
  if (c.in.size() > 1) given = op_util::VectorInts(c, 1, "axis");
  if (given.size() > 1) c.Fail("axis does not support input tensors larger than 1 elements");
  if (given.empty() && rank != 1) {
    c.Fail("unique expects a 1D vector, but got shape " + ToString(c.dims(0)));
  }
  if (!given.empty()) axis = op_util::WrappedAxis(c, given[0], rank);
  const DType index_type = c.op.type_attr("out_idx");
  KernelSpec spec;
  spec.name = "Unique";
  spec.key = std::to_string(axis) + Name(index_type);
  spec.dtypes = {c.dtype(0), index_type};
  const bool counts = c.op.num_outputs() == 3;
  if (counts) {
    spec.dtypes.push_back(index_type);
    spec.key += ",counts";
  }
  spec.dynamic = true;
  spec.run = [=](const std::vector<Array>& in, std::vector<Array>& out) {
    const Slices slices(in[0], axis);
    const Distinct found = Find(in[0], slices);
    out[0] = TakeSlices(in[0], axis, slices, found.first);
    out[1] = op_util::IntVector(index_type, found.ids);
    if (!counts) return;
    std::vector<int64_t> count(found.first.size(), 0);
    for (int64_t id : found.ids) ++count[static_cast<size_t>(id)];
    out[2] = op_util::IntVector(index_type, count);
  };
  c.out = c.b.Kernel(std::move(spec), {c.x(0)});
}

}  // namespace

void RegisterUniqueOps(OpRegistry& r) {
  for (const bool counts : {false, true}) {
    const std::string suffix = counts ? "WithCounts" : "";
    const std::string ending = counts ? ", and how often it occurs" : "";
    OpDef& vector = r.Op("Unique" + suffix);
    vector.Input("x: T").Output("y: T").Output("idx: out_idx");
    OpDef& axis = r.Op("Unique" + suffix + "V2");
    axis.Input("x: T").Input("axis: Taxis").Output("y: T").Output("idx: out_idx");
    for (OpDef* op : {&vector, &axis}) {
      if (counts) op->Output("count: out_idx");
      op->Attr("T: type");
    }
    axis.Attr("Taxis: {int32, int64} = int64");
    vector.Attr("out_idx: {int32, int64} = int32")
        .Doc("The distinct elements of a vector in order of appearance, which each one is" + ending)
        .Shape([](ShapeContext& c) {
          c.set_output(0, Shape({kUnknownDim}));
          c.set_output(1, c.WithRank(0, 1));
          if (c.num_outputs() == 3) c.set_output(2, Shape({kUnknownDim}));
        })
        .NoGradient()
        .Lower(LowerUnique);
    axis.Attr("out_idx: {int32, int64} = int32")
        .Doc("The distinct slices along an axis in order of appearance, which each one is" + ending)
        .Shape([](ShapeContext& c) {
          const Shape& x = c.input(0);
          if (x.has_rank()) c.set_output(0, Shape::UnknownOfRank(x.rank()));
          for (int i = 1; i < c.num_outputs(); ++i) c.set_output(i, Shape({kUnknownDim}));
        })
        .NoGradient()
        .Lower(LowerUnique);
  }
}

}  // namespace wengert
