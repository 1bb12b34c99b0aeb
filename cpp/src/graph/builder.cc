// Builder::AddOp: any op, as TensorFlow's generated functions append it.
#include "wengert/builder.h"

#include <algorithm>

#include "graph/builder_literals.h"
#include "graph/op_types.h"
#include "wengert/control_flow.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

// Converts the arguments of one call.
class Arguments {
 public:
  Arguments(Builder& b, const OpDef& def, const std::vector<In>& inputs, AttrMap* attrs)
      : b_(b), def_(def), attrs_(attrs) {
    if (inputs.size() != def.inputs().size()) {
      throw TypeError("op '" + def.name() + "' takes " + std::to_string(def.inputs().size()) +
                      " arguments, not " + std::to_string(inputs.size()));
    }
    // A tensor decides the dtype of the literals before it, too.
    for (size_t i = 0; i < inputs.size(); ++i) {
      const ArgDef& arg = def.inputs()[i];
      if (arg.type_attr.empty() || KnownType(arg) != DType::kInvalid) continue;
      const DType dtype = FirstTensorType(inputs[i]);
      if (dtype != DType::kInvalid) decided_.emplace_back(&arg.type_attr, dtype);
    }
    flat_.reserve(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const ArgDef& arg = def.inputs()[i];
      if (arg.is_list()) {
        AddList(arg, inputs[i]);
      } else {
        flat_.push_back(inputs[i].is_tensor() ? Convert(b_, inputs[i], arg.name)
                                              : AddLiteral(arg, inputs[i], arg.name));
      }
    }
  }
  std::vector<Tensor> Take() { return std::move(flat_); }

 private:
  // kInvalid: nothing decides it yet.
  DType KnownType(const ArgDef& arg) const {
    if (arg.type_attr.empty()) return arg.type;
    const auto it = attrs_->find(arg.type_attr);
    if (it != attrs_->end()) return it->second.as<DType>();
    for (const auto& [attr, dtype] : decided_) {
      if (*attr == arg.type_attr) return dtype;
    }
    return DType::kInvalid;
  }

  Tensor AddLiteral(const ArgDef& arg, const In& in, const std::string& name) {
    DType dtype = arg.type_list_attr.empty() ? KnownType(arg) : DType::kInvalid;
    if (!IsLiteral(in)) return Convert(b_, in, name, dtype);
    if (dtype == DType::kInvalid) {
      dtype = ChooseType(arg, in, name);
      if (!arg.type_attr.empty()) decided_.emplace_back(&arg.type_attr, dtype);
    }
    Array value;
    try {
      value = LiteralValue(in, dtype);
    } catch (const Error& error) {
      const auto* number = std::get_if<double>(&in.value());
      if (error.kind() != ErrorKind::kTypeError || !number) throw;
      const std::string why = error.what();
      const size_t got = why.find("but got ");
      const std::string shown = why.substr(got + 8, why.size() - got - 9);
      throw TypeError(std::string("Expected ") + Name(dtype) + " passed to parameter '" + arg.name +
                      "' of op '" + def_.name() + "', got " + shown + " instead. Error: " + why);
    }
    return b_.Constant(value, name);
  }

  // The default of the argument's attribute when the literal can take it, else its own.
  DType ChooseType(const ArgDef& arg, const In& in, const std::string& name) {
    const DType natural = NaturalType(in);
    const AttrDef* attr_def = arg.type_attr.empty() ? nullptr : def_.FindAttr(arg.type_attr);
    if (!attr_def || !attr_def->default_value.set()) return natural;
    const DType preferred = attr_def->default_value.as<DType>();
    const std::vector<DType>& allowed = attr_def->allowed_types;
    const auto* ints = std::get_if<std::vector<int64_t>>(&in.value());
    if (ints && ints->empty()) {
      if (std::find(allowed.begin(), allowed.end(), natural) != allowed.end()) return natural;
      b_.Constant(Array(natural, {0}), name);
      return preferred;
    }
    if (natural == DType::kInt32) return preferred;
    if (std::holds_alternative<double>(in.value()) &&
        (IsFloating(preferred) || IsComplex(preferred))) {
      return preferred;
    }
    return natural;
  }

