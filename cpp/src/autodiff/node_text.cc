#include "autodiff/node_text.h"

#include <sstream>

namespace wengert::autodiff {

namespace {

// Writes "key { ... }" blocks with their indentation.
class Writer {
 public:
  void Field(const std::string& key, const std::string& value) {
    out_ << std::string(depth_ * 2, ' ') << key << ": " << value << '\n';
  }
  void Open(const std::string& key) { out_ << std::string(depth_++ * 2, ' ') << key << " {\n"; }
  void Close() { out_ << std::string(--depth_ * 2, ' ') << "}\n"; }
  std::string text() const { return out_.str(); }

 private:
  std::ostringstream out_;
  int depth_ = 0;
};

std::string Quoted(const std::string& s) {
  static const char kDigits[] = "01234567";
  std::string out = "\"";
  for (unsigned char c : s) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 32 || c > 126) {
      out += '\\';
      for (int shift : {6, 3, 0}) out += kDigits[c >> shift & 7];
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + '"';
}

std::string FloatText(float v) {
  std::ostringstream s;
  s << v;
  return s.str();
}

struct ValueWriter {
  Writer& w;

  void operator()(std::monostate) const {}
  void operator()(int64_t v) const { w.Field("i", std::to_string(v)); }
  void operator()(float v) const { w.Field("f", FloatText(v)); }
  void operator()(bool v) const { w.Field("b", v ? "true" : "false"); }
  void operator()(const std::string& v) const { w.Field("s", Quoted(v)); }
  void operator()(DType v) const { w.Field("type", EnumName(v)); }
  void operator()(const Shape& v) const {
    w.Open("shape");
    if (!v.has_rank()) w.Field("unknown_rank", "true");
    for (int64_t d : v.dims()) {
      w.Open("dim");
      w.Field("size", std::to_string(d));
      w.Close();
    }
    w.Close();
  }
  void operator()(const Array& v) const {
    w.Open("tensor");
    w.Field("dtype", EnumName(v.dtype()));
    w.Open("tensor_shape");
    for (int64_t d : v.dims()) {
      w.Open("dim");
      w.Field("size", std::to_string(d));
      w.Close();
    }
    w.Close();
    w.Close();
  }
  void operator()(const FunctionRef& v) const {
    w.Open("func");
    w.Field("name", Quoted(v.name));
    w.Close();
  }
  template <class T>
  void operator()(const std::vector<T>& values) const {
    w.Open("list");
    for (const T& v : values) (*this)(v);
    w.Close();
  }
  void operator()(const std::vector<bool>& values) const {
    w.Open("list");
    for (bool v : values) (*this)(v);
    w.Close();
  }
};

void WriteAttr(Writer& w, const std::string& name, const Attr& value) {
  w.Open("attr");
  w.Field("key", Quoted(name));
  w.Open("value");
  std::visit(ValueWriter{w}, value.value());
  w.Close();
  w.Close();
}

}  // namespace

std::string NodeText(const Operation& op) {
  Writer w;
  w.Field("name", Quoted(op.name()));
  w.Field("op", Quoted(op.type()));
  for (const Tensor& t : op.inputs()) {
    w.Field("input",
            Quoted(t.index == 0 ? t.op->name() : t.op->name() + ":" + std::to_string(t.index)));
  }
  for (const Operation* c : op.control_inputs()) w.Field("input", Quoted("^" + c->name()));
  if (!op.device().empty()) w.Field("device", Quoted(op.device()));
  // Free attributes come first.
  for (bool free : {true, false}) {
    for (const auto& [name, value] : op.attrs()) {
      if ((name[0] == '_') == free && value.set()) WriteAttr(w, name, value);
    }
  }
  return w.text();
}

}  // namespace wengert::autodiff
