// Steps along one axis: argmax and argmin, scans, top-k.
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/kernel_table.h"
#include "kernels/parallel.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

// [outer, n, inner] around an axis.
struct AxisView {
  int64_t outer = 1, n = 1, inner = 1;
  AxisView(const Dims& dims, int axis) {
    const size_t a = static_cast<size_t>(axis);
    for (size_t k = 0; k < a; ++k) outer *= dims[k];
    n = dims[a];
    for (size_t k = a + 1; k < dims.size(); ++k) inner *= dims[k];
  }
  int64_t lines() const { return outer * inner; }
};

Error NoKernel(const char* what, DType dtype) {
  return Error(ErrorKind::kUnimplemented, std::string(what) + " of " + Name(dtype));
}

// The function template `F<T>` for a real dtype, as a pointer of type Fn; null for others.
template <class Fn, template <class> class F>
Fn ForReal(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return &F<float>::Run;
    case DType::kFloat64:
      return &F<double>::Run;
    case DType::kInt8:
      return &F<int8_t>::Run;
    case DType::kInt16:
      return &F<int16_t>::Run;
    case DType::kInt32:
      return &F<int32_t>::Run;
    case DType::kInt64:
      return &F<int64_t>::Run;
    case DType::kUInt8:
      return &F<uint8_t>::Run;
    case DType::kUInt16:
      return &F<uint16_t>::Run;
    case DType::kUInt32:
      return &F<uint32_t>::Run;
    case DType::kUInt64:
      return &F<uint64_t>::Run;
    case DType::kBool:
      return &F<bool>::Run;
    default:
      return nullptr;
  }
}

// --- argmax, argmin --------------------------------------------------------------

// Position of the extreme of `n` elements, `stride` apart; the first of equals.
using ArgFn = int64_t (*)(const char* x, int64_t n, int64_t stride, bool max);
template <class T>
struct ArgExtreme {
  static int64_t Run(const char* data, int64_t n, int64_t stride, bool max) {
    const T* x = reinterpret_cast<const T*>(data);
    int64_t best = 0;
    for (int64_t i = 1; i < n; ++i) {
      const T a = x[i * stride], b = x[best * stride];
      if (max ? a > b : a < b) best = i;
    }
    return best;
  }
};

class ArgReduceStep : public Step {
 public:
  ArgReduceStep(StepContext& context, const compile::ArgReduce& arg)
      : in_(context.in_slot()),
        out_(context.out_slot()),
        view_(context.in_dims(), arg.axis),
        max_(arg.max),
        size_(static_cast<int64_t>(SizeOf(context.in_dtype()))),
        out_size_(static_cast<int64_t>(SizeOf(context.out_dtype()))),
        extreme_(ForReal<ArgFn, ArgExtreme>(context.in_dtype())) {
    if (extreme_ == nullptr) throw NoKernel("argmax", context.in_dtype());
  }
  void Run(Frame& frame) const override {
    const char* x = frame.slots[static_cast<size_t>(in_)];
    char* out = frame.slots[static_cast<size_t>(out_)];
    const int64_t lines = view_.lines();
    const double cost = static_cast<double>(lines) * static_cast<double>(view_.n);
    kernels::ParallelFor(
        lines, std::max<int64_t>(1, lines / 16), cost, [&](int64_t begin, int64_t end) {
          for (int64_t line = begin; line < end; ++line) {
            const int64_t start = line / view_.inner * view_.n * view_.inner + line % view_.inner;
            const int64_t at =
                view_.n == 0 ? 0 : extreme_(x + start * size_, view_.n, view_.inner, max_);
            // Little-endian: the low bytes are the narrower integer.
            std::memcpy(out + line * out_size_, &at, static_cast<size_t>(out_size_));
          }
        });
  }
  std::string Describe() const override {
    return std::string(max_ ? "argmax" : "argmin") + " of " + std::to_string(view_.lines()) +
           " lines of " + std::to_string(view_.n);
  }

 private:
  int in_, out_;
  AxisView view_;
  bool max_;
  int64_t size_, out_size_;
  ArgFn extreme_;
};

// --- scans -----------------------------------------------------------------------

using ScanFn = void (*)(char* out, const char* x, const AxisView& view, const compile::Scan& scan);

template <class T>
T Combine(ScanOp op, T a, T b) {
  if (op == ScanOp::kSum) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    } else {
      return a + b;
    }
  }
  if (op == ScanOp::kProd) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    } else {
      return a * b;
    }
  }
  if constexpr (std::is_floating_point_v<T>) {
    const T high = std::max(a, b), low = std::min(a, b);
    if (std::isnan(a) || std::isnan(b)) return a + b;
    if (std::isinf(high)) return high;
    return high + std::log1p(std::exp(low - high));
  } else {
    return a;
  }
}

template <class T>
struct ScanLines {
  // One block of [n, inner]: line after line of `inner` elements, each from the one before.
  static void Run(char* to, const char* from, const AxisView& view, const compile::Scan& scan) {
    T* out = reinterpret_cast<T*>(to);
    const T* x = reinterpret_cast<const T*>(from);
    T identity = scan.op == ScanOp::kProd ? T(1) : T(0);
    if constexpr (std::is_floating_point_v<T>) {
      if (scan.op == ScanOp::kLogSumExp) identity = -std::numeric_limits<T>::infinity();
    }
    const int64_t step = scan.reverse ? -view.inner : view.inner;
    int64_t at = scan.reverse ? (view.n - 1) * view.inner : 0;
    for (int64_t k = 0; k < view.n; ++k, at += step) {
      T* line = out + at;
      const T* before = out + at - step;
      const T* add = scan.exclusive ? x + at - step : x + at;
      if (k == 0) {
        for (int64_t i = 0; i < view.inner; ++i) line[i] = scan.exclusive ? identity : add[i];
      } else {
        for (int64_t i = 0; i < view.inner; ++i) line[i] = Combine(scan.op, before[i], add[i]);
      }
    }
  }
};

