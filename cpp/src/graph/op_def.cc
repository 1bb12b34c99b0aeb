#include "wengert/op_def.h"

#include <unordered_set>

#include "graph/signature.h"

namespace wengert {
namespace {

// An argument names its type before it is known whether that attribute is a type or a
// list of types.
void MarkTypeList(std::vector<ArgDef>* args, const AttrDef& attr) {
  for (ArgDef& arg : *args) {
    if (arg.type_attr != attr.name || !arg.number_attr.empty()) continue;
    arg.type_list_attr = attr.name;
    arg.type_attr.clear();
  }
}

}  // namespace

OpDef& OpDef::Input(std::string_view spec) {
  inputs_.push_back(ParseArg(spec));
  for (const AttrDef& attr : attrs_) {
    if (attr.type == "list(type)") MarkTypeList(&inputs_, attr);
  }
  return *this;
}

OpDef& OpDef::Output(std::string_view spec) {
  outputs_.push_back(ParseArg(spec));
  for (const AttrDef& attr : attrs_) {
    if (attr.type == "list(type)") MarkTypeList(&outputs_, attr);
  }
  return *this;
}

OpDef& OpDef::Attr(std::string_view spec) {
  attrs_.push_back(ParseAttr(spec));
  if (attrs_.back().type == "list(type)") {
    MarkTypeList(&inputs_, attrs_.back());
    MarkTypeList(&outputs_, attrs_.back());
  }
  return *this;
}

const AttrDef* OpDef::FindAttr(std::string_view name) const {
  for (const AttrDef& attr : attrs_) {
    if (attr.name == name) return &attr;
  }
  return nullptr;
}

void OpDef::Validate() const {
  const auto fail = [this](const std::string& why) -> void {
    throw ValueError("definition of op '" + name_ + "': " + why);
  };
  const auto need_attr = [&](const std::string& attr, const char* type) {
    if (attr.empty()) return;
    const AttrDef* found = FindAttr(attr);
    if (!found) fail("an argument uses the unknown attribute '" + attr + "'");
    if (found->type != type) fail("attribute '" + attr + "' must have type " + type);
  };
  if (!Graph::IsValidName(name_)) fail("not a valid name");
  std::unordered_set<std::string> names;
  for (const auto* args : {&inputs_, &outputs_}) {
    names.clear();
    for (const ArgDef& arg : *args) {
      if (!names.insert(arg.name).second) fail("two arguments are called '" + arg.name + "'");
      need_attr(arg.type_attr, "type");
      need_attr(arg.number_attr, "int");
      need_attr(arg.type_list_attr, "list(type)");
    }
  }
  names.clear();
  for (const AttrDef& attr : attrs_) {
    if (!names.insert(attr.name).second) fail("two attributes are called '" + attr.name + "'");
  }
  if (!shape_fn_) fail("no shape rule");
  if (!lowering_fn_) fail("no lowering rule");
  const int answers = (gradient_fn_ ? 1 : 0) + not_differentiable_ + no_gradient_;
  if (answers == 0) fail("none of Gradient, NotDifferentiable and NoGradient");
  if (answers > 1) fail("more than one of Gradient, NotDifferentiable and NoGradient");
}

}  // namespace wengert
