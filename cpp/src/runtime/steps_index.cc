// Steps whose data are indices: bounds are checked on every run.
#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/kernel_table.h"
#include "kernels/parallel.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {

std::string PositionText(const Dims& dims, int64_t i) {
  if (dims.empty()) return "";
  Dims position(dims.size());
  for (size_t k = dims.size(); k-- > 0;) {
    position[k] = i % dims[k];
    i /= dims[k];
  }
  return ToString(position);
}

int64_t ReadIndex(const char* data, DType dtype, int64_t i) {
  if (dtype == DType::kInt32) return reinterpret_cast<const int32_t*>(data)[i];
  return reinterpret_cast<const int64_t*>(data)[i];
}

namespace {

int64_t Product(const Dims& dims, size_t begin, size_t end) {
  int64_t product = 1;
  for (size_t k = begin; k < end; ++k) product *= dims[k];
  return product;
}

// Position of the first index outside [0, limit), or -1.
template <class T>
int64_t FirstBad(const char* data, int64_t n, int64_t limit) {
  using Unsigned = std::make_unsigned_t<T>;
  const T* indices = reinterpret_cast<const T*>(data);
  const Unsigned bound =
      static_cast<Unsigned>(std::min<int64_t>(limit, std::numeric_limits<T>::max()));
  // One pass without branches first: nearly always all indices are fine.
  bool bad = false;
  for (int64_t i = 0; i < n; ++i) bad |= static_cast<Unsigned>(indices[i]) >= bound;
  if (!bad) return -1;
  for (int64_t i = 0; i < n; ++i) {
    if (indices[i] < 0 || static_cast<int64_t>(indices[i]) >= limit) return i;
  }
  return -1;
}

void CheckIndexDType(DType dtype) {
  if (dtype != DType::kInt32 && dtype != DType::kInt64) {
    throw Error(ErrorKind::kInternal, "indices are neither int32 nor int64");
  }
}

inline void CopyRow(char* to, const char* from, int64_t bytes) {
  switch (bytes) {
    case 4:
      std::memcpy(to, from, 4);
      return;
    case 8:
      std::memcpy(to, from, 8);
      return;
    default:
      std::memcpy(to, from, static_cast<size_t>(bytes));
  }
}

class GatherStep : public Step {
 public:
  GatherStep(StepContext& context, const compile::Gather& gather)
      : params_(context.in_slot(0)),
        indices_(context.in_slot(1)),
        out_(context.out_slot()),
        index_dtype_(context.in_dtype(1)),
        index_dims_(context.in_dims(1)) {
    CheckIndexDType(index_dtype_);
    const Dims& dims = context.in_dims(0);
    const size_t axis = static_cast<size_t>(gather.axis);
    const size_t batch = static_cast<size_t>(gather.batch_dims);
    length_ = dims[axis];
    outer_ = Product(dims, batch, axis);
    blocks_ = Product(dims, 0, batch) * outer_;
    count_ = Product(index_dims_, batch, index_dims_.size());
    row_ = Product(dims, axis + 1, dims.size()) * static_cast<int64_t>(SizeOf(context.in_dtype(0)));
    total_indices_ = NumElements(index_dims_);
  }

  void Run(Frame& frame) const override {
    const char* indices = frame.slots[static_cast<size_t>(indices_)];
    const bool narrow = index_dtype_ == DType::kInt32;
    const int64_t bad = narrow ? FirstBad<int32_t>(indices, total_indices_, length_)
                               : FirstBad<int64_t>(indices, total_indices_, length_);
    if (bad >= 0) {
      Dims dims = index_dims_;
      int64_t at = bad;
      if (frame.first_row > 0) {  // the indices are those of a tile's rows
        at += frame.first_row * (total_indices_ / dims[0]);
        dims[0] += frame.first_row;
      }
      throw InvalidArgument("indices" + PositionText(dims, at) + " = " +
                            std::to_string(ReadIndex(indices, index_dtype_, bad)) +
                            " is not in [0, " + std::to_string(length_) + ")");
    }
    const int64_t rows = blocks_ * count_;
    if (rows == 0 || row_ == 0) return;
    const double cost = static_cast<double>(rows) * (3 + 0.1 * static_cast<double>(row_));
    const int64_t grain = std::max<int64_t>(1, rows / 16);
    kernels::ParallelFor(rows, grain, cost, [&](int64_t begin, int64_t end) {
      narrow ? CopyRows<int32_t>(frame, begin, end) : CopyRows<int64_t>(frame, begin, end);
    });
  }
  std::string Describe() const override {
    return "gather " + std::to_string(blocks_ * count_) + " runs of " + std::to_string(row_) +
           " bytes";
  }

