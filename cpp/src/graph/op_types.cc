#include "graph/op_types.h"

#include <algorithm>

#include "graph/signature.h"
#include "wengert/error.h"

namespace wengert {
namespace {

// More outputs than any real operation has; bounds what a hostile attribute allocates.
constexpr int64_t kMaxListLength = 1 << 20;

std::string NodeText(const std::string& name) {
  return "; NodeDef: {{node " + name + "}}";
}

std::string TypeNames(const std::vector<Tensor>& inputs, size_t begin, size_t count) {
  std::string out;
  for (size_t i = begin; i < begin + count; ++i) {
    if (i > begin) out += ", ";
    out += Name(inputs[i].dtype());
  }
  return out;
}

Error ListError(const OpDef& def, const ArgDef& arg, const std::vector<Tensor>& inputs,
                size_t begin, size_t count, const std::string& why) {
  return TypeError("Tensors in list passed to '" + arg.name + "' of '" + def.name() +
                   "' Op have types [" + TypeNames(inputs, begin, count) + "] that " + why);
}

// Name of the argument before the i-th that fixed attribute `attr`, "" when none did.
std::string FixedBy(const OpDef& def, size_t i, const std::string& attr) {
  for (size_t j = 0; j < i; ++j) {
    if (def.inputs()[j].type_attr == attr) return def.inputs()[j].name;
  }
  return "";
}

// Type attribute `name` as `attrs` holds it, null when it does not.
const DType* FindType(const AttrMap& attrs, const std::string& name) {
  const auto it = attrs.find(name);
  return it == attrs.end() ? nullptr : &it->second.as<DType>();
}

void CheckTypes(const OpDef& def, size_t i, const std::vector<Tensor>& inputs, size_t begin,
                size_t count, AttrMap* attrs) {
  const ArgDef& arg = def.inputs()[i];
  if (!arg.type_list_attr.empty()) {
    std::vector<DType> types;
    types.reserve(count);
    for (size_t k = begin; k < begin + count; ++k) types.push_back(inputs[k].dtype());
    const auto it = attrs->find(arg.type_list_attr);
    if (it == attrs->end()) {
      const AttrDef* attr_def = def.FindAttr(arg.type_list_attr);
      for (DType type : types) CheckAllowed(*attr_def, type, arg.name);
      (*attrs)[arg.type_list_attr] = std::move(types);
    } else if (it->second.as<std::vector<DType>>() != types) {
      throw ListError(def, arg, inputs, begin, count,
                      "do not match the expected types " + it->second.ToString() + ".");
    }
    return;
  }
  if (count == 0) return;
  const DType* fixed = arg.type_attr.empty() ? &arg.type : FindType(*attrs, arg.type_attr);
  const DType first = fixed ? *fixed : inputs[begin].dtype();
  for (size_t k = begin; k < begin + count; ++k) {
    const DType type = inputs[k].dtype();
    if (type == first) continue;
    const std::string earlier = arg.type_attr.empty() ? "" : FixedBy(def, i, arg.type_attr);
    if (arg.is_list()) {
      throw ListError(def, arg, inputs, begin, count,
                      !fixed ? std::string("don't all match.")
                      : earlier.empty()
                          ? "do not match expected type " + std::string(Name(first)) + "."
                          : "do not match type " + std::string(Name(first)) +
                                " inferred from earlier arguments.");
    }
    const std::string start = "Input '" + arg.name + "' of '" + def.name() + "' Op has type " +
                              Name(type) + " that does not match ";
    throw TypeError(earlier.empty()
                        ? start + "expected type of " + Name(first) + "."
                        : start + "type " + Name(first) + " of argument '" + earlier + "'.");
  }
  if (!fixed) {
    CheckAllowed(*def.FindAttr(arg.type_attr), first, arg.name);
    (*attrs)[arg.type_attr] = Attr(first);
  }
}

// How many of the flat inputs each argument takes.
std::vector<size_t> SplitInputs(const OpDef& def, size_t total, const std::string& name,
                                const std::vector<Tensor>& inputs, AttrMap* attrs) {
  const std::vector<ArgDef>& args = def.inputs();
  std::vector<size_t> counts(args.size(), 1);
  const std::string* unknown = nullptr;
  size_t known = 0, unknown_args = 0;
  bool ambiguous = false;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].is_list()) {
      ++known;
      continue;
    }
    const std::string& attr =
        args[i].number_attr.empty() ? args[i].type_list_attr : args[i].number_attr;
    if (attrs->contains(attr)) {
      counts[i] = static_cast<size_t>(std::max<int64_t>(0, ListLength(args[i], *attrs)));
      known += counts[i];
    } else {
      ambiguous |= unknown && *unknown != attr;
      unknown = &attr;
      ++unknown_args;
    }
  }
  if (ambiguous) {
    throw ValueError("lengths of the lists of op '" + def.name() +
                     "' must be given by attribute '" + *unknown + "'");
  }
  const bool fits =
      unknown_args ? total >= known && (total - known) % unknown_args == 0 : total == known;
  if (!fits) {
    throw ValueError("NodeDef expected inputs of " + SignatureText(def) + " do not match the " +
                     std::to_string(total) + " inputs specified: '" + TypeNames(inputs, 0, total) +
                     "'" + NodeText(name));
  }
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].is_list()) continue;
    const std::string& number = args[i].number_attr;
    const std::string& attr = number.empty() ? args[i].type_list_attr : number;
    if (unknown && attr == *unknown) counts[i] = (total - known) / unknown_args;
    CheckListLength(def, args[i], static_cast<int64_t>(counts[i]));
    if (!number.empty()) (*attrs)[number] = static_cast<int64_t>(counts[i]);
  }
  return counts;
}

