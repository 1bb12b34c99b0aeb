#include "wengert/attr.h"

#include <charconv>

namespace wengert {
namespace {

std::string Text(int64_t v) {
  return std::to_string(v);
}

std::string Text(bool v) {
  return v ? "true" : "false";
}

std::string Text(float v) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), v).ptr;
  return std::string(buffer, end);
}

std::string Text(const std::string& v) {
  std::string out = "\"";
  for (char c : v) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Text(DType v) {
  return EnumName(v);
}

std::string Text(const Shape& v) {
  return v.ToError();
}

std::string Text(const FunctionRef& v) {
  return v.name + "[]";
}

std::string Text(const Array& v) {
  return std::string("Tensor<type: ") + SignatureName(v.dtype()) + " shape: " + ToString(v.dims()) +
         ">";
}

bool Same(const Array& a, const Array& b) {
  return a.Identical(b);
}

bool Same(const FunctionRef& a, const FunctionRef& b) {
  return a.name == b.name && a.function == b.function;
}

template <class T>
bool Same(const T& a, const T& b) {
  return a == b;
}

template <class T>
bool Same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!Same(a[i], b[i])) return false;
  }
  return true;
}

struct Printer {
  std::string operator()(std::monostate) const { return "<unset>"; }
  template <class T>
  std::string operator()(const T& v) const {
    return Text(v);
  }
  template <class T>
  std::string operator()(const std::vector<T>& list) const {
    std::string out = "[";
    for (size_t i = 0; i < list.size(); ++i) {
      if (i) out += ", ";
      out += Text(static_cast<const T&>(list[i]));
    }
    return out + "]";
  }
};

}  // namespace

std::string Attr::ToString() const {
  return std::visit(Printer(), value_);
}

bool Attr::operator==(const Attr& other) const {
  if (value_.index() != other.value_.index()) return false;
  return std::visit(
      [&other](const auto& v) {
        return Same(v, std::get<std::decay_t<decltype(v)>>(other.value_));
      },
      value_);
}

}  // namespace wengert