class ScanStep : public Step {
 public:
  explicit ScanStep(StepContext& context)
      : in_(context.in_slot()),
        out_(context.out_slot()),
        scan_(std::get<compile::Scan>(context.node().prim)),
        view_(context.in_dims(), scan_.axis),
        size_(static_cast<int64_t>(SizeOf(context.in_dtype()))) {
    const DType dtype = context.in_dtype();
    if (dtype == DType::kComplex64) {
      lines_ = &ScanLines<std::complex<float>>::Run;
    } else if (dtype == DType::kComplex128) {
      lines_ = &ScanLines<std::complex<double>>::Run;
    } else if (dtype != DType::kBool) {
      lines_ = ForReal<ScanFn, ScanLines>(dtype);
    }
    if (lines_ == nullptr) throw NoKernel("a scan", dtype);
  }
  void Run(Frame& frame) const override {
    const int64_t block = view_.n * view_.inner * size_;
    if (block == 0) return;
    const char* x = frame.slots[static_cast<size_t>(in_)];
    char* out = frame.slots[static_cast<size_t>(out_)];
    const double cost = static_cast<double>(view_.outer * view_.n) *
                        static_cast<double>(view_.inner) *
                        (scan_.op == ScanOp::kLogSumExp ? 10 : 1);
    kernels::ParallelFor(view_.outer, std::max<int64_t>(1, view_.outer / 16), cost,
                         [&](int64_t begin, int64_t end) {
                           for (int64_t k = begin; k < end; ++k) {
                             lines_(out + k * block, x + k * block, view_, scan_);
                           }
                         });
  }
  std::string Describe() const override {
    return "scan " + std::to_string(view_.outer) + "x" + std::to_string(view_.n) + "x" +
           std::to_string(view_.inner);
  }

 private:
  int in_, out_;
  compile::Scan scan_;
  AxisView view_;
  int64_t size_;
  ScanFn lines_ = nullptr;
};

// --- top-k -----------------------------------------------------------------------

using TopKFn = void (*)(const char* x, int64_t n, int64_t k, int32_t* order, char* values,
                        int32_t* indices);

template <class T>
struct TopKRow {
  // NaN before everything else, so that the order is a strict one.
  static bool Before(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a)) return !std::isnan(b);
    }
    return a > b;
  }
  static void Run(const char* data, int64_t n, int64_t k, int32_t* order, char* values,
                  int32_t* indices) {
    const T* x = reinterpret_cast<const T*>(data);
    for (int64_t i = 0; i < n; ++i) order[i] = static_cast<int32_t>(i);
    std::partial_sort(order, order + k, order + n, [x](int32_t a, int32_t b) {
      if (Before(x[a], x[b])) return true;
      if (Before(x[b], x[a])) return false;
      return a < b;
    });
    T* out = reinterpret_cast<T*>(values);
    for (int64_t i = 0; i < k; ++i) {
      out[i] = x[order[i]];
      indices[i] = order[i];
    }
  }
};

class TopKStep : public Step {
 public:
  TopKStep(StepContext& context, const compile::TopK& top)
      : in_(context.in_slot()),
        values_(context.out_slot(0)),
        indices_(context.out_slot(1)),
        k_(top.k),
        n_(context.in_dims().back()),
        size_(static_cast<int64_t>(SizeOf(context.in_dtype()))),
        row_(ForReal<TopKFn, TopKRow>(context.in_dtype())) {
    if (row_ == nullptr) throw NoKernel("top-k", context.in_dtype());
    if (n_ > std::numeric_limits<int32_t>::max()) {
      throw InvalidArgument("top-k over more than 2^31 elements");
    }
    rows_ = n_ == 0 ? 0 : NumElements(context.in_dims()) / n_;
    order_ = context.Workspace(static_cast<size_t>(n_) * sizeof(int32_t));
  }
  void Run(Frame& frame) const override {
    const char* x = frame.slots[static_cast<size_t>(in_)];
    char* values = frame.slots[static_cast<size_t>(values_)];
    int32_t* indices = reinterpret_cast<int32_t*>(frame.slots[static_cast<size_t>(indices_)]);
    int32_t* order = reinterpret_cast<int32_t*>(frame.slots[static_cast<size_t>(order_)]);
    for (int64_t r = 0; r < rows_; ++r) {
      row_(x + r * n_ * size_, n_, k_, order, values + r * k_ * size_, indices + r * k_);
    }
  }
  std::string Describe() const override {
    return "top " + std::to_string(k_) + " of " + std::to_string(rows_) + " rows of " +
           std::to_string(n_);
  }

 private:
  int in_, values_, indices_, order_;
  int64_t k_, n_, size_, rows_;
  TopKFn row_;
};

}  // namespace

std::unique_ptr<Step> MakeArgReduce(StepContext& context) {
  return std::make_unique<ArgReduceStep>(context,
                                         std::get<compile::ArgReduce>(context.node().prim));
}

std::unique_ptr<Step> MakeScan(StepContext& context) {
  return std::make_unique<ScanStep>(context);
}

std::unique_ptr<Step> MakeTopK(StepContext& context) {
  return std::make_unique<TopKStep>(context, std::get<compile::TopK>(context.node().prim));
}

}  // namespace wengert::runtime
