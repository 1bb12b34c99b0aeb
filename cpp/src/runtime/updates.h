// Updates: assignments that need not make a new value of the whole variable.
#pragma once

#include <set>

#include "compile/program.h"

namespace wengert::runtime {

struct Updates {
  std::set<int> resources;  // whose last assignment is a chain of scatters into their value
  std::set<int> scatters;   // nodes: the members of those chains
};

// A chain qualifies where nothing else reads what its members make, and they read no other
// variable's memory: then writing into the variable when all else is done gives the same.
Updates FindUpdates(const compile::Program& program);

}  // namespace wengert::runtime
