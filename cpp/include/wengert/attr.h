// Attr: the value of an attribute of an operation.
#pragma once

#include <initializer_list>
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

// The special members of this and the next class are compiled once, in attr.cc: inline, they would
// be half of the code of every file with a gradient rule.
class Attr {
 public:
  using Value = std::variant<std::monostate, int64_t, float, bool, std::string, DType, Shape, Array,
                             FunctionRef, std::vector<int64_t>, std::vector<float>,
                             std::vector<bool>, std::vector<std::string>, std::vector<DType>,
                             std::vector<Shape>, std::vector<FunctionRef>>;

  Attr();
  Attr(const Attr& other);
  Attr(Attr&& other) noexcept;
  Attr& operator=(const Attr& other);
  Attr& operator=(Attr&& other) noexcept;
  ~Attr();
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
  AttrMap();
  AttrMap(std::initializer_list<Entry> entries);
  AttrMap(const AttrMap& other);
  AttrMap(AttrMap&& other) noexcept;
  AttrMap& operator=(const AttrMap& other);
  AttrMap& operator=(AttrMap&& other) noexcept;
  ~AttrMap();
  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  void reserve(size_t n);
  const_iterator find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != end(); }
  Attr& operator[](std::string_view name);
  void erase(std::string_view name);
  bool operator==(const AttrMap& other) const;

 private:
  const_iterator LowerBound(std::string_view name) const;
  std::vector<Entry> entries_;
};

}  // namespace wengert
