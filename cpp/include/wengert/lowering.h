// Lowering: what an op's lowering rule writes its meaning with, in primitives over
// concrete shapes. Only primitives have kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "wengert/graph.h"
#include "wengert/op_def.h"
#include "wengert/window.h"

namespace wengert {

// A value of a Program under construction.
struct Value {
  int32_t id = -1;
  explicit operator bool() const { return id >= 0; }
  bool operator==(Value o) const { return id == o.id; }
  bool operator!=(Value o) const { return id != o.id; }
};

enum class ScalarOp : uint8_t {
#define SCALAR_OP(name, arity, group) k##name,
#include "wengert/scalar_ops.def"
#undef SCALAR_OP
};
enum class ReduceOp : uint8_t { kSum, kProd, kMax, kMin, kAll, kAny };
enum class ScanOp : uint8_t { kSum, kProd, kLogSumExp };
enum class ScatterOp : uint8_t { kSet, kAdd, kSub, kMul, kMax, kMin };

// A primitive given as code: for what no other primitive says (special functions, linear
// algebra, user-defined ops). Runs on whole arrays.
struct KernelSpec {
  std::string name;  // for explain
  // Fills the outputs, allocated already with the declared dtypes and dims; with
  // `dynamic`, assigns them itself. Must be thread-safe. May throw Error.
  std::function<void(const std::vector<Array>& inputs, std::vector<Array>& outputs)> run;
  std::vector<DType> dtypes;
  std::vector<Dims> dims;  // ignored when dynamic
  bool dynamic = false;  // output dims depend on data: what follows is compiled when they are known
  bool stateful = false;  // never folded, merged or dropped
  std::string key;        // two stateless kernels of the same name and key are the same function
};

struct ListCall;  // lowering_lists.h
struct ListType;

// Thrown (by LoweringContext::constant) when a rule needs a value that only execution
// can give; the compiler ends the current segment there.
struct NeedsConstant {
  Value value;
};

class Lowering {
 public:
  virtual ~Lowering() = default;

  virtual DType dtype(Value v) const = 0;
  // By value: a reference would not survive the next value that is made.
  virtual Dims dims(Value v) const = 0;
  int rank(Value v) const { return static_cast<int>(dims(v).size()); }
  int64_t size(Value v) const { return NumElements(dims(v)); }

  // --- leaves -------------------------------------------------------------------
  virtual Value Constant(const Array& value) = 0;
  Value Scalar(DType dtype, double value) { return Constant(Array::FromDouble(dtype, value)); }
  // 0, 1, ... n-1.
  virtual Value Iota(DType dtype, int64_t n) = 0;

  // --- element-wise ----------------------------------------------------------------
  // Operands broadcast; dtypes must agree (Select: the last two). float16 and bfloat16 are
  // computed in float32 and rounded once.
  virtual Value Map(ScalarOp op, const std::vector<Value>& args) = 0;
  virtual Value Cast(Value x, DType dtype) = 0;  // C++ static_cast; x itself when equal
  // Shorthands; a double becomes a scalar of the other operand's dtype.
  Value Map(ScalarOp op, Value a) { return Map(op, std::vector<Value>{a}); }
  Value Map(ScalarOp op, Value a, Value b) { return Map(op, std::vector<Value>{a, b}); }
  Value Map(ScalarOp op, Value a, double b) { return Map(op, a, Scalar(dtype(a), b)); }
  Value Map(ScalarOp op, double a, Value b) { return Map(op, Scalar(dtype(b), a), b); }
  Value Add(Value a, Value b) { return Map(ScalarOp::kAdd, a, b); }
  Value Sub(Value a, Value b) { return Map(ScalarOp::kSub, a, b); }
  Value Mul(Value a, Value b) { return Map(ScalarOp::kMul, a, b); }
  Value Div(Value a, Value b) { return Map(ScalarOp::kDiv, a, b); }
  Value Add(Value a, double b) { return Map(ScalarOp::kAdd, a, b); }
  Value Mul(Value a, double b) { return Map(ScalarOp::kMul, a, b); }
  Value Sub(double a, Value b) { return Map(ScalarOp::kSub, a, b); }
  Value Select(Value c, Value a, Value b) { return Map(ScalarOp::kSelect, {c, a, b}); }

  // --- reductions -----------------------------------------------------------------
  // `axes` are in [0, rank), without duplicates. Empty reductions give the identity
  // (max: -inf or lowest).
  virtual Value Reduce(ReduceOp op, Value x, const std::vector<int>& axes, bool keep_dims) = 0;
  virtual Value ArgReduce(bool max, Value x, int axis, DType out) = 0;  // first of equals
  virtual Value Scan(ScanOp op, Value x, int axis, bool exclusive, bool reverse) = 0;

