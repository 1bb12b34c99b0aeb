// Plan: a Program made ready to run. Every value has a slot (a pointer in the frame of a
// run), every node is a Step whose parameters were computed once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compile/program.h"
#include "compile/rematerialize.h"
#include "runtime/code_memory.h"
#include "wengert/array.h"

namespace wengert::runtime {

using compile::Node;
using compile::Program;

// What one run works on. Frames are reused, so that a run allocates nothing but results.
struct Frame {
  std::vector<char*> slots;    // memory of each slot
  std::vector<Array> objects;  // values of object slots; empty when the plan has none
  std::shared_ptr<Buffer> arena;
  std::vector<std::unique_ptr<Frame>> inner;  // of branches and loops
  int64_t first_row = 0;                      // of the batch, where the plan is one of a tile
};

class Step {
 public:
  virtual ~Step() = default;
  virtual void Run(Frame& frame) const = 0;
  // For explain: the kernel and its main numbers.
  virtual std::string Describe() const = 0;
  // Where the code lies that the step added to StepContext::code.
  virtual void SetCode(const uint8_t* code) { (void)code; }
  // Where in the memory of the only output input `input` may stand already, so that it need not
  // be copied there: bytes; -1: nowhere.
  virtual int64_t OffsetInOutput(int input) const {
    (void)input;
    return -1;
  }
  // True when output `output` may have the memory of input `input`, whose value dies here.
  virtual bool MayOverwrite(int input, int output) const {
    (void)input;
    (void)output;
    return false;
  }
};

enum class SlotKind : uint8_t {
  kUnused,
  kInput,     // bound to the caller's memory
  kOutput,    // bound to a result
  kConstant,  // fixed
  kVariable,  // bound to a variable's value
  kArena,     // fixed offset in the arena
  kShared,    // in the memory of a result
  kElement,   // bound, while it runs, to an element of a list
};

struct Slot {
  SlotKind kind = SlotKind::kUnused;
  bool object = false;  // lives in Frame::objects
  int index = 0;        // of the input, result, constant or variable read; the slot shared
  size_t bytes = 0;
  size_t offset = 0;  // in the arena, in the slot shared
};

// A value that leaves the plan: a program output, or what a variable is set to.
struct Result {
  int slot = -1;
  DType dtype = DType::kInvalid;
  Dims dims;
  size_t bytes = 0;
  bool object = false;
  // The dims are known only when it has run (dynamic kernels); always an object.
  bool dynamic = false;
};

struct VariableRead {
  int resource = 0;
  int slot = -1;
  DType dtype = DType::kInvalid;
  Dims dims;
};
struct VariableWrite {
  int resource = 0;
  int result = 0;
  int node = -1;
};
// A write that touches some elements only: made in the variable's own memory when all else
// has succeeded, by steps that run then.
struct VariableUpdate {
  int resource = 0;
  int read = 0;  // number of the read that binds the slot updated
  int node = -1;
};
struct VariableTest {
  int resource = 0;
  int slot = -1;
};

struct PlanOptions {
  bool reuse_memory = true;
  bool generate_code = true;
  // Values that would be copied into another are made there (placement.h).
  bool place = true;
  // Memory of results holds other values until they are written.
  bool share_results = false;
  // The body of a loop: so many first inputs and results are the same variables.
  int loop_vars = 0;
};

class Plan {
 public:
  // Throws ResourceExhausted when sizes do not fit, Unimplemented for a missing kernel.
  static std::shared_ptr<const Plan> Build(const Program& program, PlanOptions options);

  // A frame with arena and constants in place; inputs, variables and results unbound.
  std::unique_ptr<Frame> NewFrame() const;
  // Runs every step. On an error, `failed_node` is the node it came from.
  void RunSteps(Frame& frame, int* failed_node) const;
  // Runs the steps of all updates, whose slots have been bound.
  void RunUpdates(Frame& frame) const;
  // Runs every step and lowers microseconds[i] to the time that step i took.
  void TimeSteps(Frame& frame, std::vector<double>* microseconds) const;
  // Whether running it more often than asked for can be noticed.
  bool HasEffects() const;

