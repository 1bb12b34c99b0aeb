// Bitcast: the bytes of a tensor read as elements of another dtype.
#include <cstring>
#include <string>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

// Narrower elements get an axis of their own; wider ones use one up. Returns what is wrong.
std::string Recast(Dims* dims, size_t from, size_t to) {
  if (from > to) dims->push_back(static_cast<int64_t>(from / to));
  if (from >= to) return "";
  const int64_t parts = static_cast<int64_t>(to / from);
  if (dims->empty() || (dims->back() >= 0 && dims->back() != parts)) {
    return "Cannot bitcast from " + std::to_string(to) + " to " +
           std::to_string(dims->empty() ? 0 : dims->back());
  }
  dims->pop_back();
  return "";
}

void BitcastShape(ShapeContext& c) {
  if (!c.input(0).has_rank()) return;
  Dims dims = c.input(0).dims();
  const std::string error =
      Recast(&dims, SizeOf(c.input_dtype(0)), SizeOf(c.attr("type").as<DType>()));
  if (!error.empty()) c.Fail(error);
  c.set_output(0, Shape(std::move(dims)));
}

void LowerBitcast(LoweringContext& c) {
  const DType to = c.op.type_attr("type");
  Dims dims = c.dims(0);
  const std::string error = Recast(&dims, SizeOf(c.dtype(0)), SizeOf(to));
  if (!error.empty()) c.Fail(error);
  if (to == c.dtype(0)) return c.set(c.x());
  KernelSpec spec;
  spec.name = "Bitcast";
  spec.dtypes = {to};
  spec.dims = {dims};
  spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) {
    if (out[0].bytes() > 0) std::memcpy(out[0].raw(), in[0].raw(), out[0].bytes());
  };
  c.out = c.b.Kernel(std::move(spec), {c.x()});
}

}  // namespace

void RegisterBitcastOp(OpRegistry& r) {
  constexpr char kTypes[] =
      "{bfloat16, half, float, double, int64, int32, uint8, uint16, uint32, uint64, int8, int16, "
      "complex64, complex128}";
  r.Op("Bitcast")
      .Input("input: T")
      .Output("output: type")
      .Attr(std::string("T: ") + kTypes)
      .Attr(std::string("type: ") + kTypes)
      .Doc("The bytes of a tensor as elements of another dtype")
      .Shape(BitcastShape)
      .NoGradient()
      .Lower(LowerBitcast);
}

}  // namespace wengert
