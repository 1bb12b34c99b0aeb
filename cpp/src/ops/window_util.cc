#include "ops/window_util.h"

#include <algorithm>

#include "ops/shape_util.h"

namespace wengert::window_util {

using op_util::CheckedAdd;
using op_util::CheckedMul;

std::vector<int64_t> Windows::Pick(const std::vector<int64_t>& values) const {
  std::vector<int64_t> picked;
  for (int i = 0; i < spatial; ++i) {
    picked.push_back(values[static_cast<size_t>(spatial_axis(i))]);
  }
  return picked;
}

namespace {

int64_t Reach(const Windows& w, int i, int64_t window) {
  return CheckedAdd(CheckedMul(window - 1, w.dilations[static_cast<size_t>(i)]), 1);
}

// Zeros that SAME adds so that every ceil(length / stride) windows fit.
int64_t SamePadding(int64_t length, int64_t reach, int64_t stride) {
  const int64_t result = length / stride + (length % stride != 0);
  if (result == 0) return 0;
  return std::max<int64_t>(0, CheckedAdd(CheckedMul(result - 1, stride), reach) - length);
}

std::string Entries(const std::string& op, const Windows& w, const char* attr, size_t got) {
  return op + " requires the " + attr + " attribute to contain " + std::to_string(w.rank()) +
         " values, but got: " + std::to_string(got);
}

}  // namespace

int64_t Windows::ResultLength(int i, int64_t length, int64_t window, const Fail& fail) const {
  if (window < 0 || length < 0) {
    return padding == "SAME" && length >= 0 ? length / strides[static_cast<size_t>(i)] +
                                                  (length % strides[static_cast<size_t>(i)] != 0)
                                            : kUnknownDim;
  }
  const int64_t stride = strides[static_cast<size_t>(i)];
  if (padding == "SAME") return length / stride + (length % stride != 0);
  const int64_t reach = window == 0 ? 0 : Reach(*this, i, window);
  if (padding == "EXPLICIT") {
    const size_t at = static_cast<size_t>(2 * i);
    length = CheckedAdd(length, CheckedAdd(explicit_pads[at], explicit_pads[at + 1]));
  }
  if (reach > length) {
    fail("Negative dimension size caused by subtracting " + std::to_string(reach) + " from " +
         std::to_string(length));
  }
  return (length - reach) / stride + 1;
}

int64_t Windows::PadBefore(int i, int64_t length, int64_t window) const {
  if (padding == "VALID" || window == 0) return 0;
  if (padding == "EXPLICIT") return explicit_pads[static_cast<size_t>(2 * i)];
  return SamePadding(length, Reach(*this, i, window), strides[static_cast<size_t>(i)]) / 2;
}

Windows ReadWindows(const std::string& op, const AttrMap& attrs, int spatial,
                    const std::vector<int64_t>& strides, const Fail& fail) {
  Windows w;
  w.spatial = spatial;
  const auto find = [&](const char* name) -> const Attr* {
    const auto it = attrs.find(name);
    return it == attrs.end() ? nullptr : &it->second;
  };
  std::string format = spatial == 2 ? "NHWC" : "NDHWC";
  if (const Attr* attr = find("data_format")) format = attr->as<std::string>();
  if (format == "NCHW_VECT_C") {
    throw Error(ErrorKind::kUnimplemented, op + ": data format NCHW_VECT_C is not supported; use "
                                                "NHWC or NCHW");
  }
  w.channels_first = format[1] == 'C';
  const size_t rank = static_cast<size_t>(w.rank());
  if (strides.size() != rank) {
    fail(op + " on data format " + format + " requires the stride attribute to contain " +
         std::to_string(rank) + " values, but got: " + std::to_string(strides.size()));
  }
  w.strides = w.Pick(strides);
  for (int64_t s : strides) {
    if (s <= 0) fail("Stride must be > 0, but got " + std::to_string(s));
  }
  w.dilations.assign(static_cast<size_t>(spatial), 1);
  if (const Attr* attr = find("dilations")) {
    const auto& dilations = attr->as<std::vector<int64_t>>();
    if (dilations.size() != rank) fail(Entries(op, w, "dilation", dilations.size()));
    w.dilations = w.Pick(dilations);
    for (int64_t d : dilations) {
      if (d <= 0) fail("Dilation rate must be >= 1, but got " + std::to_string(d));
    }
  }
  w.padding = find("padding")->as<std::string>();
  const Attr* explicit_attr = find("explicit_paddings");
  const std::vector<int64_t> pads =
      explicit_attr ? explicit_attr->as<std::vector<int64_t>>() : std::vector<int64_t>();
  if (w.padding != "EXPLICIT") {
    if (!pads.empty()) {
      fail("explicit_paddings attribute must be empty if the padding attribute is not EXPLICIT");
    }
    return w;
  }
  if (pads.size() != 2 * rank) {
    fail("explicit_paddings attribute must contain " + std::to_string(2 * rank) +
         " values, but got: " + std::to_string(pads.size()));
  }
  for (int64_t p : pads) {
    if (p < 0) fail("All elements of explicit_paddings must be nonnegative");
  }
  const size_t channel = static_cast<size_t>(2 * w.channel_axis());
  if (pads[0] != 0 || pads[1] != 0 || pads[channel] != 0 || pads[channel + 1] != 0) {
    fail("Nonzero explicit padding in the batch or depth dimensions is not supported");
  }
  for (int i = 0; i < spatial; ++i) {
    const size_t at = static_cast<size_t>(2 * w.spatial_axis(i));
    w.explicit_pads.push_back(pads[at]);
    w.explicit_pads.push_back(pads[at + 1]);
  }
  return w;
}

Windows ReadWindows(const std::string& op, const AttrMap& attrs, int spatial, const Fail& fail) {
  return ReadWindows(op, attrs, spatial, attrs.find("strides")->second.as<std::vector<int64_t>>(),
                     fail);
}

Fail FailOf(const ShapeContext& c) {
  return [&c](const std::string& message) { c.Fail(message); };
}
Fail FailOf(const LoweringContext& c) {
  return [&c](const std::string& message) { c.Fail(message); };
}

Dims ToCanonical(const Windows& w, const Dims& dims) {
  Dims out{dims[0], 1, 1, 1, dims[static_cast<size_t>(w.channel_axis())]};
  for (int i = 0; i < w.spatial; ++i) {
    out[1 + Axis(w, i)] = dims[static_cast<size_t>(w.spatial_axis(i))];
  }
  return out;
}

Value ToCanonical(Lowering& b, const Windows& w, Value x) {
  const Dims dims = ToCanonical(w, b.dims(x));
  if (w.channels_first) {
    std::vector<int> perm{0};
    for (int i = 2; i < w.rank(); ++i) perm.push_back(i);
    perm.push_back(1);
    x = b.Transpose(x, perm);
  }
  return b.Reshape(x, dims);
}

Value FromCanonical(Lowering& b, const Windows& w, Value x, const Dims& dims) {
  if (!w.channels_first) return b.Reshape(x, dims);
  Dims last{dims[0]};
  last.insert(last.end(), dims.begin() + 2, dims.end());
  last.push_back(dims[1]);
  std::vector<int> perm{0, w.rank() - 1};
  for (int i = 1; i < w.rank() - 1; ++i) perm.push_back(i);
  return b.Transpose(b.Reshape(x, last), perm);
}

Dims FilterDims(const Dims& dims) {
  Dims out = dims;
  while (out.size() < 5) out.insert(out.begin(), 1);
  return out;
}

}  // namespace wengert::window_util
