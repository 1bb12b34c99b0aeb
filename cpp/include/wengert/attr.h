// Attr: the value of an attribute of an operation.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "wengert/array.h"
#include "wengert/dtype.h"
#include "wengert/shape.h"

namespace wengert {

struct Function;  // graph.h

// A function used as an attribute value (body of a call, branch, loop ...).
struct FunctionRef {
  std::string name;
  std::shared_ptr<const Function> function;  // null: looked up by name in the graph's library
};

class Attr {
 public:
  using Value = std::variant<std::monostate, int64_t, float, bool, std::string, DType, Shape, Array,
                             FunctionRef, std::vector<int64_t>, std::vector<float>,
                             std::vector<bool>, std::vector<std::string>, std::vector<DType>,
                             std::vector<Shape>, std::vector<FunctionRef>>;

  Attr() = default;
  Attr(int64_t v) : value_(v) {}
  Attr(int v) : value_(static_cast<int64_t>(v)) {}
  Attr(float v) : value_(v) {}
  Attr(double v) : value_(static_cast<float>(v)) {}
  Attr(bool v) : value_(v) {}
  Attr(const char* v) : value_(std::string(v)) {}
  template <class T, class = std::enable_if_t<std::is_constructible_v<Value, T&&> &&
                                              !std::is_arithmetic_v<std::decay_t<T>> &&
                                              !std::is_same_v<std::decay_t<T>, Attr>>>
  Attr(T&& v) : value_(std::forward<T>(v)) {}

  bool set() const { return value_.index() != 0; }
  const Value& value() const { return value_; }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(value_);
  }
  template <class T>
  const T& as() const {
    if (!is<T>()) throw TypeError("attribute holds a value of another type");
    return std::get<T>(value_);
  }
  // As in the text of a node in an error message: DT_FLOAT, true, [1, 2], "s".
  std::string ToString() const;
  bool operator==(const Attr& other) const;

 private:
  Value value_;
};

// Attributes by name: a small sorted vector, since an operation has one to five.
class AttrMap {
 public:
  using Entry = std::pair<std::string, Attr>;
  using iterator = std::vector<Entry>::iterator;
  using const_iterator = std::vector<Entry>::const_iterator;
  AttrMap() = default;
  AttrMap(std::initializer_list<Entry> entries) {
    for (const Entry& e : entries) (*this)[e.first] = e.second;
  }
  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  void reserve(size_t n) { entries_.reserve(n); }
  const_iterator find(std::string_view name) const {
    const_iterator it = LowerBound(name);
    return it != end() && it->first == name ? it : end();
  }
  bool contains(std::string_view name) const { return find(name) != end(); }
  Attr& operator[](std::string_view name) {
    const_iterator it = LowerBound(name);
    if (it == end() || it->first != name) {
      it = entries_.insert(it, Entry(std::string(name), Attr()));
    }
    return entries_[static_cast<size_t>(it - entries_.cbegin())].second;
  }
  void erase(std::string_view name) {
    const_iterator it = find(name);
    if (it != end()) entries_.erase(it);
  }
  bool operator==(const AttrMap& other) const { return entries_ == other.entries_; }

 private:
  const_iterator LowerBound(std::string_view name) const {
    return std::lower_bound(entries_.begin(), entries_.end(), name,
                            [](const Entry& e, std::string_view n) { return e.first < n; });
  }
  std::vector<Entry> entries_;
};

}  // namespace wengert
