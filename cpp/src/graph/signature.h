// Reading and printing of op signatures: "x: T", "T: {float, double} = float".
#pragma once

#include <string>
#include <string_view>

#include "wengert/op_def.h"

namespace wengert {

// Throw ValueError with the specification when it cannot be read.
ArgDef ParseArg(std::string_view spec);
AttrDef ParseAttr(std::string_view spec);

// "Op<name=Cast; signature=x:SrcT -> y:DstT; attr=SrcT:type; ...>"
std::string SignatureText(const OpDef& def);

}  // namespace wengert
