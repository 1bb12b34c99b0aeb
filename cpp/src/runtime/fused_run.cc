#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/parallel.h"
#include "runtime/element_copy.h"
#include "runtime/fused_step.h"
#include "runtime/memory.h"

namespace wengert::runtime {

// Of one chunk.
struct FusedStep::State {
  // Leaves the coordinates alone: StartChunk sets those that are used.
  State(Frame& run_frame, char* memory, int64_t which)
      : frame(run_frame), scratch(memory), regs(reinterpret_cast<char**>(memory)), chunk(which) {}
  Frame& frame;
  char* scratch;
  char** regs;
  int64_t chunk;
  int64_t max_rows = 0;     // of a block of this chunk
  int64_t filled_row = -1;  // row whose spread-out elements are in the buffers
  bool ok = true;           // no integer was divided by zero
  int64_t coords[kMaxOuter];
};

char* FusedStep::Accumulator(const Frame& frame, const Reduction& r, int64_t chunk) const {
  if (split_ != Split::kPartial) return frame.slots[static_cast<size_t>(r.slot)];
  return frame.slots[static_cast<size_t>(r.workspace)] + chunk * r.count * r.size;
}

void FusedStep::Run(Frame& frame) const {
  if (once_) {
    if (!RunOnce(frame)) throw InvalidArgument("Integer division by zero");
    return;
  }
  for (const Reduction& r : reductions_) {
    char* out = frame.slots[static_cast<size_t>(r.slot)];
    if (split_ != Split::kPartial) r.splat(out, r.identity, r.count);
  }
  if (units_ == 0) return;
  bool ok = true;
  if (chunks_ == 1) {
    ok = RunChunk(frame, 0);
  } else {
    ThreadScratch(scratch_bytes_);
    std::atomic<bool> all_ok{true};
    kernels::ParallelFor(chunks_, 1, cost_ns_, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        if (!RunChunk(frame, chunk)) all_ok.store(false, std::memory_order_relaxed);
      }
    });
    ok = all_ok.load(std::memory_order_relaxed);
  }
  if (!ok) throw InvalidArgument("Integer division by zero");
  if (split_ != Split::kPartial) return;
  for (const Reduction& r : reductions_) {
    char* out = frame.slots[static_cast<size_t>(r.slot)];
    std::memcpy(out, Accumulator(frame, r, 0), static_cast<size_t>(r.count * r.size));
    for (int64_t chunk = 1; chunk < chunks_; ++chunk) {
      const char* part = Accumulator(frame, r, chunk);
      r.combine(out, out, part, part, r.count);
    }
  }
}

inline void FusedStep::AdvanceRows(int64_t* coords, int64_t rows) const {
  size_t k = outer_dims_.size();
  if (k == 0) return;
  coords[--k] += rows;
  while (k > 0 && coords[k] >= outer_dims_[k]) {
    const int64_t carry = coords[k] / outer_dims_[k];
    coords[k] -= carry * outer_dims_[k];
    coords[--k] += carry;
  }
}

void FusedStep::GatherRows(const Operand& operand, const char* base, const int64_t* coords,
                           int64_t rows, int64_t column, int64_t columns, char* out) const {
  const int64_t* outer = operand.outer.data();
  const size_t rank = outer_dims_.size();
  int64_t offset = operand.offset + column * operand.inner;
  for (size_t k = 0; k < rank; ++k) offset += coords[k] * outer[k];
  if (rows == 1) {
    CopyRun(out, base + offset, operand.inner, columns, operand.size);
    return;
  }
  if (operand.inner == 0 && coords[rank - 1] + rows <= outer_dims_[rank - 1]) {
    Spread(out, base + offset, outer[rank - 1], rows, columns, operand.size);
    return;
  }
  int64_t at[kMaxOuter];
  std::copy(coords, coords + rank, at);
  const int64_t row_bytes = columns * operand.size;
  for (int64_t row = 0; row < rows; ++row, out += row_bytes) {
    CopyRun(out, base + offset, operand.inner, columns, operand.size);
    size_t k = rank - 1;
    offset += outer[k];
    while (++at[k] == outer_dims_[k] && k > 0) {
      offset -= outer[k] * outer_dims_[k];
      at[k] = 0;
      offset += outer[--k];
    }
  }
}

