// Builder: appends operations to a graph under TensorFlow's names. Gradient rules and
// embedders write with it.
#pragma once

#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "wengert/gradients.h"
#include "wengert/graph.h"

namespace wengert {

// An argument of an op: a tensor, a list of tensors, or a literal. A literal becomes a
// Const named "<op>/<argument>"; its dtype is that of the argument where the signature or
// the other inputs fix it, else int32 / float32 (Array: its own). A list that mixes tensors
// and literals is packed. An empty vector of ints is Python's `[]`, of which TensorFlow makes
// a stray float constant first; an empty Array is not.
class In {
 public:
  In(Tensor t);
  In(std::vector<Tensor> list);
  In(std::vector<In> list);
  In(Array a);
  In(double v);
  In(int v);
  In(int64_t v);
  In(bool v);
  In(std::vector<int64_t> v);
  In(const In& other);
  In(In&& other) noexcept;
  In& operator=(const In& other);
  In& operator=(In&& other) noexcept;
  ~In();
  bool is_tensor() const { return std::holds_alternative<Tensor>(value_); }
  const Tensor& tensor() const { return std::get<Tensor>(value_); }
  using Value = std::variant<Tensor, std::vector<Tensor>, std::vector<In>, Array, double, int64_t,
                             std::vector<int64_t>>;
  const Value& value() const { return value_; }

 private:
  Value value_;
};

class Builder {
 public:
  explicit Builder(Graph& graph) : graph_(graph) {}
  Graph& graph() { return graph_; }

  // --- generic -----------------------------------------------------------------
  // Appends an op of any registered type; arguments in the signature's order. The name
  // defaults to the type. Node for node what TensorFlow's generated raw op does.
  Operation* AddOp(const std::string& type, std::vector<In> inputs, AttrMap attrs = {},
                   const std::string& name = "");
  // First output of AddOp.
  Tensor Op(const std::string& type, std::vector<In> inputs, AttrMap attrs = {},
            const std::string& name = "");

  // --- scopes (RAII) --------------------------------------------------------------
  class Scope {
   public:
    Scope(Graph& graph, const std::string& name)
        : graph_(&graph), path_(graph.EnterNameScope(name, &previous_)) {}
    ~Scope() { graph_->set_name_scope(std::move(previous_)); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    const std::string& path() const { return path_; }  // with closing '/'

   private:
    Graph* graph_;
    std::string previous_, path_;
  };
  Scope NameScope(const std::string& name) { return Scope(graph_, name); }
  class Controls {
   public:
    Controls(Graph& graph, std::vector<Operation*> ops, bool clear = false) : graph_(&graph) {
      graph.PushControlDependencies(std::move(ops), clear);
    }
    ~Controls() { graph_->PopControlDependencies(); }
    Controls(const Controls&) = delete;
    Controls& operator=(const Controls&) = delete;

   private:
    Graph* graph_;
  };
  Controls ControlDependencies(std::vector<Operation*> ops) {
    return Controls(graph_, std::move(ops));
  }

