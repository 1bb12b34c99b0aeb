// ToText: a Program as text, one line a node.
#include <sstream>

#include "compile/program_builder.h"
#include "compile/tile.h"

namespace wengert::compile {

namespace {

const char* PrimitiveName(const Primitive& prim) {
  constexpr const char* kNames[] = {
      "Input",          "Const",         "Iota",   "Map",     "Cast",      "Fused",
      "Reduce",         "ArgReduce",     "Scan",   "Reshape", "Broadcast", "Transpose",
      "Slice",          "Pad",           "Concat", "Gather",  "GatherNd",  "Scatter",
      "TopK",           "MatMul",        "Conv",   "Pool",    "Kernel",    "ReadVariable",
      "AssignVariable", "IsInitialized", "Case",   "While",   "List"};
  static_assert(std::size(kNames) == std::variant_size_v<Primitive>);
  return kNames[prim.index()];
}

template <class T>
std::string List(const std::vector<T>& items) {
  std::ostringstream out;
  out << '[';
  for (size_t i = 0; i < items.size(); ++i) out << (i ? "," : "") << items[i];
  out << ']';
  return out.str();
}

std::string Three(const Spatial& s) {
  return List(std::vector<int64_t>(s.begin(), s.end()));
}

std::string Label(Value v) {
  return "%" + std::to_string(v.id);
}

std::string Type(const ValueInfo& info) {
  return std::string(Name(info.dtype)) + ToString(info.dims);
}

std::string ConstText(const Array& a) {
  constexpr int64_t kMaxShown = 8;
  const bool shown = IsPlainData(a.dtype()) && !IsComplex(a.dtype()) && a.size() <= kMaxShown;
  if (!shown) return "...";
  std::ostringstream out;
  out.precision(9);
  for (int64_t i = 0; i < a.size(); ++i) {
    if (i) out << ',';
    if (IsInteger(a.dtype())) {
      out << a.AsInt(i);
    } else if (a.dtype() == DType::kBool) {
      out << (a.data<bool>()[i] ? "true" : "false");
    } else {
      out << a.AsDouble(i);
    }
  }
  return out.str();
}

const char* ListName(ListOp op) {
  constexpr const char* kNames[] = {"Reserve", "FromTensor", "Stack", "Get",
                                    "Set",     "Push",       "Pop",   "Length",
                                    "Resize",  "ZerosLike",  "Add",   "AddItem"};
  return kNames[static_cast<size_t>(op)];
}

struct Fields {
  std::string operator()(const Input& p) { return std::to_string(p.index); }
  std::string operator()(const Const& p) { return ConstText(p.value); }
  std::string operator()(const Iota&) { return ""; }
  std::string operator()(const Map& p) { return ScalarName(p.op); }
  std::string operator()(const CastTo&) { return ""; }
  std::string operator()(const Fused& p) { return "space=" + List(p.space); }
  std::string operator()(const Reduce& p) {
    return std::string(ReduceName(p.op)) + " axes=" + List(p.axes) + (p.keep_dims ? " keep" : "");
  }
  std::string operator()(const ArgReduce& p) {
    return std::string(p.max ? "Max" : "Min") + " axis=" + std::to_string(p.axis);
  }
  std::string operator()(const Scan& p) {
    constexpr const char* kNames[] = {"Sum", "Prod", "LogSumExp"};
    return std::string(kNames[static_cast<size_t>(p.op)]) + " axis=" + std::to_string(p.axis) +
           (p.exclusive ? " exclusive" : "") + (p.reverse ? " reverse" : "");
  }
  std::string operator()(const Reshape&) { return ""; }
  std::string operator()(const Broadcast&) { return ""; }
  std::string operator()(const Transpose& p) { return "perm=" + List(p.perm); }
  std::string operator()(const Slice& p) {
    return "begin=" + List(p.begin) + " strides=" + List(p.strides);
  }
  std::string operator()(const Pad& p) { return "low=" + List(p.low) + " high=" + List(p.high); }
  std::string operator()(const Concat& p) { return "axis=" + std::to_string(p.axis); }
  std::string operator()(const Gather& p) {
    return "axis=" + std::to_string(p.axis) + " batch_dims=" + std::to_string(p.batch_dims);
  }
  std::string operator()(const GatherNd& p) { return "batch_dims=" + std::to_string(p.batch_dims); }
  std::string operator()(const Scatter& p) {
    constexpr const char* kNames[] = {"Set", "Add", "Sub", "Mul", "Max", "Min"};
    return std::string(kNames[static_cast<size_t>(p.op)]) + (p.drop_out_of_range ? " drop" : "");
  }
  std::string operator()(const TopK& p) { return "k=" + std::to_string(p.k); }
  std::string operator()(const MatMul& p) {
    return std::string(p.transpose_a ? "T" : "N") + (p.transpose_b ? "T" : "N");
  }
  std::string operator()(const Conv& p) {
    constexpr const char* kNames[] = {"Image", "Filter", "Result"};
    std::string text = kNames[static_cast<size_t>(p.spec.kind)];
    text += " stride=" + Three(p.spec.stride) + " pad=" + Three(p.spec.pad);
    if (p.spec.dilation != Spatial{1, 1, 1}) text += " dilation=" + Three(p.spec.dilation);
    if (p.spec.groups != 1) text += " groups=" + std::to_string(p.spec.groups);
    return text;
  }
  std::string operator()(const Pool& p) {
    constexpr const char* kNames[] = {"Max",       "ArgMax",  "MaxGradient",
                                      "MaxGather", "Average", "AverageGradient"};
    return std::string(kNames[static_cast<size_t>(p.spec.kind)]) +
           " window=" + Three(p.spec.window) + " stride=" + Three(p.spec.stride) +
           " pad=" + Three(p.spec.pad);
  }
  std::string operator()(const CustomKernel& p) { return p.spec->name; }
  std::string operator()(const ReadVariable& p) { return std::to_string(p.resource); }
  std::string operator()(const AssignVariable& p) { return std::to_string(p.resource); }
  std::string operator()(const IsInitialized& p) { return std::to_string(p.resource); }
  std::string operator()(const CaseOf&) { return ""; }
  std::string operator()(const ListNode& p) { return ListName(p.call.op); }
  std::string operator()(const WhileLoop& p) { return "vars=" + std::to_string(p.num_vars); }
};

void PrintInner(std::ostream& out, const std::string& title, const Program& program) {
  out << "    " << title << ":\n";
  std::istringstream lines(ToText(program));
  for (std::string line; std::getline(lines, line);) out << "    " << line << '\n';
}

void PrintFused(std::ostream& out, const Program& program, const Node& node) {
  const Fused& fused = std::get<Fused>(node.prim);
  for (size_t i = 0; i < fused.operands.size(); ++i) {
    const Access& a = fused.operands[i];
    out << "    r" << i << " = load " << Label(a.value) << " strides=" << List(a.strides);
    if (a.offset) out << " offset=" << a.offset;
    out << '\n';
  }
  for (size_t i = 0; i < fused.instrs.size(); ++i) {
    const FusedInstr& instr = fused.instrs[i];
    out << "    r" << fused.operands.size() + i << " = "
        << (instr.is_cast ? "Cast" : ScalarName(instr.op)) << ':' << Name(instr.result);
    for (int arg : instr.args) {
      if (arg >= 0) out << " r" << arg;
    }
    out << '\n';
  }
  for (size_t i = 0; i < fused.outputs.size(); ++i) {
    const FusedOutput& o = fused.outputs[i];
    out << "    " << Label(node.outputs[i]) << " = ";
    if (o.reduce) {
      out << ReduceName(o.op) << " r" << o.reg << " axes=" << List(o.axes);
    } else {
      out << "store r" << o.reg;
    }
    out << " -> " << Type(program.info(node.outputs[i])) << '\n';
  }
}

}  // namespace

std::string ToText(const Program& program) {
  std::ostringstream out;
  for (const Node& node : program.nodes) {
    out << "  ";
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      out << (i ? ", " : "") << Label(node.outputs[i]);
    }
    if (!node.outputs.empty()) out << " = ";
    out << PrimitiveName(node.prim);
    const std::string fields = std::visit(Fields{}, node.prim);
    if (!fields.empty()) out << '{' << fields << '}';
    out << '(';
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      out << (i ? ", " : "") << Label(node.inputs[i]);
    }
    out << ')';
    const bool fused = std::holds_alternative<Fused>(node.prim);
    for (size_t i = 0; !fused && i < node.outputs.size(); ++i) {
      out << (i ? ", " : " -> ") << Type(program.info(node.outputs[i]));
    }
    if (!node.origin.name.empty()) out << "  # " << node.origin.name.text();
    out << '\n';
    if (fused) PrintFused(out, program, node);
    const auto* kernel = std::get_if<CustomKernel>(&node.prim);
    if (kernel && kernel->tiling) out << ToText(kernel->tiling->body) << "  (end of a tile)\n";
    if (const auto* choice = std::get_if<CaseOf>(&node.prim)) {
      for (size_t i = 0; i < choice->branches.size(); ++i) {
        PrintInner(out, "branch " + std::to_string(i), *choice->branches[i]);
      }
    } else if (const auto* loop = std::get_if<WhileLoop>(&node.prim)) {
      PrintInner(out, "cond", *loop->cond);
      PrintInner(out, "body", *loop->body);
    }
  }
  out << "  return";
  for (Value v : program.outputs) out << ' ' << Label(v);
  out << '\n';
  return out.str();
}

}  // namespace wengert::compile