template <class T>
bool IsEmptyList(const Attr& value) {
  return value.is<std::vector<T>>() && value.as<std::vector<T>>().empty();
}

bool IsAnyEmptyList(const Attr& v) {
  return IsEmptyList<int64_t>(v) || IsEmptyList<float>(v) || IsEmptyList<bool>(v) ||
         IsEmptyList<std::string>(v) || IsEmptyList<DType>(v) || IsEmptyList<Shape>(v) ||
         IsEmptyList<FunctionRef>(v);
}

template <class T>
bool ListOr(Attr* value) {
  if (value->is<std::vector<T>>()) return true;
  if (!IsAnyEmptyList(*value)) return false;
  *value = std::vector<T>();
  return true;
}

// True when `value` has, or could be given, the named type of attribute.
bool Convert(const std::string& type, Attr* value) {
  if (type == "type") return value->is<DType>();
  if (type == "int") return value->is<int64_t>();
  if (type == "bool") return value->is<bool>();
  if (type == "string") return value->is<std::string>();
  if (type == "shape") return value->is<Shape>();
  if (type == "tensor") return value->is<Array>();
  if (type == "float") {
    if (value->is<int64_t>()) *value = static_cast<float>(value->as<int64_t>());
    return value->is<float>();
  }
  if (type == "func") {
    if (value->is<std::string>()) *value = FunctionRef{value->as<std::string>(), nullptr};
    return value->is<FunctionRef>();
  }
  if (type == "list(type)") return ListOr<DType>(value);
  if (type == "list(int)") return ListOr<int64_t>(value);
  if (type == "list(bool)") return ListOr<bool>(value);
  if (type == "list(string)") return ListOr<std::string>(value);
  if (type == "list(shape)") return ListOr<Shape>(value);
  if (type == "list(func)") return ListOr<FunctionRef>(value);
  if (type == "list(float)") {
    if (value->is<std::vector<int64_t>>()) {
      const auto& ints = value->as<std::vector<int64_t>>();
      *value = std::vector<float>(ints.begin(), ints.end());
    }
    return ListOr<float>(value);
  }
  return false;
}

void CheckString(const OpDef& def, const AttrDef& attr_def, const std::string& value) {
  const std::vector<std::string>& allowed = attr_def.allowed_strings;
  if (allowed.empty() || std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  std::string list;
  for (const std::string& s : allowed) list += (list.empty() ? "\"" : ", \"") + s + "\"";
  throw ValueError("Attr '" + attr_def.name + "' of '" + def.name() + "' Op passed string '" +
                   value + "' not in: " + list + ".");
}

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

void CheckMinimum(const OpDef& def, const AttrDef& attr_def, const Attr& value) {
  if (!attr_def.minimum) return;
  const auto fail = [&](const std::string& passed) -> void {
    throw ValueError("Attr '" + attr_def.name + "' of '" + def.name() + "' Op passed " + passed +
                     " less than minimum " + std::to_string(*attr_def.minimum) + ".");
  };
  if (value.is<int64_t>()) {
    if (value.as<int64_t>() < *attr_def.minimum) fail(std::to_string(value.as<int64_t>()));
    return;
  }
  const int64_t length = std::visit(
      [](const auto& v) -> int64_t {
        if constexpr (IsVector<std::decay_t<decltype(v)>>::value) {
          return static_cast<int64_t>(v.size());
        } else {
          return 0;
        }
      },
      value.value());
  if (length < *attr_def.minimum) fail("list of length " + std::to_string(length));
}

// A constant whose value has another dtype than it declares would be read out of bounds.
void CheckConstant(const OpDef& def, const AttrMap& attrs) {
  const auto value = attrs.find("value");
  const DType* dtype = value == attrs.end() ? nullptr : FindType(attrs, "dtype");
  if (!dtype || !value->second.is<Array>()) return;
  const DType actual = value->second.as<Array>().dtype();
  if (actual != *dtype) {
    throw TypeError("Attr 'value' of '" + def.name() + "' Op has DataType " + Name(actual) +
                    " that does not match attr 'dtype' of " + Name(*dtype) + ".");
  }
}

}  // namespace

void CheckAllowed(const AttrDef& attr_def, DType dtype, const std::string& parameter) {
  const std::vector<DType>& allowed = attr_def.allowed_types;
  if (allowed.empty() || std::find(allowed.begin(), allowed.end(), dtype) != allowed.end()) return;
  std::string list;
  for (DType type : allowed) list += (list.empty() ? "" : ", ") + std::string(Name(type));
  throw TypeError("Value passed to parameter '" + parameter + "' has DataType " + Name(dtype) +
                  " not in list of allowed values: " + list);
}

