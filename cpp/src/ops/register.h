// One registration function per family of ops; each op is whole in its family's file.
#pragma once

#include "wengert/op_def.h"

namespace wengert {

void RegisterSourceOps(OpRegistry& r);      // Const, Placeholder, Fill, Range, ...
void RegisterShapeOps(OpRegistry& r);       // Shape, Reshape, Transpose, Squeeze, ...
void RegisterSliceOps(OpRegistry& r);       // StridedSlice, Slice, ConcatV2, Pack, Pad, ...
void RegisterIndexOps(OpRegistry& r);       // GatherV2, ScatterNd, segments, TopKV2, Where, ...
void RegisterUnaryOps(OpRegistry& r);       // element-wise functions of one argument
void RegisterSpecialOps(OpRegistry& r);     // gamma, Bessel and the like
void RegisterActivationOps(OpRegistry& r);  // Relu family, Softmax, cross-entropy, BiasAdd
void RegisterBinaryOps(OpRegistry& r);      // arithmetic of two arguments, AddN
void RegisterCompareOps(OpRegistry& r);     // comparisons, logic, selection
void RegisterBroadcastOps(OpRegistry& r);   // BroadcastGradientArgs, BroadcastTo, ...
void RegisterReductionOps(OpRegistry& r);   // Sum ... EuclideanNorm, ArgMax
void RegisterScanOps(OpRegistry& r);        // Cumsum, Cumprod
void RegisterMatmulOps(OpRegistry& r);      // MatMul, BatchMatMulV2
void RegisterEinsumOps(OpRegistry& r);      // Einsum
void RegisterMatrixOps(OpRegistry& r);      // MatrixDiagV3, Cross, ...
void RegisterLinalgOps(OpRegistry& r);      // Cholesky, Qr, Svd, MatrixSolve, ...
void RegisterFftOps(OpRegistry& r);         // FFT, RFFT, ...
void RegisterStateOps(OpRegistry& r);       // variables, NoOp, control
void RegisterCallOps(OpRegistry& r);        // PartitionedCall, StatefulPartitionedCall
void RegisterTrainingOps(OpRegistry& r);    // ResourceApplyAdam and other optimizers
void RegisterWindowOps(OpRegistry& r);      // convolution, pooling
void RegisterBatchNormOps(OpRegistry& r);   // FusedBatchNormV3
void RegisterLrnOps(OpRegistry& r);         // LRN
void RegisterSiluGradient(OpRegistry& r);   // of tf.nn.silu
void RegisterRandomOps(OpRegistry& r);      // RandomUniform ... (Philox)
void RegisterHostCallOps(OpRegistry& r);    // PyFunc, EagerPyFunc

}  // namespace wengert
