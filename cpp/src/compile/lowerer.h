// Lowerer: one segment's lowering.
#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compile/lower_frame.h"
#include "compile/program_builder.h"
#include "wengert/op_def.h"

namespace wengert::compile {

struct StateInputs;
struct SubArgument;
struct SubProgram;

class Lowerer : private FunctionLowering {
 public:
  Lowerer() { b_.control = this; }

  Lowered First(const LowerRequest& request);
  Lowered Next(const Continuation& rest, const ResumeRequest& request);
  // Of a function inside the program of `around`, which goes on to hold its state.
  SubProgram Inside(Lowerer& around, const Function& function, const std::vector<SubArgument>& args,
                    StateInputs* state);

 private:
  // Lowers what can be; `frame.order` keeps the rest.
  void Run(Frame& frame);
  bool Step(Frame& frame, Operation* op);  // false: deferred (in part)
  bool StepPending(Frame& frame, Operation* op);
  bool Defer(Operation* op) {
    blocked_ |= op->def().stateful();
    return false;
  }
  std::vector<Value> Call(const Function& function, const std::vector<Value>& args) override;
  std::vector<Value> Case(Value index, const std::vector<const Function*>& branches,
                          const std::vector<Value>& args) override;
  std::vector<Value> While(const Function& cond, const Function& body,
                           const std::vector<Value>& args) override;
  // While and Case as nodes; unset when they cannot be.
  std::optional<std::vector<Value>> WhileNode(const Function& cond, const Function& body,
                                              const std::vector<Value>& args);
  std::optional<std::vector<Value>> CaseNode(Value index,
                                             const std::vector<const Function*>& branches,
                                             const std::vector<Value>& args);
  SubArgument ArgumentOf(Value v, bool fixed);
  std::vector<Value> WhileByParts(const Function& cond, const Function& body,
                                  const std::vector<Value>& args);
  void NoteNeed(Value needed, size_t first_new_value);
  bool WantInputs(Value base);
  Lowered Finish(Frame& root, int num_inputs);
  Lowered Cut(Frame& root);
  void Encode(Frame& frame, Continuation& rest);
  int Ref(Value v, Continuation& rest);
  Frame Decode(const Frame& frame, const std::vector<Value>& values);

  ProgramBuilder b_;
  MakeRunnerFn make_runner_;
  bool blocked_ = false;  // a stateful operation was deferred: so must be those after it
  int depth_ = 0;
  int64_t completed_ = 0;
  std::vector<PendingCall> created_calls_;
  std::vector<std::vector<Value>> created_outputs_;  // parallel: what Call returned
  std::unordered_set<int32_t> must_be_constant_;
  std::vector<int> wanted_;
  std::unordered_map<int32_t, int> ref_of_;
  std::vector<LiveValue> live_;
  Operation* first_deferred_ = nullptr;
};

}  // namespace wengert::compile