 private:
  template <class T>
  void CopyRows(const Frame& frame, int64_t begin, int64_t end) const {
    const char* params = frame.slots[static_cast<size_t>(params_)];
    const T* indices = reinterpret_cast<const T*>(frame.slots[static_cast<size_t>(indices_)]);
    char* out = frame.slots[static_cast<size_t>(out_)] + begin * row_;
    for (int64_t row = begin; row < end;) {
      const int64_t block = row / count_, at = row % count_;
      const int64_t n = std::min(count_ - at, end - row);
      const T* index = indices + block / outer_ * count_ + at;
      const char* from = params + block * length_ * row_;
      if (row_ == 4) {
        CopyElements<uint32_t>(out, from, index, n);
      } else if (row_ == 8) {
        CopyElements<uint64_t>(out, from, index, n);
      } else {
        for (int64_t i = 0; i < n; ++i) CopyRow(out + i * row_, from + index[i] * row_, row_);
      }
      row += n;
      out += n * row_;
    }
  }

  template <class E, class T>
  static void CopyElements(char* out, const char* from, const T* index, int64_t n) {
    E* to = reinterpret_cast<E*>(out);
    const E* source = reinterpret_cast<const E*>(from);
    for (int64_t i = 0; i < n; ++i) to[i] = source[index[i]];
  }

  int params_, indices_, out_;
  DType index_dtype_;
  Dims index_dims_;
  int64_t length_, outer_, blocks_, count_, row_, total_indices_;
};

// What GatherNd and Scatter share: rows of `depth` coordinates.
struct NdIndex {
  DType dtype;
  Dims dims;  // of the indices
  Dims lengths;
  int64_t depth;
  int64_t rows;

  NdIndex(DType index_dtype, const Dims& index_dims, const Dims& target, size_t first)
      : dtype(index_dtype), dims(index_dims), depth(index_dims.back()) {
    CheckIndexDType(dtype);
    rows = Product(dims, 0, dims.size() - 1);
    lengths.assign(target.begin() + static_cast<long>(first),
                   target.begin() + static_cast<long>(first) + depth);
  }
  // Flat position of row `r`, or -1 when a coordinate is out of range.
  int64_t Resolve(const char* indices, int64_t r) const {
    if (depth == 1) {
      const int64_t index = dtype == DType::kInt32 ? reinterpret_cast<const int32_t*>(indices)[r]
                                                   : reinterpret_cast<const int64_t*>(indices)[r];
      return index < 0 || index >= lengths[0] ? -1 : index;
    }
    int64_t at = 0;
    for (int64_t d = 0; d < depth; ++d) {
      const int64_t index = ReadIndex(indices, dtype, r * depth + d);
      const int64_t length = lengths[static_cast<size_t>(d)];
      if (index < 0 || index >= length) return -1;
      at = at * length + index;
    }
    return at;
  }
  // "indices[1] = [5, 6]"
  std::string RowText(const char* indices, int64_t r) const {
    std::string text = "indices" + PositionText(Dims(dims.begin(), dims.end() - 1), r) + " = [";
    for (int64_t d = 0; d < depth; ++d) {
      if (d > 0) text += ", ";
      text += std::to_string(ReadIndex(indices, dtype, r * depth + d));
    }
    return text + "]";
  }
};

class GatherNdStep : public Step {
 public:
  GatherNdStep(StepContext& context, const compile::GatherNd& gather)
      : params_(context.in_slot(0)),
        indices_(context.in_slot(1)),
        out_(context.out_slot()),
        param_dims_(context.in_dims(0)),
        index_(context.in_dtype(1), context.in_dims(1), param_dims_,
               static_cast<size_t>(gather.batch_dims)) {
    const size_t batch = static_cast<size_t>(gather.batch_dims);
    const size_t inner = batch + static_cast<size_t>(index_.depth);
    const int64_t size = static_cast<int64_t>(SizeOf(context.in_dtype(0)));
    row_ = Product(param_dims_, inner, param_dims_.size()) * size;
    block_ = Product(param_dims_, batch, inner);
    const int64_t batches = Product(param_dims_, 0, batch);
    per_batch_ = std::max<int64_t>(1, batches == 0 ? 1 : index_.rows / batches);
  }

