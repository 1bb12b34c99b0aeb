// Reference evaluator: nodes and whole programs.
#include "compile/reference.h"

#include <algorithm>
#include <numeric>

#include "compile/program_builder.h"

namespace wengert::compile {

namespace {

Array EvaluateIota(const ValueInfo& info) {
  Array counts(DType::kInt64, info.dims);
  std::iota(counts.data<int64_t>(), counts.data<int64_t>() + counts.size(), 0);
  return EvaluateCast(counts, info.dtype);
}

Array EvaluateBroadcast(const Array& x, const Dims& dims) {
  Dims strides(dims.size());
  const Dims own = RowMajorStrides(x.dims());
  for (size_t i = 0; i < own.size(); ++i) {
    strides[dims.size() - own.size() + i] = x.dims()[i] == 1 ? 0 : own[i];
  }
  return EvaluateStrided(x, dims, 0, strides);
}

Array EvaluateTranspose(const Array& x, const std::vector<int>& perm) {
  const Dims own = RowMajorStrides(x.dims());
  Dims dims, strides;
  for (int axis : perm) {
    dims.push_back(x.dims()[static_cast<size_t>(axis)]);
    strides.push_back(own[static_cast<size_t>(axis)]);
  }
  return EvaluateStrided(x, dims, 0, strides);
}

Array EvaluateSlice(const Slice& slice, const Array& x, const Dims& dims) {
  const Dims own = RowMajorStrides(x.dims());
  int64_t offset = 0;
  Dims strides;
  for (size_t i = 0; i < own.size(); ++i) {
    offset += slice.begin[i] * own[i];
    strides.push_back(slice.strides[i] * own[i]);
  }
  return EvaluateStrided(x, dims, offset, strides);
}

}  // namespace

std::vector<Array> EvaluateFused(const Program& program, const Node& node,
                                 const std::vector<Array>& inputs) {
  const Fused& fused = std::get<Fused>(node.prim);
  std::vector<Array> registers;
  for (size_t i = 0; i < fused.operands.size(); ++i) {
    const Access& a = fused.operands[i];
    registers.push_back(EvaluateStrided(inputs[i], fused.space, a.offset, a.strides));
  }
  for (const FusedInstr& instr : fused.instrs) {
    std::vector<Array> args;
    for (int arg : instr.args) {
      if (arg >= 0) args.push_back(registers[static_cast<size_t>(arg)]);
    }
    registers.push_back(instr.is_cast ? EvaluateCast(args[0], instr.result)
                                      : EvaluateMap(instr.op, args));
  }
  std::vector<Array> results;
  for (size_t i = 0; i < fused.outputs.size(); ++i) {
    const FusedOutput& out = fused.outputs[i];
    Array value = registers[static_cast<size_t>(out.reg)];
    if (out.reduce) value = EvaluateReduce(out.op, value, out.axes, false);
    results.push_back(value.Reshaped(program.info(node.outputs[i]).dims));
  }
  return results;
}

std::vector<Array> EvaluateNode(const Program& program, const Node& node,
                                const std::vector<Array>& in) {
  const ValueInfo* out = node.outputs.empty() ? nullptr : &program.info(node.outputs[0]);
  struct Visitor {
    const Program& program;
    const Node& node;
    const std::vector<Array>& in;
    const ValueInfo* out;
    using R = std::vector<Array>;
    R operator()(const Const& p) { return {p.value}; }
    R operator()(const Iota&) { return {EvaluateIota(*out)}; }
    R operator()(const Map& p) { return {EvaluateMap(p.op, in)}; }
    R operator()(const CastTo&) { return {EvaluateCast(in[0], out->dtype)}; }
    R operator()(const Fused&) { return EvaluateFused(program, node, in); }
    R operator()(const Reduce& p) { return {EvaluateReduce(p.op, in[0], p.axes, p.keep_dims)}; }
    R operator()(const ArgReduce& p) {
      return {EvaluateArgReduce(p.max, in[0], p.axis, out->dtype)};
    }
    R operator()(const Scan& p) { return {EvaluateScan(p, in[0])}; }
    R operator()(const Reshape&) { return {in[0].Reshaped(out->dims)}; }
    R operator()(const Broadcast&) { return {EvaluateBroadcast(in[0], out->dims)}; }
    R operator()(const Transpose& p) { return {EvaluateTranspose(in[0], p.perm)}; }
    R operator()(const Slice& p) { return {EvaluateSlice(p, in[0], out->dims)}; }
    R operator()(const Pad& p) { return {EvaluatePad(in[0], in[1], p.low, p.high)}; }
    R operator()(const Concat& p) { return {EvaluateConcat(in, p.axis, out->dims)}; }
    R operator()(const Gather& p) { return {EvaluateGather(in[0], in[1], p.axis, p.batch_dims)}; }
    R operator()(const GatherNd& p) { return {EvaluateGatherNd(in[0], in[1], p.batch_dims)}; }
    R operator()(const Scatter& p) { return {EvaluateScatter(p, in[0], in[1], in[2])}; }
    R operator()(const TopK& p) { return EvaluateTopK(in[0], p.k); }
    R operator()(const MatMul& p) {
      Array product = EvaluateMatMul(in[0], in[1], p.transpose_a, p.transpose_b, out->dims);
      if (in.size() == 2) return {std::move(product)};
      return {EvaluateMap(ScalarOp::kAdd, {in[2], product})};
    }
    R operator()(const Conv& p) { return {EvaluateConv(p.spec, in[0], in[1], out->dims)}; }
    R operator()(const Pool& p) { return {EvaluatePool(p.spec, in, out->dims)}; }
    R operator()(const CustomKernel& p) {
      std::vector<Array> results;
      for (Value v : node.outputs) {
        const ValueInfo& info = program.info(v);
        results.push_back(p.spec->dynamic ? Array() : Array(info.dtype, info.dims));
      }
      p.spec->run(in, results);
      return results;
    }
    R operator()(const CaseOf& p) {
      const std::vector<Array> args(in.begin() + 1, in.end());
      const int64_t i = in[0].AsInt(0), last = static_cast<int64_t>(p.branches.size()) - 1;
      return Interpret(*p.branches[static_cast<size_t>(i < 0 || i > last ? last : i)], args,
                       nullptr);
    }
    R operator()(const WhileLoop& p) {
      std::vector<Array> args = in;
      while (Interpret(*p.cond, args, nullptr).at(0).data<bool>()[0]) {
        std::vector<Array> next = Interpret(*p.body, args, nullptr);
        std::move(next.begin(), next.end(), args.begin());
      }
      args.resize(static_cast<size_t>(p.num_vars));
      return args;
    }
    R operator()(const ListNode& p) { return EvaluateList(p.call, in); }
    R operator()(const Input&) { return Outside(); }
    R operator()(const ReadVariable&) { return Outside(); }
    R operator()(const AssignVariable&) { return Outside(); }
    R operator()(const IsInitialized&) { return Outside(); }
    R Outside() { throw Error(ErrorKind::kInternal, "not a node of constants"); }
  };
  return std::visit(Visitor{program, node, in, out}, node.prim);
}

std::vector<Array> Interpret(const Program& program, const std::vector<Array>& inputs,
                             std::vector<Array>* variables) {
  std::vector<Array> values(program.values.size());
  auto at = [&](Value v) -> Array& { return values[static_cast<size_t>(v.id)]; };
  for (const Node& node : program.nodes) {
    if (const auto* input = std::get_if<Input>(&node.prim)) {
      at(node.outputs[0]) = inputs.at(static_cast<size_t>(input->index));
    } else if (const auto* read = std::get_if<ReadVariable>(&node.prim)) {
      at(node.outputs[0]) = variables->at(static_cast<size_t>(read->resource));
    } else if (const auto* assign = std::get_if<AssignVariable>(&node.prim)) {
      variables->at(static_cast<size_t>(assign->resource)) = at(node.inputs[0]);
    } else if (const auto* is = std::get_if<IsInitialized>(&node.prim)) {
      at(node.outputs[0]) =
          Array::Scalar<bool>(variables->at(static_cast<size_t>(is->resource)).valid());
    } else {
      std::vector<Array> in;
      for (Value v : node.inputs) in.push_back(at(v));
      std::vector<Array> out = EvaluateNode(program, node, in);
      for (size_t i = 0; i < out.size(); ++i) at(node.outputs[i]) = std::move(out[i]);
    }
  }
  std::vector<Array> results;
  for (Value v : program.outputs) results.push_back(at(v));
  return results;
}

}  // namespace wengert::compile
