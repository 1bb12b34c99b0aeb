// Lower: a slice of a Graph, for known input shapes, becomes a Program.
//
// Where a rule needs a value that only execution can give, or a kernel's output size depends
// on data, the Program ends early: it then returns the values that the rest needs, and
// Resume() lowers the rest once they are known.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compile/program.h"
#include "wengert/graph.h"

namespace wengert::compile {

// Finds or makes the resource of a name (of a session or executable).
using NamedResourceFn = std::function<std::shared_ptr<Resource>(
    const std::string& name, DType dtype, const wengert::Shape& shape)>;

// Makes a function runnable by itself, for loops that change shapes from one iteration to the
// next.
using FunctionRunner = std::function<std::vector<Array>(const std::vector<Array>& args)>;
using MakeRunnerFn = std::function<FunctionRunner(const Function&)>;

// A resource of the program: ReadVariable::resource and the like index these.
struct ResourceSlot {
  std::shared_ptr<Resource> resource;  // what it was when lowering
  // The number of the LowerRequest's input that brought it: another call may bring another
  // one there. -1: fixed, found by name.
  int input = -1;
  // The initial value is read: the program holds only for variables of this dtype and dims.
  bool read = false;
  ValueInfo value;
  bool assigned = false;
};

struct LowerRequest {
  std::vector<Tensor> inputs;          // fed; nothing above them is run
  std::vector<ValueInfo> input_infos;  // one per input
  // Empty, or one per input: where set, the program is specialised on the value.
  std::vector<std::optional<Array>> input_constants;
  // Empty, or one per input: what a scalar resource handle refers to (null for the others).
  std::vector<std::shared_ptr<Resource>> input_resources;
  std::vector<Tensor> outputs;
  std::vector<Operation*> targets;
  NamedResourceFn named_resource;
  MakeRunnerFn make_runner;
};

// What is left to lower after a cut. Immutable: it may be resumed many times.
class Continuation;

// Why the program's output `i` is handed to the rest.
struct LiveValue {
  ValueInfo info;         // dims are meaningless when dynamic
  bool dynamic = false;   // dims are known after execution only
  bool constant = false;  // Resume must be given the value in input_constants
};

struct Lowered {
  // Not empty: nothing was lowered. Call again with the values of these inputs (of Resume: live
  // values) in input_constants: they are small integer tensors that decide shapes.
  std::vector<int> wanted_constants;
  Program program;  // program.num_inputs is the number of inputs of the request
  std::vector<ResourceSlot> resources;
  // Null: program.outputs are the requested outputs. Else they are the live values.
  std::shared_ptr<const Continuation> rest;
  std::vector<LiveValue> live;  // parallel to program.outputs when `rest`
};

struct ResumeRequest {
  std::vector<ValueInfo> input_infos;                 // one per live value
  std::vector<std::optional<Array>> input_constants;  // one per live value
  // What the slots refer to in this call; empty: what they did when lowered.
  std::vector<std::shared_ptr<Resource>> resources;
  NamedResourceFn named_resource;
  MakeRunnerFn make_runner;
};

// Throw Error naming the operation. The continuation's slots keep their numbers; new ones
// follow. AssignVariable nodes are in the last program only, after everything else.
Lowered Lower(const LowerRequest& request);
Lowered Resume(const Continuation& rest, const ResumeRequest& request);

// The value of `t` when it follows from constants and static shapes alone, at most
// `max_elements`; by the reference evaluator. For ConstantEvaluator.
std::optional<Array> EvaluateTensor(const Tensor& t, int64_t max_elements = 10000);

Origin OriginOf(const Operation& op);

// `e` with "\n\t [[{{node name}}]]" and the user's line appended, unless it names an operation
// already.
Error AtNode(const Error& e, const Origin& origin);

}  // namespace wengert::compile
