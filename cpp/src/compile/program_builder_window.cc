// ProgramBuilder: convolution and pooling.
#include <string>

#include "compile/program_builder.h"
#include "wengert/error.h"

namespace wengert::compile {
namespace {

void Check(bool ok, const char* what) {
  if (!ok) throw InvalidArgument(what);
}

void CheckPositive(const Spatial& s, int64_t least, const char* what) {
  for (int64_t x : s) Check(x >= least, what);
}

}  // namespace

Value ProgramBuilder::Conv(const ConvSpec& spec, Value a, Value b, Dims out) {
  const DType type = dtype(a);
  Check(dtype(b) == type, "Conv: the dtypes of the operands differ");
  if (IsHalf(type)) {
    return Cast(Conv(spec, Cast(a, DType::kFloat32), Cast(b, DType::kFloat32), std::move(out)),
                type);
  }
  if (type != DType::kFloat32 && type != DType::kFloat64 && type != DType::kInt32) {
    throw InvalidArgument(std::string("Conv is not defined for ") + Name(type));
  }
  const Dims da = dims(a), db = dims(b);
  const Dims& image = spec.kind == ConvKind::kImage ? out : da;
  const Dims& filter = spec.kind == ConvKind::kFilter  ? out
                       : spec.kind == ConvKind::kImage ? da
                                                       : db;
  const Dims& result = spec.kind == ConvKind::kResult ? out : db;
  Check(image.size() == 5 && filter.size() == 5 && result.size() == 5,
        "Conv: the operands must have rank 5");
  CheckPositive(spec.stride, 1, "Conv: strides must be positive");
  CheckPositive(spec.dilation, 1, "Conv: dilations must be positive");
  CheckPositive(spec.pad, 0, "Conv: padding must not be negative");
  Check(spec.groups >= 1 && image[4] % spec.groups == 0 && filter[4] % spec.groups == 0 &&
            filter[3] == image[4] / spec.groups,
        "Conv: the channels do not fit the groups");
  Check(image[0] == result[0] && filter[4] == result[4], "Conv: the operands do not fit");
  return Emit(compile::Conv{spec}, {a, b}, type, std::move(out));
}

Value ProgramBuilder::Pool(const PoolSpec& spec, const std::vector<Value>& args, Dims out) {
  const bool two = spec.kind == PoolKind::kMaxGradient || spec.kind == PoolKind::kMaxGather;
  Check(args.size() == (two ? 2u : 1u), "Pool: wrong number of operands");
  const DType type = dtype(args[0]);
  if (IsHalf(type)) {
    std::vector<Value> wide;
    for (Value v : args) wide.push_back(Cast(v, DType::kFloat32));
    const Value y = Pool(spec, wide, std::move(out));
    return spec.kind == PoolKind::kArgMax ? y : Cast(y, type);
  }
  const bool averages = spec.kind == PoolKind::kAverage || spec.kind == PoolKind::kAverageGradient;
  const bool floating = type == DType::kFloat32 || type == DType::kFloat64;
  if (!floating && (averages || (type != DType::kInt32 && type != DType::kInt64))) {
    throw InvalidArgument(std::string("Pool is not defined for ") + Name(type));
  }
  for (Value v : args) Check(dtype(v) == type, "Pool: the dtypes of the operands differ");
  CheckPositive(spec.window, 1, "Pool: windows must not be empty");
  CheckPositive(spec.stride, 1, "Pool: strides must be positive");
  CheckPositive(spec.pad, 0, "Pool: padding must not be negative");
  const bool gradient =
      spec.kind == PoolKind::kMaxGradient || spec.kind == PoolKind::kAverageGradient;
  const Dims image = gradient ? out : dims(args[0]);
  const Dims result = gradient ? dims(args.back()) : out;
  Check(image.size() == 5 && result.size() == 5, "Pool: the operands must have rank 5");
  Check(image[0] == result[0] && image[4] == result[4], "Pool: the operands do not fit");
  if (two) {
    Check(dims(args[0]) == image && (gradient || dims(args[1]) == image),
          "Pool: the operands do not fit");
  }
  for (size_t i = 0; i < 3; ++i) {
    // Every window sees some of the image.
    const int64_t n = result[i + 1], last = (n - 1) * spec.stride[i] - spec.pad[i];
    Check(n == 0 || (spec.pad[i] < spec.window[i] && last < image[i + 1]),
          "Pool: a window lies outside the image");
  }
  return Emit(compile::Pool{spec}, args, spec.kind == PoolKind::kArgMax ? DType::kInt64 : type,
              std::move(out));
}

}  // namespace wengert::compile
