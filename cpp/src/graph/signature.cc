#include "graph/signature.h"

#include <cctype>
#include <charconv>

#include "wengert/error.h"

namespace wengert {
namespace {

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  void SkipSpace() {
    while (pos_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[pos_]))) ++pos_;
  }
  bool AtEnd() {
    SkipSpace();
    return pos_ == text_.size();
  }
  char Peek() {
    SkipSpace();
    return pos_ < text_.size() ? text_[pos_] : '\0';
  }
  bool Take(std::string_view token) {
    SkipSpace();
    if (text_.substr(pos_, token.size()) != token) return false;
    pos_ += token.size();
    return true;
  }
  void Need(std::string_view token) {
    if (!Take(token)) Fail("'" + std::string(token) + "' expected");
  }
  std::string Word() {
    SkipSpace();
    const size_t begin = pos_;
    while (pos_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[pos_])) || text_[pos_] == '_')) {
      ++pos_;
    }
    if (begin == pos_) Fail("a name expected");
    return std::string(text_.substr(begin, pos_ - begin));
  }
  // What std::from_chars accepts as a T at this place.
  template <class T>
  T Number() {
    SkipSpace();
    T value{};
    const char* begin = text_.data() + pos_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc()) Fail("a number expected");
    pos_ += static_cast<size_t>(end - begin);
    return value;
  }
  std::string Quoted() {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') Fail("a quoted string expected");
    std::string out;
    for (++pos_; pos_ < text_.size() && text_[pos_] != quote; ++pos_) {
      if (text_[pos_] == '\\' && pos_ + 1 < text_.size()) {
        ++pos_;
        out += text_[pos_] == 't' ? '\t' : text_[pos_] == 'n' ? '\n' : text_[pos_];
      } else {
        out += text_[pos_];
      }
    }
    if (pos_ == text_.size()) Fail("unterminated string");
    ++pos_;
    return out;
  }
  DType Type() {
    const std::string word = Word();
    const std::optional<DType> dtype = ParseDType(word);
    if (!dtype) Fail("'" + word + "' is not a dtype");
    return *dtype;
  }
  bool Bool() {
    if (Take("true")) return true;
    Need("false");
    return false;
  }
  // "?", "[2,?]", "unknown_rank: true" or the same in braces.
  Shape ShapeValue() {
    const bool braces = Take("{");
    if (Take("unknown_rank")) {
      Need(":");
      Need("true");
      if (braces) Need("}");
      return Shape::Unknown();
    }
    if (braces) {
      Need("}");
      return Shape::Scalar();
    }
    if (Take("?")) return Shape::Unknown();
    Dims dims;
    Need("[");
    while (!Take("]")) {
      dims.push_back(Take("?") ? kUnknownDim : Number<int64_t>());
      if (Peek() != ']') Need(",");
    }
    return Shape(std::move(dims));
  }
  template <class Read>
  auto List(Read&& read) {
    std::vector<decltype(read())> out;
    Need("[");
    while (!Take("]")) {
      out.push_back(read());
      if (Peek() != ']') Need(",");
    }
    return out;
  }
  [[noreturn]] void Fail(const std::string& why) const {
    throw ValueError("bad specification \"" + std::string(text_) + "\": " + why);
  }

 private:
  std::string_view text_;
  size_t pos_ = 0;
};

// "{float, double}" or "{'SAME', 'VALID'}" after its opening brace.
void ReadAllowed(Cursor& c, AttrDef* attr) {
  if (c.Peek() == '\'' || c.Peek() == '"') {
    attr->type = "string";
    do attr->allowed_strings.push_back(c.Quoted());
    while (c.Take(","));
  } else {
    attr->type = "type";
    do attr->allowed_types.push_back(c.Type());
    while (c.Take(","));
  }
  c.Need("}");
}

const std::vector<DType>& RealNumberTypes() {
  static const std::vector<DType> types = {DType::kFloat32, DType::kFloat64,  DType::kInt32,
                                           DType::kUInt8,   DType::kInt16,    DType::kInt8,
                                           DType::kInt64,   DType::kBFloat16, DType::kUInt16,
                                           DType::kFloat16, DType::kUInt32,   DType::kUInt64};
  return types;
}

