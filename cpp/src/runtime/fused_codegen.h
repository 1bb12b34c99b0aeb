// Machine code for runs of cheap element-wise instructions of a Fused node: one loop in which what
// lies between stays in registers, instead of a kernel call per instruction. The results have the
// bits that the kernels give; what has no code here (transcendental functions, integers, other
// processors) is left to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compile/program.h"

namespace wengert::runtime {

// regs[r]: memory of register r, a multiple of elements dense over the block; n: elements.
using BlockCode = void (*)(char* const* regs, int64_t n);

// Whether this machine and the instruction set in use can run what GenerateCode makes.
bool CanGenerateCode();

// The same node with its instructions in an order that brings those together which can have code.
compile::Fused GroupForCode(compile::Fused fused);

struct GeneratedCode {
  struct Run {
    size_t begin, end;  // instructions
    size_t offset;      // in the code
  };
  std::vector<Run> runs;
  std::vector<bool> hidden;  // by register: lives in processor registers only
};

// Appends to `code`. By register: `single` operands are one element, read where it lies; `kept`
// ones are read when all instructions have run. Runs of fewer than `fewest` instructions are left
// to the kernels.
GeneratedCode GenerateCode(const compile::Fused& fused, const std::vector<bool>& single,
                           const std::vector<bool>& kept, size_t fewest,
                           std::vector<uint8_t>& code);

}  // namespace wengert::runtime
