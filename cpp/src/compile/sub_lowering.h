// SubLowering: lowers functions to programs of their own, the bodies of branches and loops.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "compile/lowerer.h"

namespace wengert::compile {

// What a sub-program reads of the state around it: its inputs after the arguments. The
// programs of one node share the list.
struct StateInputs {
  struct Item {
    int slot;
    bool test;    // whether it is initialised, not its value
    Value outer;  // in the program around
  };
  std::vector<Item> items;
};

// An argument of a sub-program.
struct SubArgument {
  ValueInfo info;
  ListType list;
  Value outer;  // set: it is this value of the program around in every run
};

struct SubProgram {
  Program program;
  std::vector<ListType> lists;                   // per result of the function
  std::vector<int> handles;                      // per result: its resource's slot; -1: none
  std::vector<std::pair<int, size_t>> assigned;  // slot, output of the program

  bool HasEffect() const;
};

// A function cannot become a program of its own: sizes are decided by data inside.
struct NotStatic {};

// Throws NotStatic, or NeedsConstant for an outer value.
SubProgram LowerFunction(Lowerer& around, const Function& function,
                         const std::vector<SubArgument>& args, StateInputs* state);

}  // namespace wengert::compile
