// Regions that run tile by tile: every tile is a run of a plan of its own, on memory that the
// thread keeps in its caches.
#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "compile/lower.h"
#include "compile/tile.h"
#include "kernels/kernel_table.h"
#include "kernels/parallel.h"
#include "runtime/kernel_facts.h"
#include "runtime/legalize.h"
#include "runtime/memory.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

// Parts of the batch that are summed by themselves; they depend on the sizes alone.
constexpr int64_t kMostChunks = 16;
// Enough for ParallelFor to use all threads: regions are never small.
constexpr double kCostNs = 1e9;
constexpr size_t kIdle = 64;  // memories of threads that are kept

class TiledStep : public Step {
 public:
  TiledStep(StepContext& context, std::shared_ptr<const compile::Tiling> tiling)
      : tiling_(std::move(tiling)), chunks_(std::min(tiling_->tiles(), kMostChunks)) {
    body_ = Plan::Build(tiling_->body, {.generate_code = context.code() != nullptr});
    if (tiling_->rows % tiling_->tile != 0)
      rest_ = Plan::Build(tiling_->rest, {.generate_code = context.code() != nullptr});
    for (size_t i = 0; i < context.num_inputs(); ++i) {
      inputs_.push_back({context.in_slot(i), tiling_->by_rows[i] ? RowBytes(context, i) : 0});
    }
    for (size_t i = 0; i < tiling_->results.size(); ++i) {
      const DType dtype = context.out_dtype(i);
      const int64_t count = NumElements(context.out_dims(i));
      Out out;
      out.slot = context.out_slot(i);
      out.bytes = count * static_cast<int64_t>(SizeOf(dtype));
      out.row_bytes = out.bytes / tiling_->rows;
      out.count = count;
      if (tiling_->results[i].sum) {
        out.combine = kernels::Kernels().map[CombineOf(tiling_->results[i].op)][KernelType(dtype)];
        out.sums = context.Workspace(
            CheckedMul(static_cast<size_t>(chunks_), static_cast<size_t>(out.bytes)));
        out.partial = partial_bytes_;
        partial_bytes_ =
            CheckedAdd(partial_bytes_, ArenaLayout::Rounded(static_cast<size_t>(out.bytes)));
      }
      outputs_.push_back(out);
    }
  }