void ReadType(Cursor& c, AttrDef* attr) {
  if (c.Take("{")) {
    ReadAllowed(c, attr);
    return;
  }
  attr->type = c.Word();
  if (attr->type == "realnumbertype" || attr->type == "numbertype") {
    attr->allowed_types = RealNumberTypes();
    if (attr->type == "numbertype") {
      attr->allowed_types.push_back(DType::kComplex64);
      attr->allowed_types.push_back(DType::kComplex128);
    }
    attr->type = "type";
  } else if (attr->type == "list") {
    c.Need("(");
    ReadType(c, attr);
    c.Need(")");
    attr->type = "list(" + attr->type + ")";
    return;
  }
  for (const char* known : {"type", "int", "float", "bool", "string", "shape", "tensor", "func"}) {
    if (attr->type == known) return;
  }
  c.Fail("'" + attr->type + "' is not a type of attribute");
}

Attr ReadDefault(Cursor& c, const std::string& type) {
  if (type == "type") return c.Type();
  if (type == "int") return c.Number<int64_t>();
  if (type == "float") return c.Number<float>();
  if (type == "bool") return c.Bool();
  if (type == "string") return c.Quoted();
  if (type == "shape") return c.ShapeValue();
  if (type == "list(type)") return c.List([&c] { return c.Type(); });
  if (type == "list(int)") return c.List([&c] { return c.Number<int64_t>(); });
  if (type == "list(float)") return c.List([&c] { return c.Number<float>(); });
  if (type == "list(bool)") return c.List([&c] { return c.Bool(); });
  if (type == "list(string)") return c.List([&c] { return c.Quoted(); });
  if (type == "list(shape)") return c.List([&c] { return c.ShapeValue(); });
  c.Fail("an attribute of type " + type + " takes no default here");
}

std::string ArgText(const ArgDef& arg) {
  std::string out = arg.name + ":";
  if (!arg.number_attr.empty()) out += arg.number_attr + "*";
  if (!arg.type_list_attr.empty()) return out + arg.type_list_attr;
  return out + (arg.type_attr.empty() ? SignatureName(arg.type) : arg.type_attr);
}

std::string ArgsText(const std::vector<ArgDef>& args) {
  std::string out;
  for (const ArgDef& arg : args) out += (out.empty() ? "" : ", ") + ArgText(arg);
  return out;
}

}  // namespace

ArgDef ParseArg(std::string_view spec) {
  Cursor c(spec);
  ArgDef arg;
  arg.name = c.Word();
  c.Need(":");
  const bool reference = c.Take("Ref(");
  std::string type = c.Word();
  if (c.Take("*")) {
    arg.number_attr = type;
    type = c.Word();
  }
  if (reference) c.Need(")");
  if (!c.AtEnd()) c.Fail("unexpected text at the end");
  if (const std::optional<DType> dtype = ParseDType(type)) {
    arg.type = *dtype;
  } else {
    arg.type_attr = type;
  }
  return arg;
}

AttrDef ParseAttr(std::string_view spec) {
  Cursor c(spec);
  AttrDef attr;
  attr.name = c.Word();
  c.Need(":");
  ReadType(c, &attr);
  if (c.Take(">=")) attr.minimum = c.Number<int64_t>();
  if (c.Take("=")) attr.default_value = ReadDefault(c, attr.type);
  if (!c.AtEnd()) c.Fail("unexpected text at the end");
  return attr;
}

std::string SignatureText(const OpDef& def) {
  std::string out = "Op<name=" + def.name() + "; signature=" + ArgsText(def.inputs()) + " -> " +
                    ArgsText(def.outputs());
  for (const AttrDef& attr : def.attrs()) {
    out += "; attr=" + attr.name + ":" + attr.type;
    if (attr.default_value.set()) {
      out += ",default=" + attr.default_value.ToString();
    }
    if (attr.minimum) out += ",min=" + std::to_string(*attr.minimum);
    if (attr.allowed_types.empty() && attr.allowed_strings.empty()) continue;
    std::string allowed;
    for (DType dtype : attr.allowed_types) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(EnumName(dtype));
    }
    for (const std::string& s : attr.allowed_strings) {
      allowed += (allowed.empty() ? "\"" : ", \"") + s + "\"";
    }
    out += ",allowed=[" + allowed + "]";
  }
  return out + (def.stateful() ? "; is_stateful=true>" : ">");
}

}  // namespace wengert
