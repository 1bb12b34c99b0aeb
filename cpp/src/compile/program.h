// Program: primitives over concrete shapes, in SSA form. What the passes rewrite and the
// runtime schedules.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "wengert/array.h"
#include "wengert/lowering.h"
#include "wengert/lowering_lists.h"

namespace wengert::compile {

struct ValueInfo {
  DType dtype = DType::kInvalid;
  Dims dims;
};

// How a fused node reads an operand: element at iteration point p is
// data[offset + sum(p[i] * strides[i])], in elements.
struct Access {
  Value value;
  int64_t offset = 0;
  Dims strides;
};

// One instruction of a fused node, over registers. Registers 0 .. operands-1 hold the
// operands; instruction i writes register operands + i.
struct FusedInstr {
  bool is_cast = false;
  ScalarOp op = ScalarOp::kAdd;
  DType dtype = DType::kInvalid;  // of the operands (Select: of the last two)
  DType result = DType::kInvalid;
  int args[3] = {-1, -1, -1};
};

// What a fused node does with a register at the end: stores it dense over the iteration
// space, or reduces it over some axes of it.
struct FusedOutput {
  int reg = -1;
  bool reduce = false;
  ReduceOp op = ReduceOp::kSum;
  std::vector<int> axes;  // reduced axes of the iteration space, ascending
};

struct Input {
  int index;
};  // program input number
struct Const {
  Array value;
};
struct Iota {};
struct Map {
  ScalarOp op;
};
struct CastTo {};
struct Fused {
  Dims space;                    // iteration space
  std::vector<Access> operands;  // parallel to Node::inputs
  std::vector<FusedInstr> instrs;
  std::vector<FusedOutput> outputs;  // parallel to Node::outputs
};
struct Reduce {
  ReduceOp op;
  std::vector<int> axes;
  bool keep_dims;
};
struct ArgReduce {
  bool max;
  int axis;
};
struct Scan {
  ScanOp op;
  int axis;
  bool exclusive, reverse;
};
struct Reshape {};  // a view: same memory
struct Broadcast {};
struct Transpose {
  std::vector<int> perm;
};
struct Slice {
  Dims begin, strides;
};
struct Pad {
  Dims low, high;
};  // inputs: x, fill
struct Concat {
  int axis;
};
struct Gather {
  int axis, batch_dims;
};  // inputs: params, indices
struct GatherNd {
  int batch_dims;
};
struct Scatter {
  ScatterOp op;
  bool drop_out_of_range;
};  // operand, indices, updates
struct TopK {
  int64_t k;
};
struct MatMul {
  bool transpose_a, transpose_b;
};  // inputs: a, b and perhaps what the product is added to
struct Conv {
  ConvSpec spec;
};
struct Pool {
  PoolSpec spec;
};
struct Tiling;
struct CustomKernel {
  std::shared_ptr<const KernelSpec> spec;
  // Set where the kernel is a region of the program that runs tile by tile (tile.h).
  std::shared_ptr<const Tiling> tiling = nullptr;
};
struct ReadVariable {
  int resource;
};  // index among the program's resources
struct AssignVariable {
  int resource;
};  // input: value; no outputs
struct IsInitialized {
  int resource;
};

struct Program;

// One of several programs of the same arguments and results. inputs: index, arguments.
struct CaseOf {
  std::vector<std::shared_ptr<const Program>> branches;
  bool effect = false;  // some branch does more than give results
};
// while (cond(vars, captures)) vars = body(vars, captures). inputs: `num_vars` initial values,
// then captures; outputs: the last values.
struct WhileLoop {
  std::shared_ptr<const Program> cond, body;
  int num_vars = 0;
  bool effect = false;
};
// An operation on lists of tensors.
struct ListNode {
  ListCall call;
};

using Primitive = std::variant<Input, Const, Iota, Map, CastTo, Fused, Reduce, ArgReduce, Scan,
                               Reshape, Broadcast, Transpose, Slice, Pad, Concat, Gather, GatherNd,
                               Scatter, TopK, MatMul, Conv, Pool, CustomKernel, ReadVariable,
                               AssignVariable, IsInitialized, CaseOf, WhileLoop, ListNode>;

// A name that many nodes share: passes copy nodes, not names.
class SharedName {
 public:
  SharedName() = default;
  SharedName(const char* text) : SharedName(std::string(text)) {}
  SharedName(const std::string& text) {
    if (!text.empty()) text_ = std::make_shared<const std::string>(text);
  }
  bool empty() const { return text_ == nullptr; }
  const std::string& text() const {
    static const std::string none;
    return text_ == nullptr ? none : *text_;
  }

 private:
  std::shared_ptr<const std::string> text_;
};

// The user's operation that a node came from.
struct Origin {
  SharedName name;        // "" for the compiler's own
  uint32_t location = 0;  // Operation::location_id()
};

struct Node {
  Primitive prim;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  Origin origin;  // for errors and explain
};

struct Program {
  std::vector<ValueInfo> values;  // by Value::id
  std::vector<Node> nodes;        // topological
  std::vector<Value> outputs;
  int num_inputs = 0;  // plain inputs, numbered as Input::index
  int num_resources = 0;

  const ValueInfo& info(Value v) const { return values[static_cast<size_t>(v.id)]; }
  Value NewValue(DType dtype, Dims dims) {
    values.push_back({dtype, std::move(dims)});
    return Value{static_cast<int32_t>(values.size()) - 1};
  }
};

std::string ToText(const Program& program);
// Checks the invariants (SSA, order, dtypes, dims); throws Error kInternal naming the node.
void Verify(const Program& program);

// A pass takes a Program and returns one that computes the same outputs.
Program Prune(Program program);  // drops what no output and no effect needs
Program FoldConstants(Program program);
Program Simplify(Program program);  // algebra, views of views, no-ops, strength
Program EliminateCommonSubexpressions(Program program);
Program Tile(Program program);        // regions that are independent per row of a batch
Program Accumulate(Program program);  // sums of matrix products
Program Fuse(Program program);        // Map/Cast trees with broadcasts, views, reductions

}  // namespace wengert::compile