  // --- TensorFlow's Python functions, same default names and nodes -------------------
  Tensor Constant(const Array& value, const std::string& name = "Const");
  Tensor Placeholder(DType dtype, const Shape& shape = {}, const std::string& name = "Placeholder");
  Tensor Identity(Tensor x, const std::string& name = "Identity");
  // Operators: the scope is opened first, then literals become "<name>/x" or "<name>/y".
  Tensor Add(In x, In y, const std::string& name = "add");          // AddV2
  Tensor Subtract(In x, In y, const std::string& name = "sub");     // Sub
  Tensor Multiply(In x, In y, const std::string& name = "mul");     // Mul
  Tensor TrueDiv(In x, In y, const std::string& name = "truediv");  // RealDiv (ints are cast)
  Tensor FloorDivide(In x, In y, const std::string& name = "floordiv");
  Tensor FloorMod(In x, In y, const std::string& name = "mod");
  Tensor Pow(In x, In y, const std::string& name = "pow");
  Tensor Negative(Tensor x) { return Op("Neg", {x}); }
  // Returns x itself when it has that dtype already.
  Tensor Cast(Tensor x, DType dtype, const std::string& name = "Cast");
  Tensor Conj(Tensor x);  // x itself unless complex
  Tensor Reshape(Tensor x, In shape, const std::string& name = "Reshape");
  Tensor Transpose(Tensor x, In perm, const std::string& name = "transpose");
  Tensor ExpandDims(Tensor x, In axis, const std::string& name = "ExpandDims");
  Tensor Squeeze(Tensor x, std::vector<int64_t> axes = {}, const std::string& name = "Squeeze");
  Tensor Stack(std::vector<In> xs, int64_t axis = 0, const std::string& name = "stack");  // Pack
  Tensor Concat(std::vector<In> xs, In axis, const std::string& name = "concat");
  Tensor Tile(Tensor x, In multiples, const std::string& name = "Tile");
  Tensor Fill(In dims, In value, const std::string& name = "Fill");
  Tensor BroadcastTo(Tensor x, In shape, const std::string& name = "BroadcastTo");
  Tensor Where(Tensor condition, In x, In y, const std::string& name = "SelectV2");
  Tensor Gather(Tensor params, In indices, In axis = 0, const std::string& name = "GatherV2");
  Tensor Range(In start, In limit, In delta, const std::string& name = "range");
  Tensor MatMul(Tensor a, Tensor b, bool transpose_a = false, bool transpose_b = false,
                const std::string& name = "MatMul");
  // tf.shape / tf.size / tf.rank: a Const when the static shape allows.
  Tensor ShapeOf(Tensor x, DType out_type = DType::kInt32, bool optimize = true,
                 const std::string& name = "Shape");
  Tensor SizeOf(Tensor x, DType out_type = DType::kInt32, bool optimize = true,
                const std::string& name = "Size");
  Tensor RankOf(Tensor x, bool optimize = true, const std::string& name = "Rank");
  Tensor ZerosLike(Tensor x, const std::string& name = "zeros_like");  // Const when static
  Tensor OnesLike(Tensor x, const std::string& name = "ones_like");
  // tf.zeros / tf.ones: Const for small static shapes, else Fill.
  Tensor Zeros(In shape, DType dtype, const std::string& name = "zeros");
  Tensor Ones(In shape, DType dtype, const std::string& name = "ones");
  // tf.reduce_*: no axes: all of them ("Const"); axes become "<name>/reduction_indices".
  Tensor ReduceSum(Tensor x, std::optional<In> axis = {}, bool keep_dims = false,
                   const std::string& name = "Sum");
  Tensor ReduceProd(Tensor x, std::optional<In> axis = {}, bool keep_dims = false,
                    const std::string& name = "Prod");
  Tensor ReduceMax(Tensor x, std::optional<In> axis = {}, bool keep_dims = false,
                   const std::string& name = "Max");
  Tensor ReduceMean(Tensor x, std::optional<In> axis = {}, bool keep_dims = false,
                    const std::string& name = "Mean");
  // x[begin:end:strides] with TensorFlow's masks; literals or tensors.
  Tensor StridedSlice(Tensor x, In begin, In end, In strides, int64_t begin_mask = 0,
                      int64_t end_mask = 0, int64_t shrink_axis_mask = 0,
                      const std::string& name = "strided_slice");
  Tensor AddN(const std::vector<Tensor>& xs, const std::string& name = "AddN");
  // control_flow_ops.tuple: every tensor behind all of them (gate_gradients).
  std::vector<Grad> Tuple(const std::vector<Grad>& xs, const std::string& name = "tuple");
  Operation* Group(const std::vector<Operation*>& ops, const std::string& name);
  // convert_to_tensor of IndexedSlices: UnsortedSegmentSum.
  Tensor Dense(const Grad& grad, const std::string& name = "");

 private:
  Graph& graph_;
};

}  // namespace wengert
