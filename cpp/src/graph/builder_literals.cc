#include "graph/builder_literals.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "wengert/error.h"

namespace wengert {
namespace {

bool FitsInt32(int64_t v) {
  return v >= std::numeric_limits<int32_t>::min() && v <= std::numeric_limits<int32_t>::max();
}

template <class T>
void Store(const Array& a, int64_t i, T value) {
  const auto put = [&](auto converted) { a.data<decltype(converted)>()[i] = converted; };
  switch (a.dtype()) {
    case DType::kFloat32:
      return put(static_cast<float>(value));
    case DType::kFloat64:
      return put(static_cast<double>(value));
    case DType::kFloat16:
      return put(ToHalf(static_cast<float>(value)));
    case DType::kBFloat16:
      return put(ToBFloat16(static_cast<float>(value)));
    case DType::kInt8:
      return put(static_cast<int8_t>(value));
    case DType::kInt16:
      return put(static_cast<int16_t>(value));
    case DType::kInt32:
      return put(static_cast<int32_t>(value));
    case DType::kInt64:
      return put(static_cast<int64_t>(value));
    case DType::kUInt8:
      return put(static_cast<uint8_t>(value));
    case DType::kUInt16:
      return put(static_cast<uint16_t>(value));
    case DType::kUInt32:
      return put(static_cast<uint32_t>(value));
    case DType::kUInt64:
      return put(static_cast<uint64_t>(value));
    case DType::kBool:
      return put(value != T(0));
    case DType::kComplex64:
      return put(std::complex<float>(static_cast<float>(value)));
    case DType::kComplex128:
      return put(std::complex<double>(static_cast<double>(value)));
    default:
      throw TypeError(std::string("a number cannot become a ") + Name(a.dtype()));
  }
}

std::string NumberText(double v) {
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof(buffer), v).ptr);
}

Array CastArray(const Array& from, DType dtype) {
  if (from.dtype() == dtype) return from;
  Array to(dtype, from.dims());
  if (IsComplex(from.dtype())) {
    if (!IsComplex(dtype)) {
      throw TypeError(std::string("Expected ") + Name(dtype) + ", but got a value of dtype " +
                      Name(from.dtype()) + ".");
    }
    for (int64_t i = 0; i < from.size(); ++i) {
      if (dtype == DType::kComplex64) {
        to.data<std::complex<float>>()[i] =
            std::complex<float>(from.data<std::complex<double>>()[i]);
      } else {
        to.data<std::complex<double>>()[i] = from.data<std::complex<float>>()[i];
      }
    }
  } else if (IsFloating(from.dtype())) {
    for (int64_t i = 0; i < from.size(); ++i) Store(to, i, from.AsDouble(i));
  } else {
    for (int64_t i = 0; i < from.size(); ++i) Store(to, i, from.AsInt(i));
  }
  return to;
}

// One level of a list of literals: all elements along a new first axis.
Array StackLiterals(const std::vector<In>& list, DType dtype) {
  std::vector<Array> parts;
  for (const In& in : list) parts.push_back(LiteralValue(in, dtype));
  Dims dims{static_cast<int64_t>(parts.size())};
  if (!parts.empty()) dims.insert(dims.end(), parts[0].dims().begin(), parts[0].dims().end());
  Array out(dtype, dims);
  char* to = static_cast<char*>(out.raw());
  for (const Array& part : parts) {
    if (part.dims() != parts[0].dims()) {
      throw ValueError("elements of a list differ in shape: " + ToString(parts[0].dims()) +
                       " and " + ToString(part.dims()));
    }
    if (!to) throw TypeError(std::string("no list of literals of dtype ") + Name(dtype));
    std::memcpy(to, part.raw(), part.bytes());
    to += part.bytes();
  }
  return out;
}

}  // namespace

bool IsLiteral(const In& in) {
  return FirstTensorType(in) == DType::kInvalid;
}

