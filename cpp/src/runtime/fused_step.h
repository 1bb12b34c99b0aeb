// The block interpreter: runs a Fused node over blocks of its iteration space that fit the
// first-level cache, one kernel call per instruction and block.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/fused_codegen.h"
#include "runtime/plan.h"

namespace wengert::runtime {

// The same node with sines and cosines of the same values next to each other: one kernel gives
// both.
compile::Fused PairSinCos(compile::Fused fused);

class FusedStep : public Step {
 public:
  static constexpr int64_t kBlock = 512;
  static constexpr int kMaxOuter = 24;

  explicit FusedStep(StepContext& context);
  void Run(Frame& frame) const override;
  std::string Describe() const override;
  bool MayOverwrite(int input, int output) const override;
  void SetCode(const uint8_t* code) override;

 private:
  // How an operand reaches the kernels.
  enum class Read : uint8_t {
    kDense,     // pointer into memory, in step with the iteration
    kScalar,    // splat once
    kElement,   // pointer to the one element: only generated code reads it
    kRow,       // pointer into memory, row by row; to one element where that is `per_row`
    kPeriodic,  // the same rows in every block: gathered once
    kGather,    // gathered for every block
  };
  struct Operand {
    Read read;
    int slot;
    int64_t size;          // of an element, bytes
    int64_t offset;        // bytes
    int64_t inner;         // bytes from element to element of a row
    bool per_row = false;  // one element for each block, which is a row or part of one
    std::vector<int64_t> outer;
    size_t buffer = 0;  // in the scratch
  };
  static constexpr size_t kNoCode = ~size_t{0};
  struct Instr {
    kernels::MapFn map = nullptr;
    kernels::CastFn cast = nullptr;
    kernels::SinCosFn pair = nullptr;  // sine in out, cosine in b
    BlockCode code = nullptr;          // of a run of instructions, from SetCode on
    size_t code_offset = kNoCode;
    int out, a, b, c;

    // False where an integer was divided by zero.
    bool Run(char* const* regs, int64_t n) const {
      if (code != nullptr) {
        code(regs, n);
      } else if (map != nullptr) {
        return map(regs[out], regs[a], regs[b], regs[c], n);
      } else if (pair != nullptr) {
        pair(regs[out], regs[b], regs[a], n);
      } else {
        cast(regs[out], regs[a], n);
      }
      return true;
    }
  };
  // A register that lives in result memory, or is copied there.
  struct Store {
    int reg;
    int slot;
    int64_t size;
    int output;
  };
  struct Temporary {
    int reg;
    size_t buffer;
  };
  // How a reduction accumulates a block.
  enum class Fold : uint8_t {
    kFull,      // into one element
    kRows,      // every row into its own element
    kColumns,   // rows onto each other
    kRowsAt,    // every row into the element its coordinates name
    kColumnsAt  // every row onto the run of elements its coordinates name
  };
  struct Reduction {
    Fold fold;
    int reg;
    int slot;
    int workspace = -1;  // partial results of the chunks
    int64_t size;        // of an element, bytes
    int64_t count;       // of elements of the result
    kernels::ReduceFn reduce;
    kernels::ReduceRowsFn reduce_rows;
    kernels::MapFn combine;
    kernels::SplatFn splat;
    unsigned char identity[16];
    std::vector<int64_t> outer;  // strides, bytes
    size_t tile = 0;             // in the scratch: rows of a block accumulated side by side
  };
  enum class Split : uint8_t {
    kUnits,    // any run of units
    kAligned,  // runs that never share an element of a reduction
    kColumns,  // ranges of columns
    kPartial   // any run of units; results combined afterwards
  };

  // --- building ---
  void BuildSpace(const compile::Fused& fused, StepContext& context);
  bool TakesRows() const;
  void BuildInstrs(const compile::Fused& fused);
  void BuildCode(const compile::Fused& fused, std::vector<uint8_t>& code);
  void JoinPairs();
  void BuildOutputs(const compile::Fused& fused, StepContext& context);
  void PlaceRegisters(const compile::Fused& fused);
  void ChooseSplit(StepContext& context);
  double CostPerElement(const compile::Fused& fused) const;

  // --- running ---
  void FindOnce();
  bool RunOnce(Frame& frame) const;
  struct State;
  bool RunChunk(Frame& frame, int64_t chunk) const;
  void StartChunk(State& s, int64_t row, int64_t rows) const;
  void RunBlock(State& s, int64_t row, int64_t rows, int64_t column, int64_t columns) const;
  void ReadOperands(State& s, int64_t row, int64_t rows, int64_t column, int64_t columns) const;
  void FoldBlock(State& s, const Reduction& r, int64_t row, int64_t rows, int64_t column,
                 int64_t columns) const;
  void FinishChunk(State& s) const;
  void AdvanceRows(int64_t* coords, int64_t rows) const;
  void GatherRows(const Operand& operand, const char* base, const int64_t* coords, int64_t rows,
                  int64_t column, int64_t columns, char* out) const;
  char* Accumulator(const Frame& frame, const Reduction& r, int64_t chunk) const;

  // Iteration space after merging axes: rows of `columns_` elements.
  std::vector<int64_t> outer_dims_;
  std::vector<std::vector<int64_t>> strides_;  // of each operand, inner axis last
  std::vector<std::vector<bool>> reduced_;     // of each reducing output, inner axis last
  int64_t rows_ = 1, columns_ = 1;
  int64_t block_rows_ = 1;  // whole rows of a block
  int64_t pieces_ = 1;      // blocks of a row
  int64_t units_ = 1;       // rows, or blocks when a row has many
  bool coordinates_ = false;

  // Of one block (fused_once.cc): registers that only need an address.
  static constexpr int kMostOnceRegs = 64;
  struct Address {
    int reg, slot;
    int64_t offset;
  };
  bool once_ = false;
  bool once_scratch_ = false;
  std::vector<Address> addresses_;

  std::vector<Operand> operands_;
  std::vector<Instr> instrs_;
  std::vector<Store> direct_, copies_;
  std::vector<Temporary> temporaries_;
  std::vector<Reduction> reductions_;
  std::vector<int> last_read_;  // per operand: the last instruction that reads it
  std::vector<bool> hidden_;    // per register: without memory (GeneratedCode)
  size_t scratch_bytes_ = 0;
  int num_regs_ = 0;

  Split split_ = Split::kUnits;
  int64_t chunks_ = 1;
  int64_t align_ = 1;   // units of which a chunk holds whole multiples
  double cost_ns_ = 0;  // of all of it
};

}  // namespace wengert::runtime