void FusedStep::StartChunk(State& s, int64_t row, int64_t rows) const {
  s.max_rows = std::min(block_rows_, rows);
  s.filled_row = -1;
  if (coordinates_) {
    int64_t rest = row;
    for (size_t k = outer_dims_.size(); k-- > 0;) {
      s.coords[k] = rest % outer_dims_[k];
      rest /= outer_dims_[k];
    }
  }
  const int64_t block = s.max_rows * std::min(columns_, kBlock);
  for (size_t i = 0; i < operands_.size(); ++i) {
    const Operand& operand = operands_[i];
    if (operand.read == Read::kDense || operand.read == Read::kRow) continue;
    char* buffer = s.scratch + operand.buffer;
    s.regs[i] = buffer;
    const char* base = s.frame.slots[static_cast<size_t>(operand.slot)];
    if (operand.read == Read::kElement) {
      s.regs[i] = const_cast<char*>(base) + operand.offset;
    } else if (operand.read == Read::kScalar) {
      CopyRun(buffer, base + operand.offset, 0, block, operand.size);
    } else if (operand.read == Read::kPeriodic) {
      CopyRun(buffer, base + operand.offset, operand.inner, columns_, operand.size);
      const int64_t all = s.max_rows * columns_ * operand.size;
      for (int64_t done = columns_ * operand.size; done < all; done *= 2) {
        std::memcpy(buffer + done, buffer, static_cast<size_t>(std::min(done, all - done)));
      }
    }
  }
  for (const Temporary& t : temporaries_) s.regs[t.reg] = s.scratch + t.buffer;
  for (const Reduction& r : reductions_) {
    if (split_ == Split::kPartial) {
      r.splat(Accumulator(s.frame, r, s.chunk), r.identity, r.count);
    }
    if (r.tile != 0) r.splat(s.scratch + r.tile, r.identity, s.max_rows * columns_);
  }
}

inline void FusedStep::ReadOperands(State& s, int64_t row, int64_t rows, int64_t column,
                                    int64_t columns) const {
  for (size_t i = 0; i < operands_.size(); ++i) {
    const Operand& operand = operands_[i];
    if (operand.read == Read::kScalar || operand.read == Read::kElement ||
        operand.read == Read::kPeriodic) {
      continue;
    }
    char* base = s.frame.slots[static_cast<size_t>(operand.slot)];
    switch (operand.read) {
      case Read::kDense:
        s.regs[i] = base + operand.offset + (row * columns_ + column) * operand.size;
        break;
      case Read::kRow: {
        int64_t offset = operand.offset + column * operand.inner;
        for (size_t k = 0; k < outer_dims_.size(); ++k) offset += s.coords[k] * operand.outer[k];
        s.regs[i] = base + offset;
        break;
      }
      default: {
        // One element spread over a long row stays in the buffer for the whole row.
        const bool spread = operand.inner == 0 && pieces_ > 1;
        if (spread && s.filled_row == row) break;
        GatherRows(operand, base, s.coords, rows, column, spread ? kBlock : columns, s.regs[i]);
      }
    }
  }
  s.filled_row = row;
}