  void Run(Frame& frame) const override {
    const char* params = frame.slots[static_cast<size_t>(params_)];
    const char* indices = frame.slots[static_cast<size_t>(indices_)];
    char* out = frame.slots[static_cast<size_t>(out_)];
    for (int64_t r = 0; r < index_.rows; ++r, out += row_) {
      const int64_t at = index_.Resolve(indices, r);
      if (at < 0) {
        throw InvalidArgument(index_.RowText(indices, r) + " does not index into param shape " +
                              ToString(param_dims_));
      }
      if (row_ > 0) CopyRow(out, params + (r / per_batch_ * block_ + at) * row_, row_);
    }
  }
  std::string Describe() const override {
    return "gather_nd " + std::to_string(index_.rows) + " runs of " + std::to_string(row_) +
           " bytes";
  }

 private:
  int params_, indices_, out_;
  Dims param_dims_;
  NdIndex index_;
  int64_t row_, block_, per_batch_;
};

constexpr int64_t kLineBytes = 64;  // of a cache

class ScatterStep : public Step {
 public:
  enum class Part : uint8_t { kWhole, kCheck, kWrite };

  ScatterStep(StepContext& context, const compile::Scatter& scatter, Part part)
      : part_(part),
        operand_(context.in_slot(0)),
        indices_(context.in_slot(1)),
        updates_(context.in_slot(2)),
        out_(context.out_slot()),
        drop_(scatter.drop_out_of_range),
        dims_(context.in_dims(0)),
        index_(context.in_dtype(1), context.in_dims(1), dims_, 0),
        size_(static_cast<int64_t>(SizeOf(context.in_dtype(0)))),
        inner_(Product(dims_, static_cast<size_t>(index_.depth), dims_.size())),
        targets_(Product(dims_, 0, static_cast<size_t>(index_.depth))) {
    if (scatter.op == ScatterOp::kSet) return;
    static constexpr kernels::MapOp kOps[] = {kernels::kMapAdd,     kernels::kMapAdd,
                                              kernels::kMapSub,     kernels::kMapMul,
                                              kernels::kMapMaximum, kernels::kMapMinimum};
    const DType dtype = context.in_dtype(0);
    const kernels::KDType type = KernelType(dtype);
    if (type != kernels::kNumKDTypes) {
      combine_ = kernels::Kernels().map[kOps[static_cast<size_t>(scatter.op)]][type];
    }
    if (combine_ == nullptr) {
      throw Error(ErrorKind::kUnimplemented, std::string("no kernel to scatter ") + Name(dtype));
    }
    if (inner_ == 1 && scatter.op == ScatterOp::kAdd) {
      add_float_ = dtype == DType::kFloat32;
      add_double_ = dtype == DType::kFloat64;
    }
  }

  void Run(Frame& frame) const override {
    const char* indices = frame.slots[static_cast<size_t>(indices_)];
    const char* operand = frame.slots[static_cast<size_t>(operand_)];
    char* out = frame.slots[static_cast<size_t>(out_)];
    const int64_t total = targets_ * inner_ * size_;
    if (part_ == Part::kWhole && out != operand && total > 0)
      std::memcpy(out, operand, static_cast<size_t>(total));
    if (!drop_ && part_ != Part::kWrite) Check(indices);
    if (index_.rows == 0 || inner_ == 0 || part_ == Part::kCheck) return;
    const double cost = static_cast<double>(index_.rows) * (6 + 0.2 * static_cast<double>(inner_));
    // Every part owns a range of columns, so that duplicates are applied in order, and no part has
    // the rows that are met most; worth it for long rows only.
    const int64_t lines = inner_ * size_ / kLineBytes;
    if (cost < 10000 || lines < 2) {
      Apply(frame, 0, inner_);
      return;
    }
    kernels::ParallelFor(lines, std::max<int64_t>(1, (lines + 3) / 4), cost,
                         [&](int64_t begin, int64_t end) {
                           const int64_t line = kLineBytes / size_;
                           Apply(frame, begin * line, end == lines ? inner_ : end * line);
                         });
  }
  std::string Describe() const override {
    return std::string(part_ == Part::kCheck ? "check of " : "") + "scatter " +
           std::to_string(index_.rows) + " runs of " + std::to_string(inner_);
  }
  bool MayOverwrite(int input, int) const override { return input == 0; }

