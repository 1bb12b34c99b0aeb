#include "graph/print.h"

#include <charconv>

#include "wengert/op_def.h"

namespace wengert {
namespace {

constexpr int64_t kMaxShownElements = 256;

std::string ElementText(const Array& value, int64_t i) {
  if (IsFloating(value.dtype())) {
    char buffer[32];
    const double v = value.AsDouble(i);
    const auto end = value.dtype() == DType::kFloat64
                         ? std::to_chars(buffer, buffer + sizeof(buffer), v)
                         : std::to_chars(buffer, buffer + sizeof(buffer), static_cast<float>(v));
    return std::string(buffer, end.ptr);
  }
  if (value.dtype() == DType::kString) return value.strings()[static_cast<size_t>(i)];
  if (IsInteger(value.dtype()) || value.dtype() == DType::kBool) {
    return std::to_string(value.AsInt(i));
  }
  return "?";
}

// Quotes and backslashes escaped, for a string in the DOT language.
std::string DotText(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string InputText(const Tensor& t) {
  return t.index == 0 ? t.op->name() : t.op->name() + ":" + std::to_string(t.index);
}

std::string NodeText(const OpDef& def, const AttrMap& attrs, const std::vector<Tensor>& inputs) {
  std::string out = def.name() + "[";
  bool first = true;
  for (const auto& [name, value] : attrs) {
    if (!first) out += ", ";
    first = false;
    out += name + "=" + value.ToString();
  }
  out += "](";
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i) out += ", ";
    out += InputText(inputs[i]);
  }
  return out + ")";
}

}  // namespace

std::string TensorText(const Tensor& t) {
  return "Tensor(\"" + t.name() + "\"" +
         (t.shape().has_rank() ? ", shape=" + t.shape().ToPython() : "") +
         ", dtype=" + Name(t.dtype()) + ")";
}

std::string ValueText(const Array& value) {
  std::string out = "<";
  const int64_t shown = value.size() < kMaxShownElements ? value.size() : kMaxShownElements;
  const Dims& dims = value.dims();
  for (int64_t i = 0; i < shown; ++i) {
    // Every axis but the last one is a pair of brackets.
    std::string closing, opening;
    int64_t block = 1;
    for (size_t axis = dims.size(); axis-- > 1;) {
      block *= dims[axis];
      if (i % block != 0) break;
      if (i > 0) closing += ']';
      opening += '[';
    }
    if (opening.empty() && i > 0) out += ' ';
    out += closing + opening + ElementText(value, i);
  }
  if (shown < value.size()) out += "...";
  if (value.size() > 0 && dims.size() > 1) out.append(dims.size() - 1, ']');
  return out + ">";
}

std::string FormatNode(const std::string& name, const OpDef& def, const AttrMap& attrs,
                       const std::vector<Tensor>& inputs) {
  return "{{node " + name + "}} = " + NodeText(def, attrs, inputs);
}

std::string Graph::ToText() const {
  std::string out;
  for (const auto& op : operations_) {
    out += op->name() + " = " + NodeText(op->def(), op->attrs(), op->inputs());
    for (const Operation* control : op->control_inputs()) out += " ^" + control->name();
    for (int i = 0; i < op->num_outputs(); ++i) {
      out += (i ? ", " : " -> ") + std::string(Name(op->output_dtype(i))) +
             op->output_shape(i).ToPython();
    }
    out += '\n';
  }
  return out;
}

std::string Graph::ToDot() const {
  std::string out = "digraph {\n  node [shape=box];\n";
  for (const auto& op : operations_) {
    const std::string id = "n" + std::to_string(op->id());
    out += "  " + id + " [label=" + DotText(op->name() + " : " + op->type()) + "];\n";
    for (const Tensor& input : op->inputs()) {
      out += "  n" + std::to_string(input.op->id()) + " -> " + id +
             " [label=" + DotText(input.shape().ToPython()) + "];\n";
    }
    for (const Operation* control : op->control_inputs()) {
      out += "  n" + std::to_string(control->id()) + " -> " + id + " [style=dashed];\n";
    }
  }
  return out + "}\n";
}

}  // namespace wengert
