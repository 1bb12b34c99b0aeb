// ProgramBuilder: appends primitives to a Program. Lowering rules write to it; passes replay
// programs through it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compile/lower.h"
#include "compile/program.h"
#include "wengert/lowering.h"
#include "wengert/lowering_lists.h"

namespace wengert::compile {

// Facts about scalar primitives.
const char* ScalarName(ScalarOp op);
int ScalarArity(ScalarOp op);
bool ScalarSupports(ScalarOp op, DType dtype);   // is there a kernel
DType ScalarResult(ScalarOp op, DType operand);  // of the last operand's dtype
bool ScalarCommutes(ScalarOp op);
const char* ReduceName(ReduceOp op);
bool IsHalf(DType dtype);  // float16, bfloat16
// Nodes that must stay, in order.
bool HasEffect(const Node& node);

// What is known of a list that may be either of two.
ListType Join(const ListType& a, const ListType& b);

// The program around one that is the body of a branch or loop, as far as variables go.
class OuterState {
 public:
  virtual ~OuterState() = default;
  virtual Value Read(int slot, DType dtype) = 0;
  virtual Value IsInitialized(int slot) = 0;
  virtual int Named(const std::string& name, DType dtype, const wengert::Shape& shape) = 0;
};

// Lowers functions into a program under construction.
class FunctionLowering {
 public:
  virtual ~FunctionLowering() = default;
  virtual std::vector<Value> Call(const Function& function, const std::vector<Value>& args) = 0;
  virtual std::vector<Value> Case(Value index, const std::vector<const Function*>& branches,
                                  const std::vector<Value>& args) = 0;
  virtual std::vector<Value> While(const Function& cond, const Function& body,
                                   const std::vector<Value>& args) = 0;
};

class ProgramBuilder : public Lowering {
 public:
  ProgramBuilder() = default;

  // --- Lowering ----------------------------------------------------------------
  DType dtype(Value v) const override;
  // Throws UnknownDims for a value whose size only execution can tell.
  Dims dims(Value v) const override { return known_dims(v); }
  // The same without a copy: valid until a value is added.
  const Dims& known_dims(Value v) const;
  int rank(Value v) const { return static_cast<int>(known_dims(v).size()); }
  int64_t size(Value v) const { return NumElements(known_dims(v)); }
  Value Constant(const Array& value) override;
  Value Iota(DType dtype, int64_t n) override;
  using Lowering::Map;
  Value Map(ScalarOp op, const std::vector<Value>& args) override;
  Value Cast(Value x, DType dtype) override;
  Value Reduce(ReduceOp op, Value x, const std::vector<int>& axes, bool keep_dims) override;
  Value ArgReduce(bool max, Value x, int axis, DType out) override;
  Value Scan(ScanOp op, Value x, int axis, bool exclusive, bool reverse) override;
  Value Reshape(Value x, Dims dims) override;
  Value Broadcast(Value x, Dims dims) override;
  Value Transpose(Value x, std::vector<int> perm) override;
  Value Slice(Value x, Dims begin, Dims size, Dims strides) override;
  Value Pad(Value x, Value fill, Dims low, Dims high) override;
  Value Concat(const std::vector<Value>& xs, int axis) override;
  Value Gather(Value params, Value indices, int axis, int batch_dims) override;
  Value GatherNd(Value params, Value indices, int batch_dims) override;
  Value Scatter(ScatterOp op, Value operand, Value indices, Value updates,
                bool drop_out_of_range) override;
  std::vector<Value> TopK(Value x, int64_t k) override;
  Value MatMul(Value a, Value b, bool transpose_a, bool transpose_b) override;
  Value Conv(const ConvSpec& spec, Value a, Value b, Dims out) override;
  Value Pool(const PoolSpec& spec, const std::vector<Value>& args, Dims out) override;
  std::vector<Value> Kernel(KernelSpec spec, const std::vector<Value>& args) override;
  Value ReadVariable(Value handle, DType dtype) override;
  void AssignVariable(Value handle, Value value) override;
  Value IsInitialized(Value handle) override;
  Value NamedResource(const std::string& name, DType dtype, const wengert::Shape& shape) override;
  std::vector<Value> Call(const Function& function, const std::vector<Value>& args) override;
  std::vector<Value> Case(Value index, const std::vector<const Function*>& branches,
                          const std::vector<Value>& args) override;
  std::vector<Value> While(const Function& cond, const Function& body,
                           const std::vector<Value>& args) override;
  std::vector<Value> List(const ListCall& call, const std::vector<Value>& args) override;
  ListType list_type(Value list) const override;
  void set_list_type(Value list, const ListType& type) override;

