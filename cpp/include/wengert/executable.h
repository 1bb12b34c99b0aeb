// Executable: a compiled part of a graph. Programs are specialised and cached per
// signature of input dtypes and shapes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "wengert/graph.h"

namespace wengert {

namespace runtime {
class VariableAccess;
}  // namespace runtime

// A variable's value. Shared by everything that holds its handle.
class Variable : public Resource {
 public:
  Variable(DType dtype, Shape shape, std::string name)
      : dtype_(dtype), shape_(std::move(shape)), name_(std::move(name)) {}
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  const std::string& name() const { return name_; }
  bool initialized() const { return value_.valid(); }
  const Array& value() const { return value_; }
  // Throws InvalidArgument when dtype or shape do not fit.
  void Assign(Array value);

 private:
  friend class runtime::VariableAccess;
  DType dtype_;
  Shape shape_;
  std::string name_;
  Array value_;
};

// Resources by name: the state of one session.
class ResourceManager {
 public:
  // The variable of that name, made (uninitialised) on first use.
  std::shared_ptr<Resource> LookupOrCreate(const std::string& name, DType dtype,
                                           const Shape& shape);
  // Lets go of all.
  void Close();
  bool closed() const { return closed_.load(std::memory_order_relaxed); }

 private:
  std::unordered_map<std::string, std::shared_ptr<Resource>> resources_;
  std::atomic<bool> closed_ = false;
};

// Passes of the compiler, each of which can be switched off.
struct CompileOptions {
  bool fold_constants = true;
  bool simplify = true;
  bool hoist = true;  // invariant work out of loops
  // Sums and products may be written in another form where that is less work, as it is in
  // derivatives of high order. Results differ by roundings of the largest terms of sums.
  bool reassociate = false;
  bool eliminate_common_subexpressions = true;
  bool tile = true;
  bool fuse = true;
  bool reuse_memory = true;
  bool generate_code = true;  // machine code for element-wise work, where this machine has it
  int num_threads = 0;        // 0: the process default (SetNumThreads)
  // Bytes that intermediate values may take at once in a program (not inputs, results,
  // variables): first they stand in memory of results that are written later, which may be the
  // caller's, then steps are repeated instead of keeping what they gave, until that holds. Results
  // are the same bits. Where it cannot hold, running throws ResourceExhausted, which says how
  // much is missing. 0: the process default (SetMemoryBudget); negative: no limit.
  int64_t memory_budget = 0;
};

// Memory of an input, or of an output given by the caller: contiguous, row-major. Of a
// resource handle: `data` points to its Array.
struct ArrayView {
  DType dtype;
  int rank;
  const int64_t* dims;
  void* data;
};

// The shortest way to run a small program again and again: signature and aliasing were checked
// beforehand. One call at a time.
class PreparedCall {
 public:
  virtual ~PreparedCall() = default;
  // Plain data of every input and of every output, which overlap nothing else. False when it
  // failed: results are then not to be used, and Executable::Run tells the error.
  virtual bool Run(void* const* inputs, void* const* outputs) noexcept = 0;
};

class Executable {
 public:
  // `inputs` may be any tensors: they are cut there and fed. `targets` are run for their
  // effects. The graph is kept alive and not changed; growing it later does not matter.
  static std::shared_ptr<Executable> Compile(std::shared_ptr<Graph> graph,
                                             std::vector<Tensor> inputs,
                                             std::vector<Tensor> outputs,
                                             std::vector<Operation*> targets = {},
                                             CompileOptions options = {},
                                             std::shared_ptr<ResourceManager> resources = nullptr);
  virtual ~Executable() = default;

  // One value per input. Thread-safe. Throws Error (InvalidArgument, FailedPrecondition ...)
  // naming the operation; variables are then unchanged.
  virtual std::vector<Array> Run(const std::vector<Array>& inputs) = 0;

  // The hot path: plain-data inputs borrowed, outputs written into the caller's memory where
  // `outputs[i].data` is set, else into fresh buffers returned in `fresh` (dims set too), which
  // may be null where all are.
  // Returns false, having done nothing, when the signature has no prepared Program of one
  // segment whose output shapes are known: call Run then.
  virtual bool RunPrepared(const ArrayView* inputs, ArrayView* outputs, Array* fresh) = 0;

  // For inputs like those of the last run (`data` is not read); null unless its Program is brief
  // (Stats) and depends on dtypes and dims alone.
  virtual std::unique_ptr<PreparedCall> Prepare(const ArrayView* inputs) = 0;

  // Text of the Program before and after each pass, and its steps, for these input shapes.
  virtual std::string Explain(const std::vector<Array>& inputs) = 0;
  // Of the last prepared Program: number of steps, bytes of intermediate values (with branches
  // and loops), what they would be without a memory budget, and how many steps are repetitions.
  struct Stats {
    int64_t steps = 0;
    int64_t arena_bytes = 0;
    int64_t programs = 0;
    int64_t unlimited_arena_bytes = 0;
    int64_t repeated_steps = 0;
    // It takes a few microseconds at most, calls nothing of the host program and waits for
    // nobody: a language binding may keep its interpreter's lock meanwhile.
    bool brief = false;
  };
  virtual Stats stats() const = 0;
  virtual const std::vector<Tensor>& inputs() const = 0;
  virtual const std::vector<Tensor>& outputs() const = 0;
};

// Connects the layers (constant evaluation while building graphs). Idempotent; implied by
// Executable::Compile and ExecuteOp.
void InitializeRuntime();

// Runs one op now (eager mode): a Program of a single op, cached by type, attributes and
// signature.
std::vector<Array> ExecuteOp(const OpDef& def, const std::vector<Array>& inputs,
                             const AttrMap& attrs);

// `check` is called every few hundredths of a second by programs that run loops; what it throws
// ends the run, without effect on variables. A language binding looks for Ctrl-C there. Set it
// once, before anything runs; null: nothing is checked.
void SetInterruptCheck(void (*check)());

// Threads used by kernels of this process (default: the cores it may run on, or
// WENGERT_NUM_THREADS). Results never depend on it.
void SetNumThreads(int n);
int NumThreads();
// The memory budget of what is compiled from now on and names none of its own; negative (as at
// first): no limit.
void SetMemoryBudget(int64_t bytes);
int64_t MemoryBudget();
// Instruction sets this machine can run, best first, and the one in use (WENGERT_ISA).
std::vector<std::string> AvailableIsas();
std::string CurrentIsa();
// Switches the instruction set; false when this machine cannot run it. For tests.
bool UseIsa(const std::string& name);
std::string BlasDescription();

}  // namespace wengert