void FusedStep::FoldBlock(State& s, const Reduction& r, int64_t row, int64_t rows, int64_t column,
                          int64_t columns) const {
  const char* x = s.regs[r.reg];
  char* acc = Accumulator(s.frame, r, s.chunk);
  switch (r.fold) {
    case Fold::kFull:
      r.reduce(acc, x, rows * columns);
      return;
    case Fold::kRows:
      acc += row * r.size;
      if (rows == 1) {
        r.reduce(acc, x, columns);
      } else {
        r.reduce_rows(acc, x, rows, columns, columns);
      }
      return;
    case Fold::kColumns:
      if (r.tile != 0) {
        char* tile = s.scratch + r.tile;
        r.combine(tile, tile, x, x, rows * columns);
      } else {
        acc += column * r.size;
        r.combine(acc, acc, x, x, columns);
      }
      return;
    default:
      break;
  }
  int64_t at[kMaxOuter];
  const int64_t* coords = s.coords;
  if (rows > 1) {
    std::copy(coords, coords + outer_dims_.size(), at);
    coords = at;
  }
  const int64_t* outer = r.outer.data();
  for (int64_t k = 0; k < rows; ++k, x += columns * r.size) {
    int64_t offset = 0;
    for (size_t axis = 0; axis < outer_dims_.size(); ++axis) offset += coords[axis] * outer[axis];
    if (r.fold == Fold::kRowsAt) {
      r.reduce(acc + offset, x, columns);
    } else {
      char* to = acc + offset + column * r.size;
      r.combine(to, to, x, x, columns);
    }
    if (rows > 1) AdvanceRows(at, 1);
  }
}

inline void FusedStep::RunBlock(State& s, int64_t row, int64_t rows, int64_t column,
                                int64_t columns) const {
  ReadOperands(s, row, rows, column, columns);
  const int64_t position = row * columns_ + column;
  const int64_t n = rows * columns;
  for (const Store& store : direct_) {
    s.regs[store.reg] = s.frame.slots[static_cast<size_t>(store.slot)] + position * store.size;
  }
  char** regs = s.regs;
  for (const Instr& instr : instrs_) s.ok &= instr.Run(regs, n);
  for (const Store& copy : copies_) {
    std::memcpy(s.frame.slots[static_cast<size_t>(copy.slot)] + position * copy.size,
                regs[copy.reg], static_cast<size_t>(n * copy.size));
  }
  for (const Reduction& r : reductions_) FoldBlock(s, r, row, rows, column, columns);
}

void FusedStep::FinishChunk(State& s) const {
  for (const Reduction& r : reductions_) {
    if (r.tile == 0) continue;
    char* acc = Accumulator(s.frame, r, s.chunk);
    char* tile = s.scratch + r.tile;
    for (int64_t rows = s.max_rows; rows > 1;) {  // the second half onto the first
      const int64_t half = rows / 2;
      rows -= half;
      r.combine(tile, tile, tile + rows * columns_ * r.size, tile, half * columns_);
    }
    r.combine(acc, acc, tile, tile, columns_);
  }
}

bool FusedStep::RunChunk(Frame& frame, int64_t chunk) const {
  State s(frame, ThreadScratch(scratch_bytes_), chunk);
  if (split_ == Split::kColumns) {
    const int64_t first = pieces_ * chunk / chunks_, last = pieces_ * (chunk + 1) / chunks_;
    StartChunk(s, 0, rows_);
    for (int64_t row = 0; row < rows_; ++row) {
      for (int64_t piece = first; piece < last; ++piece) {
        const int64_t column = piece * kBlock;
        RunBlock(s, row, 1, column, std::min(kBlock, columns_ - column));
      }
      if (coordinates_) AdvanceRows(s.coords, 1);
    }
    return s.ok;
  }
  const int64_t groups = units_ / align_;
  const int64_t begin = groups * chunk / chunks_ * align_;
  const int64_t end = groups * (chunk + 1) / chunks_ * align_;
  if (pieces_ == 1) {
    StartChunk(s, begin, end - begin);
    for (int64_t row = begin; row < end; row += block_rows_) {
      const int64_t rows = std::min(block_rows_, end - row);
      RunBlock(s, row, rows, 0, columns_);
      if (coordinates_) AdvanceRows(s.coords, rows);
    }
  } else {
    int64_t row = begin / pieces_, piece = begin % pieces_;
    StartChunk(s, row, 1);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t column = piece * kBlock;
      RunBlock(s, row, 1, column, std::min(kBlock, columns_ - column));
      if (++piece == pieces_) {
        piece = 0;
        ++row;
        if (coordinates_) AdvanceRows(s.coords, 1);
      }
    }
  }
  FinishChunk(s);
  return s.ok;
}

}  // namespace wengert::runtime