  void Run(Frame& frame) const override {
    std::mutex mutex;
    std::exception_ptr error;  // of the first part that fails, whatever the threads
    int64_t failed = chunks_;
    kernels::ParallelFor(chunks_, 1, kCostNs, [&](int64_t begin, int64_t end) {
      int64_t chunk = begin;
      try {
        for (; chunk < end; ++chunk) RunChunk(frame, chunk);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex);
        if (chunk < failed) error = std::current_exception();
        failed = std::min(failed, chunk);
      }
    });
    if (error) std::rethrow_exception(error);
    for (const Out& out : outputs_) {
      if (out.combine == nullptr) continue;
      char* to = frame.slots[static_cast<size_t>(out.slot)];
      std::copy_n(Sums(frame, out, 0), out.bytes, to);
      for (int64_t chunk = 1; chunk < chunks_; ++chunk) {
        out.combine(to, to, Sums(frame, out, chunk), nullptr, out.count);
      }
    }
  }

  std::string Describe() const override {
    return std::to_string(tiling_->tiles()) + " tiles of " + std::to_string(tiling_->tile) +
           " rows, " + std::to_string(body_->num_steps()) + " steps, arena of " +
           std::to_string(body_->arena_bytes()) + " bytes, chunks " + std::to_string(chunks_);
  }

 private:
  struct In {
    int slot;
    int64_t row_bytes;  // 0: read whole
  };
  struct Out {
    int slot = -1;
    int64_t bytes = 0, row_bytes = 0, count = 0;
    kernels::MapFn combine = nullptr;  // of sums; null: rows
    int sums = -1;                     // workspace: a result per chunk
    size_t partial = 0;                // offset of a tile's result
  };
  // Memory of one thread, which keeps it in the caches of its core.
  struct Worker {
    std::thread::id thread;
    std::unique_ptr<Frame> body, rest;
    std::shared_ptr<Buffer> partials;
  };

  int64_t RowBytes(const StepContext& context, size_t i) const {
    return NumElements(context.in_dims(i)) / tiling_->rows *
           static_cast<int64_t>(SizeOf(context.in_dtype(i)));
  }

  char* Sums(const Frame& frame, const Out& out, int64_t chunk) const {
    return frame.slots[static_cast<size_t>(out.sums)] + chunk * out.bytes;
  }

  std::unique_ptr<Worker> Take() const {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (std::unique_ptr<Worker>& own : workers_) {
        if (own->thread == std::this_thread::get_id()) std::swap(own, workers_.back());
      }
      // That of another thread only where it has many: each shall have its own.
      if (!workers_.empty() &&
          (workers_.back()->thread == std::this_thread::get_id() || workers_.size() >= kIdle / 2)) {
        std::unique_ptr<Worker> worker = std::move(workers_.back());
        workers_.pop_back();
        return worker;
      }
    }
    auto worker = std::make_unique<Worker>();
    worker->body = body_->NewFrame();
    if (rest_ != nullptr) worker->rest = rest_->NewFrame();
    worker->partials = AllocateBuffer(std::max<size_t>(partial_bytes_, 64));
    return worker;
  }

  void GiveBack(std::unique_ptr<Worker> worker) const {
    worker->thread = std::this_thread::get_id();
    std::lock_guard<std::mutex> lock(mutex_);
    if (workers_.size() < kIdle) workers_.push_back(std::move(worker));
  }

  void RunChunk(const Frame& frame, int64_t chunk) const {
    std::unique_ptr<Worker> worker = Take();
    const int64_t tiles = tiling_->tiles();
    const int64_t first = tiles * chunk / chunks_, last = tiles * (chunk + 1) / chunks_;
    for (int64_t tile = first; tile < last; ++tile) {
      RunTile(frame, *worker, chunk, tile * tiling_->tile, tile == first);
    }
    GiveBack(std::move(worker));
  }

  void RunTile(const Frame& frame, Worker& worker, int64_t chunk, int64_t row, bool first) const {
    const bool whole = row + tiling_->tile <= tiling_->rows;
    const Plan& plan = whole ? *body_ : *rest_;
    Frame& inner = whole ? *worker.body : *worker.rest;
    inner.first_row = row;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const int slot = plan.input_slots()[i];
      if (slot < 0) continue;
      inner.slots[static_cast<size_t>(slot)] =
          frame.slots[static_cast<size_t>(inputs_[i].slot)] + row * inputs_[i].row_bytes;
    }
    char* partials = static_cast<char*>(worker.partials->data());
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const Out& out = outputs_[i];
      char*& memory = inner.slots[static_cast<size_t>(plan.results()[i].slot)];
      if (out.combine == nullptr) {
        memory = frame.slots[static_cast<size_t>(out.slot)] + row * out.row_bytes;
      } else {
        memory = first ? Sums(frame, out, chunk) : partials + out.partial;
      }
    }
    int failed = -1;
    try {
      plan.RunSteps(inner, &failed);
    } catch (const Error& e) {
      if (failed < 0) throw;
      throw compile::AtNode(e, plan.program().nodes[static_cast<size_t>(failed)].origin);
    }
    if (first) return;
    for (const Out& out : outputs_) {
      if (out.combine == nullptr) continue;
      char* to = Sums(frame, out, chunk);
      out.combine(to, to, partials + out.partial, nullptr, out.count);
    }
  }

  std::shared_ptr<const compile::Tiling> tiling_;
  int64_t chunks_;
  std::shared_ptr<const Plan> body_, rest_;
  std::vector<In> inputs_;
  std::vector<Out> outputs_;
  size_t partial_bytes_ = 0;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Worker>> workers_;  // idle
};

}  // namespace

std::unique_ptr<Step> MakeTiled(StepContext& context) {
  const auto& kernel = std::get<compile::CustomKernel>(context.node().prim);
  return std::make_unique<TiledStep>(context, kernel.tiling);
}

}  // namespace wengert::runtime
