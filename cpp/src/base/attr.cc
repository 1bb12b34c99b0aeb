#include "wengert/attr.h"

#include <algorithm>
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

Attr::Attr() = default;
Attr::Attr(const Attr& other) = default;
Attr::Attr(Attr&& other) noexcept = default;
Attr& Attr::operator=(const Attr& other) = default;
Attr& Attr::operator=(Attr&& other) noexcept = default;
Attr::~Attr() = default;

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

AttrMap::AttrMap() = default;
AttrMap::AttrMap(std::initializer_list<Entry> entries) {
  entries_.reserve(entries.size() + 1);  // most ops add the attribute of their dtype
  for (const Entry& e : entries) {
    if (entries_.empty() || entries_.back().first < e.first) {
      entries_.push_back(e);
    } else {
      (*this)[e.first] = e.second;
    }
  }
}
AttrMap::AttrMap(const AttrMap& other) = default;
AttrMap::AttrMap(AttrMap&& other) noexcept = default;
AttrMap& AttrMap::operator=(const AttrMap& other) = default;
AttrMap& AttrMap::operator=(AttrMap&& other) noexcept = default;
AttrMap::~AttrMap() = default;

void AttrMap::reserve(size_t n) {
  entries_.reserve(n);
}

AttrMap::const_iterator AttrMap::LowerBound(std::string_view name) const {
  return std::lower_bound(entries_.begin(), entries_.end(), name,
                          [](const Entry& e, std::string_view n) { return e.first < n; });
}

AttrMap::const_iterator AttrMap::find(std::string_view name) const {
  // Most maps have at most three entries, most names differ in length or first letter.
  return std::find_if(begin(), end(), [name](const Entry& e) { return e.first == name; });
}

Attr& AttrMap::operator[](std::string_view name) {
  const_iterator it = LowerBound(name);
  if (it == end()) return entries_.emplace_back(name, Attr()).second;
  if (it->first != name) it = entries_.insert(it, Entry(std::string(name), Attr()));
  return entries_[static_cast<size_t>(it - entries_.cbegin())].second;
}

void AttrMap::erase(std::string_view name) {
  const_iterator it = find(name);
  if (it != end()) entries_.erase(it);
}

bool AttrMap::operator==(const AttrMap& other) const {
  return entries_ == other.entries_;
}

}  // namespace wengert