  // --- building ------------------------------------------------------------------
  Program& program() { return program_; }
  Value AddInput(int index, ValueInfo info);
  // Appends a node as it is.
  Value Emit(Primitive prim, std::vector<Value> inputs, DType dtype, Dims dims);
  std::vector<Value> EmitMany(Primitive prim, std::vector<Value> inputs,
                              std::vector<ValueInfo> outputs);
  void set_origin(Origin origin) { origin_ = std::move(origin); }
  const Origin& origin() const { return origin_; }
  // The node that defines `v`; -1 for a value without one (deferred).
  int def(Value v) const { return defs_[static_cast<size_t>(v.id)]; }
  const Node& node(Value v) const { return program_.nodes[static_cast<size_t>(def(v))]; }
  template <class P>
  const P* prim(Value v) const {  // null when `v` is made otherwise
    return def(v) < 0 ? nullptr : std::get_if<P>(&node(v).prim);
  }

  // --- constants ---------------------------------------------------------------
  // The value of `v` when it follows from constants; memoised. Throws NeedsConstant.
  Array Evaluate(Value v);
  bool TryEvaluate(Value v, Array* out);

  // --- values of unknown size ----------------------------------------------------
  enum class State : uint8_t { kReady, kDynamic, kDeferred };
  State state(Value v) const { return states_[static_cast<size_t>(v.id)]; }
  // Stands for what the next segment will compute.
  Value AddDeferred(DType dtype);

  // --- resources -------------------------------------------------------------------
  std::vector<ResourceSlot>& slots() { return slots_; }
  // Slots of an earlier segment, in the same numbers.
  void SetSlots(std::vector<ResourceSlot> slots);
  // Makes `handle` refer to a slot; the same resource gets the same slot.
  int BindResource(Value handle, std::shared_ptr<Resource> resource, int input);
  void BindSlot(Value handle, int slot) { handles_[handle.id] = slot; }
  // -1: not a handle.
  int SlotOf(Value handle) const;
  Value ReadSlot(int slot, DType dtype);
  Value IsSlotInitialized(int slot);
  // Current value of a slot: invalid when not read or assigned yet.
  const std::unordered_map<int, Value>& variables() const { return variables_; }
  void SetVariable(int slot, Value value, bool dirty);
  // Slots whose current value has to be written back, ascending.
  std::vector<int> DirtySlots() const;
  void EmitAssignments();

  NamedResourceFn named_resource;
  FunctionLowering* control = nullptr;
  OuterState* outer = nullptr;

  // --- undo --------------------------------------------------------------------------
  struct Mark {
    size_t nodes, values, journal;
  };
  Mark mark() const { return {program_.nodes.size(), program_.values.size(), journal_.size()}; }
  void Rollback(const Mark& mark);

 private:
  struct Change {  // of variables_
    int slot;
    bool had_value;
    Value value;
    bool dirty;
  };
  void CheckAxis(const char* what, Value x, int axis) const;
  int RequireSlot(Value handle) const;
  FunctionLowering& RequireControl() const;
  std::optional<Dims> ElementDims(const ListType& list, const ListCall& call) const;
  std::vector<Value> DynamicList(const ListCall& call, const std::vector<Value>& args,
                                 std::vector<DType> dtypes);

  Program program_;
  std::vector<int32_t> defs_;
  std::vector<State> states_;
  Origin origin_;
  std::unordered_map<int32_t, Array> evaluated_;
  std::unordered_map<int32_t, Value> not_constant_;  // and the leaf that is to blame
  std::unordered_map<uint64_t, Value> scalars_;      // scalar constants by dtype and bits
  std::vector<ResourceSlot> slots_;
  std::unordered_map<const Resource*, int> slot_of_;
  std::unordered_map<int32_t, int> handles_;
  std::unordered_map<int, Value> variables_;
  std::unordered_map<int, bool> dirty_;
  std::vector<Change> journal_;
  std::unordered_map<int32_t, ListType> lists_;
};

// Thrown by ProgramBuilder::dims: not a constant is needed, but the segment's end.
struct UnknownDims : NeedsConstant {};

// Emits `node` again over other inputs, through the builder's own methods, so that an
// overriding builder sees it.
std::vector<Value> Replay(ProgramBuilder& b, const Program& program, const Node& node,
                          const std::vector<Value>& inputs);

// Replays a whole program: the frame of a pass.
Program ReplayProgram(ProgramBuilder& b, const Program& program);

}  // namespace wengert::compile
