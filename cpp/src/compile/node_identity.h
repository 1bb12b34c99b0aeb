// When two nodes compute the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compile/program.h"

namespace wengert::compile {

// Equal for nodes of the same primitive over the same inputs with the same types of outputs;
// nullopt when nodes of this kind are never the same.
std::optional<std::string> NodeIdentity(const Node& node, const std::vector<Value>& inputs,
                                        const std::vector<ValueInfo>& outputs);

}  // namespace wengert::compile