void CheckListLength(const OpDef& def, const ArgDef& arg, int64_t length) {
  const std::string& attr = arg.number_attr.empty() ? arg.type_list_attr : arg.number_attr;
  const std::optional<int64_t>& minimum = def.FindAttr(attr)->minimum;
  if (!minimum || length >= *minimum) return;
  throw ValueError("List argument '" + arg.name + "' to '" + def.name() + "' Op with length " +
                   std::to_string(length) + " shorter than minimum length " +
                   std::to_string(*minimum) + ".");
}

void CheckAttr(const OpDef& def, const AttrDef& attr_def, Attr* value) {
  if (!Convert(attr_def.type, value)) {
    const std::string shown =
        value->is<std::string>() ? "'" + value->as<std::string>() + "'" : value->ToString();
    if (attr_def.type.starts_with("list")) {
      throw TypeError("Expected list for '" + attr_def.name + "' argument to '" + def.name() +
                      "' Op, not " + shown + ".");
    }
    throw TypeError("Expected " + (attr_def.type == "type" ? "DataType" : attr_def.type) +
                    " for argument '" + attr_def.name + "' not " + shown + ".");
  }
  if (value->is<DType>()) {
    CheckAllowed(attr_def, value->as<DType>(), attr_def.name);
  } else if (value->is<std::vector<DType>>()) {
    for (DType t : value->as<std::vector<DType>>()) CheckAllowed(attr_def, t, attr_def.name);
  } else if (value->is<std::string>()) {
    CheckString(def, attr_def, value->as<std::string>());
  }
  CheckMinimum(def, attr_def, *value);
}

void ResolveAttrs(const OpDef& def, const std::vector<Tensor>& inputs, const std::string& name,
                  AttrMap* attrs) {
  attrs->reserve(std::max(attrs->size(), def.attrs().size()));
  for (auto& [attr_name, value] : *attrs) {
    const AttrDef* attr_def = def.FindAttr(attr_name);
    if (attr_def) CheckAttr(def, *attr_def, &value);
  }
  const std::vector<ArgDef>& args = def.inputs();
  const bool lists =
      std::any_of(args.begin(), args.end(), [](const ArgDef& a) { return a.is_list(); });
  if (lists || inputs.size() != args.size()) {
    const std::vector<size_t> counts = SplitInputs(def, inputs.size(), name, inputs, attrs);
    size_t begin = 0;
    for (size_t i = 0; i < args.size(); begin += counts[i++]) {
      CheckTypes(def, i, inputs, begin, counts[i], attrs);
    }
  } else {
    for (size_t i = 0; i < args.size(); ++i) CheckTypes(def, i, inputs, i, 1, attrs);
  }
  for (const AttrDef& attr_def : def.attrs()) {
    if (attrs->contains(attr_def.name)) continue;
    if (!attr_def.default_value.set()) {
      throw ValueError("NodeDef missing attr '" + attr_def.name + "' from " + SignatureText(def) +
                       NodeText(name));
    }
    (*attrs)[attr_def.name] = attr_def.default_value;
  }
  if (args.empty()) CheckConstant(def, *attrs);
}

int64_t ListLength(const ArgDef& arg, const AttrMap& attrs) {
  const std::string& attr = arg.number_attr.empty() ? arg.type_list_attr : arg.number_attr;
  const auto it = attrs.find(attr);
  if (it == attrs.end()) throw ValueError("attribute '" + attr + "' is missing");
  if (arg.number_attr.empty()) {
    return static_cast<int64_t>(it->second.as<std::vector<DType>>().size());
  }
  return it->second.as<int64_t>();
}

DType SingleOutputType(const OpDef& def, const AttrMap& attrs) {
  if (def.outputs().size() != 1 || def.outputs()[0].is_list()) return DType::kInvalid;
  const ArgDef& arg = def.outputs()[0];
  return arg.type_attr.empty() ? arg.type : *FindType(attrs, arg.type_attr);
}

std::vector<DType> OutputTypes(const OpDef& def, const AttrMap& attrs) {
  std::vector<DType> types;
  types.reserve(def.outputs().size());
  for (const ArgDef& arg : def.outputs()) {
    if (!arg.type_list_attr.empty()) {
      const auto it = attrs.find(arg.type_list_attr);
      const auto& list = it->second.as<std::vector<DType>>();
      types.insert(types.end(), list.begin(), list.end());
      continue;
    }
    const DType type = arg.type_attr.empty() ? arg.type : *FindType(attrs, arg.type_attr);
    const int64_t count = arg.is_list() ? ListLength(arg, attrs) : 1;
    if (count < 0 || count > kMaxListLength) {
      throw ValueError("Attr '" + arg.number_attr + "' of '" + def.name() + "' Op passed " +
                       std::to_string(count) + ", which is no length of a list of outputs.");
    }
    types.insert(types.end(), static_cast<size_t>(count), type);
  }
  return types;
}

}  // namespace wengert
