// The reference evaluator: every primitive over Arrays, simple and scalar. It folds constants
// and is what passes and the runtime are tested against.
#pragma once

#include <memory>
#include <vector>

#include "compile/program.h"

namespace wengert::compile {

// The outputs of one node for its inputs' values. Not for Input, variables.
std::vector<Array> EvaluateNode(const Program& program, const Node& node,
                                const std::vector<Array>& inputs);

// Runs the whole program. `variables[i]` is the value of resource i, invalid when
// uninitialised; assignments change it.
std::vector<Array> Interpret(const Program& program, const std::vector<Array>& inputs,
                             std::vector<Array>* variables = nullptr);

// --- parts, shared by the primitives -------------------------------------------------
// Element-wise over operands of equal dims.
Array EvaluateMap(ScalarOp op, const std::vector<Array>& args);
Array EvaluateCast(const Array& x, DType dtype);
// out[p] = x[offset + sum(p[i] * strides[i])]
Array EvaluateStrided(const Array& x, const Dims& dims, int64_t offset, const Dims& strides);
Array EvaluateReduce(ReduceOp op, const Array& x, const std::vector<int>& axes, bool keep_dims);
Array EvaluateArgReduce(bool max, const Array& x, int axis, DType out);
Array EvaluateScan(const Scan& scan, const Array& x);
Array EvaluatePad(const Array& x, const Array& fill, const Dims& low, const Dims& high);
Array EvaluateConcat(const std::vector<Array>& xs, int axis, const Dims& dims);
Array EvaluateGather(const Array& params, const Array& indices, int axis, int batch_dims);
Array EvaluateGatherNd(const Array& params, const Array& indices, int batch_dims);
Array EvaluateScatter(const Scatter& scatter, const Array& operand, const Array& indices,
                      const Array& updates);
std::vector<Array> EvaluateTopK(const Array& x, int64_t k);
Array EvaluateMatMul(const Array& a, const Array& b, bool transpose_a, bool transpose_b,
                     const Dims& dims);
Array EvaluateConv(const ConvSpec& spec, const Array& a, const Array& b, const Dims& dims);
Array EvaluatePool(const PoolSpec& spec, const std::vector<Array>& args, const Dims& dims);
// Multiply-adds of a convolution, about.
double ConvWork(const ConvSpec& spec, const Dims& a, const Dims& b, const Dims& out);
std::vector<Array> EvaluateFused(const Program& program, const Node& node,
                                 const std::vector<Array>& inputs);

// Copies one element of any dtype, object ones too.
// Operations on lists; arguments that nobody else holds may be changed.
std::vector<Array> EvaluateList(const ListCall& call, std::vector<Array> in);
void CopyElement(const Array& to, int64_t i, const Array& from, int64_t j);
Dims RowMajorStrides(const Dims& dims);

}  // namespace wengert::compile