  // --- movement -------------------------------------------------------------------
  virtual Value Reshape(Value x, Dims dims) = 0;    // same element count
  virtual Value Broadcast(Value x, Dims dims) = 0;  // NumPy rules
  virtual Value Transpose(Value x, std::vector<int> perm) = 0;
  // size[i] elements from begin[i] in steps of strides[i] (negative ones allowed).
  virtual Value Slice(Value x, Dims begin, Dims size, Dims strides) = 0;
  // `fill` is a scalar; low and high are >= 0.
  virtual Value Pad(Value x, Value fill, Dims low, Dims high) = 0;
  virtual Value Concat(const std::vector<Value>& xs, int axis) = 0;
  // params[..., indices, ...] along `axis`, the first `batch_dims` axes shared. Out-of-range
  // indices raise InvalidArgument naming the first one.
  virtual Value Gather(Value params, Value indices, int axis, int batch_dims) = 0;
  virtual Value GatherNd(Value params, Value indices, int batch_dims) = 0;
  // scatter_nd into a copy of `operand`: indices [..., depth], updates fit. Duplicates are
  // applied in order. `drop_out_of_range`: skip bad (negative) indices instead of raising.
  virtual Value Scatter(ScatterOp op, Value operand, Value indices, Value updates,
                        bool drop_out_of_range = false) = 0;
  // Along the last axis: k largest (ties: smaller index first) and their int32 indices.
  virtual std::vector<Value> TopK(Value x, int64_t k) = 0;

  // --- linear algebra ----------------------------------------------------------------
  // Last two axes; leading ones broadcast.
  virtual Value MatMul(Value a, Value b, bool transpose_a, bool transpose_b) = 0;

  // --- windows -----------------------------------------------------------------------
  // The two arrays that the kind leaves, in the order of ConvKind; `out`: dims of the third.
  virtual Value Conv(const ConvSpec& spec, Value a, Value b, Dims out) = 0;
  // One or two arrays, as the kind says; `out`: dims of what is computed.
  virtual Value Pool(const PoolSpec& spec, const std::vector<Value>& args, Dims out) = 0;

  // --- anything else -------------------------------------------------------------------
  virtual std::vector<Value> Kernel(KernelSpec spec, const std::vector<Value>& args) = 0;

  // --- state -------------------------------------------------------------------------------
  // Variables behind resource handles; reads and writes act in lowering order.
  virtual Value ReadVariable(Value handle, DType dtype) = 0;  // FailedPrecondition if unset
  virtual void AssignVariable(Value handle, Value value) = 0;
  virtual Value IsInitialized(Value handle) = 0;  // scalar bool
  // A resource that lives as long as the session or the executable, by name.
  virtual Value NamedResource(const std::string& name, DType dtype,
                              const wengert::Shape& shape) = 0;

  // --- calls -------------------------------------------------------------------------
  // Inlines `function` (its lowering becomes part of this program).
  virtual std::vector<Value> Call(const Function& function, const std::vector<Value>& args) = 0;

  // --- control flow ---------------------------------------------------------------------
  // The results of `branches[index]` (an integer scalar; out of range means the last branch).
  // The branches take the same arguments and give the same dtypes. Where the dims of the results
  // agree, the choice is made while running; else the index becomes part of the signature.
  virtual std::vector<Value> Case(Value index, const std::vector<const Function*>& branches,
                                  const std::vector<Value>& args) = 0;
  // while (cond(vars)) vars = body(vars), from `args`; one result per variable. `cond` gives one
  // bool scalar. A variable that the body hands on unchanged is a capture: it costs nothing.
  // Variables may change their dims from one iteration to the next.
  virtual std::vector<Value> While(const Function& cond, const Function& body,
                                   const std::vector<Value>& args) = 0;

  // --- lists of tensors (lowering_lists.h) ---------------------------------------------------
  // Lists are scalars of dtype variant.
  virtual std::vector<Value> List(const ListCall& call, const std::vector<Value>& args) = 0;
  // What is known of a list before running.
  virtual ListType list_type(Value list) const = 0;
  virtual void set_list_type(Value list, const ListType& type) = 0;
};

struct LoweringContext {
  Lowering& b;
  const Operation& op;
  std::vector<Value> in;   // one per input
  std::vector<Value> out;  // to be filled: one per output

  Value x(int i = 0) const { return in.at(i); }
  Dims dims(int i) const { return b.dims(in.at(i)); }
  DType dtype(int i) const { return b.dtype(in.at(i)); }
  void set(Value v) { out.assign(1, v); }
  // The input's value. Throws NeedsConstant when only execution can tell.
  std::function<Array(Value)> evaluate;
  Array constant(int i) const { return evaluate(in.at(i)); }
  std::vector<int64_t> ints(int i) const { return constant(i).AsInts(); }
  // InvalidArgument "<message>" naming the operation.
  [[noreturn]] void Fail(const std::string& message) const;
};

// Rules for the common cases.
namespace lowering_rules {
LoweringFn Unary(ScalarOp op);
LoweringFn Binary(ScalarOp op);
void Forward(LoweringContext& c);  // outputs are the inputs
void Nothing(LoweringContext& c);  // no outputs (NoOp)
}  // namespace lowering_rules

}  // namespace wengert
