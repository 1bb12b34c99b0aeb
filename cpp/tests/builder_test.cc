// Builder: nodes and names as TensorFlow's Python functions give them.
#include "wengert/builder.h"

#include <string>

#include "check.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

struct Fixture {
  std::shared_ptr<Graph> graph = Graph::Create();
  Builder b{*graph};
  Tensor P(Shape shape, DType dtype = DType::kFloat32, const std::string& name = "p") {
    return b.Placeholder(dtype, shape, name);
  }
  // "name:Type(inputs)" of the operations since the last call.
  std::string New() {
    std::string out;
    for (; seen_ < graph->num_operations(); ++seen_) {
      const Operation* op = graph->operation(seen_);
      if (op->type() == "Placeholder") continue;
      out += (out.empty() ? "" : " ") + op->name() + ":" + op->type() + "(";
      for (int i = 0; i < op->num_inputs(); ++i) out += (i ? "," : "") + op->input(i).op->name();
      for (const Operation* control : op->control_inputs()) out += "^" + control->name();
      out += ")";
    }
    return out;
  }

 private:
  int64_t seen_ = 0;
};

TEST(Operators) {
  Fixture f;
  const Tensor p = f.P({2}), i = f.P({2}, DType::kInt32, "i");
  f.b.Add(p, 1.0);
  CHECK_EQ(f.New(), "add/y:Const() add:AddV2(p,add/y)");
  const Tensor sum = f.b.Add(2.0, p);
  CHECK_EQ(f.New(), "add_1/x:Const() add_1:AddV2(add_1/x,p)");
  CHECK(sum.op->input(0).dtype() == DType::kFloat32);
  const Tensor quotient = f.b.TrueDiv(i, 2);
  CHECK_EQ(f.New(),
           "truediv/y:Const() truediv/Cast:Cast(i) truediv/Cast_1:Cast(truediv/y) "
           "truediv:RealDiv(truediv/Cast,truediv/Cast_1)");
  CHECK(quotient.dtype() == DType::kFloat64);
  f.b.TrueDiv(p, 2);
  CHECK_EQ(f.New(), "truediv_1/y:Const() truediv_1:RealDiv(p,truediv_1/y)");
  f.b.Pow(p, 2.0);
  CHECK_EQ(f.New(), "pow/y:Const() pow:Pow(p,pow/y)");
  f.b.Op("Mul", {2, p}, {}, "foo/");
  CHECK_EQ(f.New(), "foo/x:Const() foo:Mul(foo/x,p)");
}

TEST(Reductions) {
  Fixture f;
  f.b.ReduceSum(f.P({2, 3}));
  CHECK_EQ(f.New(), "Const:Const() Sum:Sum(p,Const)");
  f.b.ReduceSum(f.P(Shape::Scalar(), DType::kFloat32, "u"));
  CHECK_EQ(f.New(),
           "Rank:Const() range/start:Const() range/delta:Const() "
           "range:Range(range/start,Rank,range/delta) Sum_1:Sum(u,range)");
  f.b.ReduceMean(f.P(Shape(), DType::kFloat32, "v"));
  CHECK_EQ(f.New(),
           "Rank_1:Rank(v) range_1/start:Const() range_1/delta:Const() "
           "range_1:Range(range_1/start,Rank_1,range_1/delta) Mean:Mean(v,range_1)");
  const Tensor p = f.P({2}, DType::kFloat32, "w");
  f.b.ReduceMax(p, In(0), true);
  CHECK_EQ(f.New(), "Max/reduction_indices:Const() Max:Max(w,Max/reduction_indices)");
  f.b.ReduceSum(p, In(std::vector<int64_t>{}));
  CHECK_EQ(f.New(),
           "Sum_2/reduction_indices:Const() Sum_2/reduction_indices_1:Const() "
           "Sum_2:Sum(w,Sum_2/reduction_indices_1)");
}

TEST(Likes) {
  Fixture f;
  const Tensor p = f.P({2, 3}), q = f.P({-1, 3}, DType::kFloat32, "q");
  f.b.ZerosLike(p), f.b.OnesLike(p), f.b.ShapeOf(p), f.b.SizeOf(p), f.b.RankOf(q);
  CHECK_EQ(f.New(), "zeros_like:Const() ones_like:Const() Shape:Const() Size:Const() Rank:Const()");
  f.b.ZerosLike(q), f.b.OnesLike(q), f.b.ShapeOf(q), f.b.SizeOf(q);
  CHECK_EQ(f.New(),
           "zeros_like_1:ZerosLike(q) ones_like_1:OnesLike(q) Shape_1:Shape(q) Size_1:Size(q)");
  f.b.OnesLike(f.P({50, 50}));
  CHECK_EQ(f.New(),
           "ones_like_2/shape_as_tensor:Const() ones_like_2/Const:Const() "
           "ones_like_2:Fill(ones_like_2/shape_as_tensor,ones_like_2/Const)");
  const std::vector<int64_t> many{1000};
  CHECK_EQ(f.b.Ones(std::vector<int64_t>{999}, DType::kInt64).op->type(), "Const");
  CHECK_EQ(f.b.Zeros(many, DType::kInt64).op->type(), "Fill");
  f.New();
  const Tensor n = f.b.Constant(Array::Scalar<int32_t>(3));
  f.b.Zeros(std::vector<In>{2, n}, DType::kFloat32, "z");
  CHECK_EQ(f.New(),
           "Const:Const() z/packed/0:Const() z/packed:Pack(z/packed/0,Const) z/Const:Const() "
           "z:Fill(z/packed,z/Const)");
}