  const Program& program() const { return program_; }
  const std::vector<Slot>& slots() const { return slots_; }
  int slot_of(Value v) const { return slot_of_[static_cast<size_t>(v.id)]; }
  // Slot of each program input; -1 when it is not read.
  const std::vector<int>& input_slots() const { return input_slots_; }
  // Program outputs first, then assigned values.
  const std::vector<Result>& results() const { return results_; }
  int num_outputs() const { return num_outputs_; }
  // Whether result `i` of a loop's body may be written over input `i`.
  bool in_place(size_t i) const { return i < in_place_.size() && in_place_[i]; }
  const std::vector<VariableRead>& reads() const { return reads_; }
  const std::vector<VariableWrite>& writes() const { return writes_; }
  const std::vector<VariableUpdate>& updates() const { return updates_; }
  const std::vector<VariableTest>& tests() const { return tests_; }
  size_t arena_bytes() const { return arena_bytes_; }
  bool shares_results() const { return !shared_.empty(); }
  // With those of branches and loops.
  size_t memory_bytes() const;
  // What passes over program() may know of its memory.
  compile::MemoryModel Memory() const;
  size_t num_steps() const { return steps_.size(); }
  bool has_objects() const { return has_objects_; }
  // Executable::Stats::brief.
  bool brief() const { return brief_; }
  // With the microseconds each step takes, where `microseconds` has one per step.
  std::string ToText(const std::vector<double>& microseconds = {}) const;

 private:
  // Binds the slots that share memory of results, once these are bound.
  void BindShared(Frame& frame) const {
    for (int slot : shared_) {
      const size_t i = static_cast<size_t>(slot);
      frame.slots[i] = frame.slots[static_cast<size_t>(slots_[i].index)] + slots_[i].offset;
    }
  }
  friend class Planner;
  Program program_;
  std::vector<Slot> slots_;
  std::vector<int> slot_of_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<int> step_nodes_;
  std::vector<size_t> workspaces_;  // bytes, by step
  std::vector<int> kept_;           // slots that updates read
  std::vector<int> shared_;         // slots of that kind
  std::vector<Array> constants_;
  std::vector<int> input_slots_;
  std::vector<Result> results_;
  int num_outputs_ = 0;
  std::vector<VariableRead> reads_;
  std::vector<VariableWrite> writes_;
  std::vector<VariableUpdate> updates_;
  std::vector<std::unique_ptr<Step>> update_steps_;
  std::vector<VariableTest> tests_;
  size_t arena_bytes_ = 0;
  std::unique_ptr<const CodeMemory> code_;  // of the steps
  bool has_objects_ = false;
  bool brief_ = false;
  std::vector<bool> in_place_;
  std::vector<std::shared_ptr<const Plan>> inner_;  // plans of Frame::inner
};

// What a step is made from. Step makers ask for scratch memory here, since the arena is
// laid out after all steps are known.
class StepContext {
 public:
  virtual ~StepContext() = default;
  StepContext(const Program& program, const Node& node) : program_(program), node_(node) {}
  const Node& node() const { return node_; }
  size_t num_inputs() const { return node_.inputs.size(); }
  const Dims& in_dims(size_t i = 0) const { return program_.info(node_.inputs.at(i)).dims; }
  const Dims& out_dims(size_t i = 0) const { return program_.info(node_.outputs.at(i)).dims; }
  DType in_dtype(size_t i = 0) const { return program_.info(node_.inputs.at(i)).dtype; }
  DType out_dtype(size_t i = 0) const { return program_.info(node_.outputs.at(i)).dtype; }
  virtual int in_slot(size_t i = 0) const = 0;
  virtual int out_slot(size_t i = 0) const = 0;
  // Slot of memory that only this step uses.
  virtual int Workspace(size_t bytes) = 0;
  // Where steps add machine code (SetCode); null: they do not.
  virtual std::vector<uint8_t>* code() = 0;
  // Plans `program` as part of this plan; the number of its frame in Frame::inner.
  virtual int Inner(const Program& program, int loop_vars = 0) = 0;
  virtual const Plan& inner(int i) const = 0;
  // Whether the memory of `slot` is to be that of an element of a list, which this step finds.
  virtual bool IsElement(int slot) const = 0;
  // Whether nobody reads input `i`, an object, after this step.
  virtual bool Dies(size_t i) const = 0;

 private:
  const Program& program_;
  const Node& node_;
};

}  // namespace wengert::runtime
