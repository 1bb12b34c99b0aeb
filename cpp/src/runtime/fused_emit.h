// The machine code of a run of element-wise instructions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "compile/program.h"

namespace wengert::runtime {

// float32 or float64, of the elements that the instruction works on; kInvalid: no code for it.
// Conditions (kBool) exist only between a comparison and what selects by it.
DType CodeType(const compile::FusedInstr& instr);

// Appends the code of instructions [begin, end), all of one element type. `single`: operands of
// one element; `outside`: registers whose memory must be written; `hoist`: single elements and
// constants are read into registers before the loop. Nothing where it worked, else the instruction
// for which no register was left.
std::optional<size_t> EmitRun(const compile::Fused& fused, const std::vector<bool>& single,
                              const std::vector<bool>& outside, size_t begin, size_t end,
                              bool hoist, std::vector<uint8_t>& code);

}  // namespace wengert::runtime
