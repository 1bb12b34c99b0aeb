// Matrix products: batched, with broadcasting of the leading axes.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/kernel_table.h"
#include "kernels/parallel.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

class MatMulStep : public Step {
 public:
  MatMulStep(StepContext& context, const compile::MatMul& matmul)
      : a_(context.in_slot(0)),
        b_(context.in_slot(1)),
        addend_(context.num_inputs() > 2 ? context.in_slot(2) : -1),
        out_(context.out_slot()),
        trans_a_(matmul.transpose_a),
        trans_b_(matmul.transpose_b),
        size_(static_cast<int64_t>(SizeOf(context.out_dtype()))) {
    const Dims &a = context.in_dims(0), &b = context.in_dims(1), &out = context.out_dims();
    const size_t ra = a.size(), rb = b.size(), ro = out.size();
    m_ = out[ro - 2];
    n_ = out[ro - 1];
    k_ = a[ra - (trans_a_ ? 2 : 1)];
    lda_ = a[ra - 1];
    ldb_ = b[rb - 1];
    ChooseKernel(context.out_dtype());
    const Dims batch(out.begin(), out.end() - 2);
    const int64_t batches = NumElements(batch);
    a_offsets_ = BatchOffsets(a, batch, batches);
    b_offsets_ = BatchOffsets(b, batch, batches);
    MergeBatch();
    cost_ns_ = static_cast<double>(m_) * static_cast<double>(n_) * static_cast<double>(k_) *
               (blas_ ? 0.03 * static_cast<double>(size_) / 4 : 0.7);
  }

  void Run(Frame& frame) const override {
    if (m_ == 0 || n_ == 0) return;
    const int64_t batches = static_cast<int64_t>(a_offsets_.size());
    if (addend_ >= 0) {
      const char* addend = frame.slots[static_cast<size_t>(addend_)];
      char* out = frame.slots[static_cast<size_t>(out_)];
      if (addend != out) std::memcpy(out, addend, static_cast<size_t>(batches * m_ * n_ * size_));
    } else if (k_ == 0) {
      std::memset(frame.slots[static_cast<size_t>(out_)], 0,
                  static_cast<size_t>(batches * m_ * n_ * size_));
    }
    if (k_ == 0) return;
    // Few or large products share out their rows, many small ones are shared out whole.
    if (batches < 2 || (blas_ && cost_ns_ > 50000)) {
      for (int64_t i = 0; i < batches; ++i) Multiply(frame, i);
      return;
    }
    kernels::ParallelFor(batches, std::max<int64_t>(1, batches / 16),
                         cost_ns_ * static_cast<double>(batches), [&](int64_t begin, int64_t end) {
                           for (int64_t i = begin; i < end; ++i) Multiply(frame, i);
                         });
  }

  bool MayOverwrite(int input, int) const override { return input == 2; }

  std::string Describe() const override {
    std::string text = "gemm " + std::to_string(m_) + "x" + std::to_string(n_) + "x" +
                       std::to_string(k_) + (trans_a_ ? " T" : " N") + (trans_b_ ? "T" : "N");
    if (addend_ >= 0) text += " added";
    if (a_offsets_.size() != 1) text += " batch " + std::to_string(a_offsets_.size());
    return text;
  }

 private:
  void ChooseKernel(DType dtype) {
    blas_ = dtype == DType::kFloat32 || dtype == DType::kFloat64;
    double_ = dtype == DType::kFloat64;
    if (blas_) return;
    const kernels::KDType type = KernelType(dtype);
    gemm_ = type == kernels::kNumKDTypes ? nullptr : kernels::Kernels().small_gemm[type];
    if (gemm_ == nullptr) {
      throw Error(ErrorKind::kUnimplemented, std::string("no matrix product of ") + Name(dtype));
    }
  }

  // Byte offset of each matrix of the batch in an operand.
  std::vector<int64_t> BatchOffsets(const Dims& dims, const Dims& batch, int64_t batches) const {
    std::vector<int64_t> strides(batch.size(), 0);
    int64_t stride = dims[dims.size() - 1] * dims[dims.size() - 2] * size_;
    for (size_t k = 2; k < dims.size(); ++k) {
      const size_t from = dims.size() - 1 - k, to = batch.size() + 1 - k;
      if (dims[from] != 1) strides[to] = stride;
      stride *= dims[from];
    }
    std::vector<int64_t> offsets(static_cast<size_t>(batches), 0);
    for (int64_t i = 0; i < batches; ++i) {
      int64_t rest = i;
      for (size_t k = batch.size(); k-- > 0;) {
        offsets[static_cast<size_t>(i)] += rest % batch[k] * strides[k];
        rest /= batch[k];
      }
    }
    return offsets;
  }

  // One tall product when all matrices of a stack meet the same right side.
  void MergeBatch() {
    if (trans_a_ || a_offsets_.size() < 2 || b_offsets_.back() != 0) return;
    for (size_t i = 0; i < a_offsets_.size(); ++i) {
      if (b_offsets_[i] != 0) return;
      if (a_offsets_[i] != static_cast<int64_t>(i) * m_ * k_ * size_) return;
    }
    m_ *= static_cast<int64_t>(a_offsets_.size());
    a_offsets_.assign(1, 0);
    b_offsets_.assign(1, 0);
  }

  void Multiply(const Frame& frame, int64_t i) const {
    const size_t at = static_cast<size_t>(i);
    const char* a = frame.slots[static_cast<size_t>(a_)] + a_offsets_[at];
    const char* b = frame.slots[static_cast<size_t>(b_)] + b_offsets_[at];
    char* out = frame.slots[static_cast<size_t>(out_)] + i * m_ * n_ * size_;
    if (blas_) {
      kernels::Gemm(double_, trans_a_, trans_b_, m_, n_, k_, a, lda_, b, ldb_, out, n_,
                    addend_ >= 0);
    } else {
      gemm_(trans_a_, trans_b_, m_, n_, k_, a, lda_, b, ldb_, out, n_, addend_ >= 0);
    }
  }

  int a_, b_, addend_, out_;
  bool trans_a_, trans_b_, blas_ = false, double_ = false;
  int64_t size_, m_, n_, k_, lda_, ldb_;
  std::vector<int64_t> a_offsets_, b_offsets_;
  kernels::GemmFn gemm_ = nullptr;
  double cost_ns_ = 0;
};

}  // namespace

std::unique_ptr<Step> MakeMatMul(StepContext& context) {
  return std::make_unique<MatMulStep>(context, std::get<compile::MatMul>(context.node().prim));
}

}  // namespace wengert::runtime
