// An operation in the protocol buffer text format, for errors that show one.
#pragma once

#include <string>

#include "wengert/graph.h"

namespace wengert::autodiff {

std::string NodeText(const Operation& op);

}  // namespace wengert::autodiff