 private:
  void Check(const char* indices) const {
    if (index_.depth == 1) {
      const int64_t bad = index_.dtype == DType::kInt32
                              ? FirstBad<int32_t>(indices, index_.rows, index_.lengths[0])
                              : FirstBad<int64_t>(indices, index_.rows, index_.lengths[0]);
      if (bad < 0) return;
    }
    for (int64_t r = 0; r < index_.rows; ++r) {
      if (index_.Resolve(indices, r) >= 0) continue;
      throw InvalidArgument(index_.RowText(indices, r) + " does not index into shape " +
                            ToString(dims_));
    }
  }

  template <class T, class Index>
  void AddElements(const char* indices, const char* updates, char* out) const {
    const Index* at = reinterpret_cast<const Index*>(indices);
    const T* from = reinterpret_cast<const T*>(updates);
    T* to = reinterpret_cast<T*>(out);
    for (int64_t r = 0; r < index_.rows; ++r) {
      const int64_t target = at[r];
      if (target >= 0 && target < targets_) to[target] += from[r];
    }
  }

  // Elements [begin, end) of all runs.
  void Apply(const Frame& frame, int64_t begin, int64_t end) const {
    const char* indices = frame.slots[static_cast<size_t>(indices_)];
    const char* updates = frame.slots[static_cast<size_t>(updates_)];
    char* out = frame.slots[static_cast<size_t>(out_)];
    if (index_.depth == 1 && (add_float_ || add_double_)) {
      const bool narrow = index_.dtype == DType::kInt32;
      if (add_float_) {
        narrow ? AddElements<float, int32_t>(indices, updates, out)
               : AddElements<float, int64_t>(indices, updates, out);
      } else {
        narrow ? AddElements<double, int32_t>(indices, updates, out)
               : AddElements<double, int64_t>(indices, updates, out);
      }
      return;
    }
    const int64_t row = inner_ * size_, part = end - begin;
    for (int64_t r = 0; r < index_.rows; ++r) {
      const int64_t at = index_.Resolve(indices, r);
      if (at < 0) continue;
      char* to = out + at * row + begin * size_;
      const char* from = updates + r * row + begin * size_;
      if (add_float_) {
        *reinterpret_cast<float*>(to) += *reinterpret_cast<const float*>(from);
      } else if (add_double_) {
        *reinterpret_cast<double*>(to) += *reinterpret_cast<const double*>(from);
      } else if (combine_ != nullptr) {
        combine_(to, to, from, from, part);
      } else {
        CopyRow(to, from, part * size_);
      }
    }
  }

  Part part_;
  int operand_, indices_, updates_, out_;
  bool drop_;
  Dims dims_;
  NdIndex index_;
  int64_t size_, inner_, targets_;
  kernels::MapFn combine_ = nullptr;
  bool add_float_ = false, add_double_ = false;
};

std::unique_ptr<Step> MakeScatterPart(StepContext& context, ScatterStep::Part part) {
  return std::make_unique<ScatterStep>(context, std::get<compile::Scatter>(context.node().prim),
                                       part);
}

}  // namespace

std::unique_ptr<Step> MakeGather(StepContext& context) {
  return std::make_unique<GatherStep>(context, std::get<compile::Gather>(context.node().prim));
}

std::unique_ptr<Step> MakeGatherNd(StepContext& context) {
  return std::make_unique<GatherNdStep>(context, std::get<compile::GatherNd>(context.node().prim));
}

std::unique_ptr<Step> MakeScatter(StepContext& context) {
  return MakeScatterPart(context, ScatterStep::Part::kWhole);
}

std::unique_ptr<Step> MakeScatterCheck(StepContext& context) {
  return MakeScatterPart(context, ScatterStep::Part::kCheck);
}

std::unique_ptr<Step> MakeScatterInPlace(StepContext& context) {
  return MakeScatterPart(context, ScatterStep::Part::kWrite);
}

}  // namespace wengert::runtime