TEST(Lists) {
  Fixture f;
  const Tensor p = f.P({2}), n = f.P(Shape::Scalar(), DType::kInt32, "n");
  f.b.Stack({1, 2});
  CHECK_EQ(f.New(), "stack:Const()");
  f.b.Stack({1, n});
  CHECK_EQ(f.New(), "stack_1/0:Const() stack_1:Pack(stack_1/0,n)");
  f.b.Stack({p, p}, 1);
  CHECK_EQ(f.New(), "stack_2:Pack(p,p)");
  const Tensor scalar = f.P(Shape::Scalar(), DType::kFloat32, "q");
  f.b.Op("AddN", {std::vector<In>{1.0, scalar}}, {}, "s");
  CHECK_EQ(f.New(), "s/inputs_0:Const() s:AddN(s/inputs_0,q)");
  f.b.Concat({p, p}, 0);
  CHECK_EQ(f.New(), "concat/axis:Const() concat:ConcatV2(p,p,concat/axis)");
  f.b.Concat({p}, 0);
  CHECK_EQ(f.New(), "concat_1/concat_dim:Const() concat_1/concat:Identity(p)");
  CHECK(f.b.AddN({p}) == p);
  CHECK_THROWS(kTypeError, "Expected list for 'inputs' argument to 'AddN' Op, not p:0.",
               f.b.Op("AddN", {p}));
}

TEST(Movement) {
  Fixture f;
  const Tensor p = f.P({2, 3}), n = f.P(Shape::Scalar(), DType::kInt32, "n"),
               l = f.P(Shape::Scalar(), DType::kInt64, "l");
  f.b.Transpose(p, std::vector<int64_t>{1, 0});
  CHECK_EQ(f.New(), "transpose/perm:Const() transpose:Transpose(p,transpose/perm)");
  f.b.ExpandDims(p, 0);
  CHECK_EQ(f.New(), "ExpandDims/dim:Const() ExpandDims:ExpandDims(p,ExpandDims/dim)");
  f.b.Gather(p, std::vector<int64_t>{0});
  CHECK_EQ(f.New(),
           "GatherV2/indices:Const() GatherV2/axis:Const() "
           "GatherV2:GatherV2(p,GatherV2/indices,GatherV2/axis)");
  f.b.Range(0, n, 1);
  CHECK_EQ(f.New(),
           "range/start:Const() range/delta:Const() range:Range(range/start,n,range/delta)");
  f.b.Range(0, l, 1);
  CHECK_EQ(f.New(),
           "range_1/start:Const() range_1/delta:Const() range_1/Cast:Cast(range_1/start) "
           "range_1/Cast_1:Cast(range_1/delta) range_1:Range(range_1/Cast,l,range_1/Cast_1)");
  f.b.Cast(p, DType::kFloat32);
  f.b.Conj(p);
  CHECK_EQ(f.New(), "");
  f.b.MatMul(f.P({2, 2, 2}), f.P({2, 2, 2}, DType::kFloat32, "m"), true);
  CHECK_EQ(f.New(), "MatMul:BatchMatMulV2(p_1,m)");
}

TEST(DenseSlices) {
  Fixture f;
  const Tensor values = f.P({1, 2}, DType::kFloat32, "v");
  const Tensor rows = f.P({1}, DType::kInt32, "r"), shape = f.P({2}, DType::kInt32, "s");
  f.b.Dense(Grad(IndexedSlices{values, rows, shape}));
  CHECK_EQ(f.New(),
           "strided_slice/stack:Const() strided_slice/stack_1:Const() "
           "strided_slice/stack_2:Const() strided_slice:StridedSlice(s,strided_slice/stack,"
           "strided_slice/stack_1,strided_slice/stack_2) "
           "UnsortedSegmentSum:UnsortedSegmentSum(v,r,strided_slice)");
  CHECK_THROWS(kValueError, "", f.b.Dense(Grad(IndexedSlices{values, rows, {}})));
}

TEST(Tuples) {
  Fixture f;
  const Tensor p = f.P({2});
  const Tensor e = f.b.Op("Exp", {p});
  f.New();
  const auto out = f.b.Tuple({Grad(e), Grad(), Grad(p)});
  CHECK_EQ(f.New(),
           "tuple/group_deps:NoOp(^p^Exp) tuple/control_dependency:Identity(Exp^tuple/group_deps) "
           "tuple/control_dependency_1:Identity(p^tuple/group_deps)");
  CHECK(out[1].none());
  CHECK_THROWS(kValueError, "'tensors' must have at least one Tensor.", f.b.Tuple({Grad()}));
}

}  // namespace
}  // namespace wengert

TEST_MAIN()