DType FirstTensorType(const In& in) {
  if (const auto* tensor = std::get_if<Tensor>(&in.value())) {
    if (!*tensor) throw ValueError("an argument is an empty tensor");
    return tensor->dtype();
  }
  if (const auto* tensors = std::get_if<std::vector<Tensor>>(&in.value())) {
    if (tensors->empty()) return DType::kInvalid;
    if (!tensors->front()) throw ValueError("an argument is an empty tensor");
    return tensors->front().dtype();
  }
  if (const auto* list = std::get_if<std::vector<In>>(&in.value())) {
    for (const In& element : *list) {
      const DType dtype = FirstTensorType(element);
      if (dtype != DType::kInvalid) return dtype;
    }
  }
  return DType::kInvalid;
}

DType NaturalType(const In& literal) {
  if (const auto* array = std::get_if<Array>(&literal.value())) return array->dtype();
  if (const auto* i = std::get_if<int64_t>(&literal.value())) {
    return FitsInt32(*i) ? DType::kInt32 : DType::kInt64;
  }
  if (const auto* ints = std::get_if<std::vector<int64_t>>(&literal.value())) {
    if (ints->empty()) return DType::kFloat32;
    return std::all_of(ints->begin(), ints->end(), FitsInt32) ? DType::kInt32 : DType::kInt64;
  }
  const auto* list = std::get_if<std::vector<In>>(&literal.value());
  if (!list || list->empty()) return DType::kFloat32;
  // An element that is not an int decides; else the widest.
  DType dtype = DType::kInt32;
  for (const In& element : *list) {
    const DType own = NaturalType(element);
    if (!IsInteger(own)) return own;
    if (own != DType::kInt32) dtype = own;
  }
  return dtype;
}

Array LiteralValue(const In& literal, DType dtype) {
  if (const auto* array = std::get_if<Array>(&literal.value())) return CastArray(*array, dtype);
  if (const auto* number = std::get_if<double>(&literal.value())) {
    if (!IsFloating(dtype) && !IsComplex(dtype)) {
      throw TypeError(std::string("Expected ") + Name(dtype) + ", but got " + NumberText(*number) +
                      " of type 'float'.");
    }
    Array out(dtype, {});
    Store(out, 0, *number);
    return out;
  }
  if (const auto* number = std::get_if<int64_t>(&literal.value())) {
    Array out(dtype, {});
    Store(out, 0, *number);
    return out;
  }
  if (const auto* ints = std::get_if<std::vector<int64_t>>(&literal.value())) {
    Array out(dtype, {static_cast<int64_t>(ints->size())});
    for (size_t i = 0; i < ints->size(); ++i) Store(out, static_cast<int64_t>(i), (*ints)[i]);
    return out;
  }
  if (const auto* list = std::get_if<std::vector<In>>(&literal.value())) {
    return StackLiterals(*list, dtype);
  }
  return Array(dtype, {0});  // an empty list of tensors
}

Tensor Convert(Builder& b, const In& in, const std::string& name, DType dtype) {
  if (const auto* tensor = std::get_if<Tensor>(&in.value())) {
    if (!*tensor) throw ValueError("an argument is an empty tensor");
    return *tensor;
  }
  const DType tensor_type = FirstTensorType(in);
  if (tensor_type == DType::kInvalid) {
    if (dtype == DType::kInvalid) dtype = NaturalType(in);
    return b.Constant(LiteralValue(in, dtype), name);
  }
  const Builder::Scope scope = b.NameScope(name);
  std::vector<Tensor> parts;
  if (const auto* tensors = std::get_if<std::vector<Tensor>>(&in.value())) {
    parts = *tensors;
  } else {
    const auto& list = std::get<std::vector<In>>(in.value());
    for (size_t i = 0; i < list.size(); ++i) {
      parts.push_back(Convert(b, list[i], std::to_string(i), tensor_type));
    }
  }
  return b.Op("Pack", {In(std::move(parts))}, {{"axis", 0}}, scope.path());
}

}  // namespace wengert
