// Rematerialize: values are dropped and computed again, until what is alive at once fits a budget.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "compile/program.h"

namespace wengert::compile {

// How the runtime keeps a program's values in memory, which passes cannot know.
struct MemoryModel {
  // A piece of memory: one value and the views of it.
  struct Piece {
    size_t bytes = 0;   // in the arena; 0: elsewhere, for as long as it is needed
    bool plain = true;  // else objects, which steps may change
    bool kept = false;  // read after the last step
  };
  struct Step {
    bool runs = false;  // else a leaf, a view or an assignment
    bool once = false;  // must not be repeated
    size_t workspace = 0;
    // (input, output): the output may take the memory of the input, where that dies.
    std::vector<std::pair<int, int>> overwrites;
  };
  std::vector<int> piece_of;  // by value
  std::vector<Piece> pieces;
  std::vector<Step> steps;  // by node
};

struct Rematerialized {
  Program program;
  size_t peak = 0;            // bytes alive at once
  std::vector<int> repeated;  // nodes of the program given, one entry for each repetition
  // Estimated nanoseconds: of the program given, and of what is repeated.
  double cost = 0, repeated_cost = 0;
  bool complete = true;  // false: given up, since too much would have to be repeated
};

// The peak is that of a program that fits where there is one to be found, else a low one.
// Steps are the same as before on the same values, so that results are the same bits.
Rematerialized Rematerialize(const Program& program, const MemoryModel& model, size_t budget);

// What `bytes` take in an arena.
size_t ArenaBytes(size_t bytes);

// Estimated nanoseconds of a node, the same on every machine.
double StepCost(const Program& program, const Node& node);

}  // namespace wengert::compile