  void AddList(const ArgDef& arg, const In& in) {
    const size_t begin = flat_.size();
    if (const auto* tensors = std::get_if<std::vector<Tensor>>(&in.value())) {
      flat_.insert(flat_.end(), tensors->begin(), tensors->end());
    } else if (const auto* list = std::get_if<std::vector<In>>(&in.value())) {
      for (size_t i = 0; i < list->size(); ++i) {
        const In& element = (*list)[i];
        const std::string name = arg.name + "_" + std::to_string(i);
        flat_.push_back(element.is_tensor() ? element.tensor() : AddLiteral(arg, element, name));
      }
    } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&in.value())) {
      for (size_t i = 0; i < ints->size(); ++i) {
        flat_.push_back(AddLiteral(arg, In((*ints)[i]), arg.name + "_" + std::to_string(i)));
      }
    } else {
      throw TypeError("Expected list for '" + arg.name + "' argument to '" + def_.name() +
                      "' Op, not " + (in.is_tensor() ? in.tensor().name() : "a scalar") + ".");
    }
    const auto count = static_cast<int64_t>(flat_.size() - begin);
    CheckListLength(def_, arg, count);
    if (!arg.number_attr.empty()) {
      for (const auto& [other, length] : lengths_) {
        if (def_.inputs()[other].number_attr == arg.number_attr && length != count) {
          throw ValueError("List argument '" + arg.name + "' to '" + def_.name() +
                           "' Op with length " + std::to_string(count) + " must match length " +
                           std::to_string(length) + " of argument '" + def_.inputs()[other].name +
                           "'.");
        }
      }
      lengths_.emplace_back(static_cast<size_t>(&arg - def_.inputs().data()), count);
      (*attrs_)[arg.number_attr] = count;
      return;
    }
    std::vector<DType> types;
    for (size_t i = begin; i < flat_.size(); ++i) {
      if (!flat_[i]) throw ValueError("an argument is an empty tensor");
      types.push_back(flat_[i].dtype());
    }
    if (!attrs_->contains(arg.type_list_attr)) (*attrs_)[arg.type_list_attr] = std::move(types);
  }

  Builder& b_;
  const OpDef& def_;
  AttrMap* attrs_;
  std::vector<std::pair<const std::string*, DType>> decided_;
  std::vector<std::pair<size_t, int64_t>> lengths_;  // of the lists so far, by argument
  std::vector<Tensor> flat_;
};

bool IsPlainTensor(const In& in) {
  return in.is_tensor() && in.tensor();
}

bool IsList(const ArgDef& arg) {
  return arg.is_list();
}

}  // namespace

In::In(Tensor t) : value_(t) {}
In::In(std::vector<Tensor> list) : value_(std::move(list)) {}
In::In(std::vector<In> list) : value_(std::move(list)) {}
In::In(Array a) : value_(std::move(a)) {}
In::In(double v) : value_(v) {}
In::In(int v) : value_(static_cast<int64_t>(v)) {}
In::In(int64_t v) : value_(v) {}
In::In(bool v) : value_(Array::Scalar<bool>(v)) {}
In::In(std::vector<int64_t> v) : value_(std::move(v)) {}
In::In(const In& other) = default;
In::In(In&& other) noexcept = default;
In& In::operator=(const In& other) = default;
In& In::operator=(In&& other) noexcept = default;
In::~In() = default;

Tensor Builder::Op(const std::string& type, std::vector<In> inputs, AttrMap attrs,
                   const std::string& name) {
  return AddOp(type, std::move(inputs), std::move(attrs), name)->output(0);
}

Operation* Builder::AddOp(const std::string& type, std::vector<In> inputs, AttrMap attrs,
                          const std::string& name) {
  const OpDef& def = OpRegistry::Global().Get(type);
  const std::string& wanted = name.empty() ? type : name;
  // The scope is for literals; tapes and loops that are differentiated take note of it.
  if (!graph_.added && !IsDiverting(graph_) && Graph::IsValidName(wanted) &&
      inputs.size() == def.inputs().size() &&
      std::all_of(inputs.begin(), inputs.end(), IsPlainTensor) &&
      std::none_of(def.inputs().begin(), def.inputs().end(), IsList)) {
    std::vector<Tensor> tensors;
    tensors.reserve(inputs.size());
    for (const In& in : inputs) tensors.push_back(in.tensor());
    // The name is taken whether or not the operation can be added, as a scope's is.
    std::string path = wanted.back() == '/' ? wanted : graph_.UniqueName(wanted).append(1, '/');
    return graph_.AddOperation(
        {type, std::move(path), std::move(tensors), {}, std::move(attrs), &def});
  }
  const Scope scope(graph_, wanted);
  Arguments arguments(*this, def, inputs, &attrs);
  return graph_.AddOperation({type, scope.path(), arguments.Take(), {}, std::move(attrs), &def});
}

}  // namespace wengert
