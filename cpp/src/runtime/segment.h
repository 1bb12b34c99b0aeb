// Segment: one compiled piece of an executable, for one signature of its inputs. A graph
// whose sizes are all known is one segment; where only data decides a size, a segment ends
// and the next one is compiled when the size is known.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "compile/lower.h"
#include "runtime/memory.h"
#include "runtime/memory_budget.h"
#include "runtime/plan.h"
#include "wengert/executable.h"

namespace wengert::runtime {

// An input as the caller gave it: an Array, or borrowed memory.
struct InputRef {
  DType dtype = DType::kInvalid;
  int rank = 0;
  const int64_t* dims = nullptr;
  char* data = nullptr;          // plain data
  const Array* array = nullptr;  // where there is one; always for objects

  static InputRef Of(const Array& array);
  static InputRef Of(const ArrayView& view);
  // The resource of a scalar handle, else null.
  const std::shared_ptr<Resource>* resource() const;
};

class Segment;

// The variants of a segment, most recently used first.
class SegmentCache {
 public:
  using Match = bool (*)(const Segment&, const void* context);
  // Null when none matches.
  std::shared_ptr<Segment> Find(Match match, const void* context);
  void Add(std::shared_ptr<Segment> segment);
  size_t size() const;

 private:
  static constexpr size_t kMost = 64;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Segment>> segments_;
};

class Segment {
 public:
  // Takes over what was lowered. `infos`, `constants`: the signature it holds for.
  Segment(compile::Lowered lowered, std::vector<compile::ValueInfo> infos,
          std::vector<std::optional<Array>> constants, const std::vector<InputRef>& inputs,
          const CompileOptions& options);

  // Whether it can run for these inputs: dtypes, dims, constants it was specialised on.
  bool Fits(const InputRef* inputs, size_t n) const;
  // Whether the same handles are equal as when it was lowered (first segments only).
  bool FitsHandles(const InputRef* inputs, size_t n) const;
  // Whether the variables it reads have the dtypes and dims it was made for.
  bool FitsVariables(const std::vector<std::shared_ptr<Resource>>& resources) const;

  // What its resource slots refer to, given the inputs of the first segment.
  void Resolve(const InputRef* first_inputs,
               std::vector<std::shared_ptr<Resource>>* resources) const;

  // The same for a later segment, given those of the one before, whose slots it continues.
  void ResolveMore(const std::vector<std::shared_ptr<Resource>>& before,
                   std::vector<std::shared_ptr<Resource>>* resources) const;

  // Runs; results are the program's outputs. `out` may be null; else out[i].data, where set,
  // is where plain output i goes. Throws with the failing node's origin as op_name.
  void Run(const InputRef* inputs, const std::vector<std::shared_ptr<Resource>>& resources,
           const ArrayView* out, Array* results);

  // The microseconds each step takes; empty where running it could be noticed.
  std::vector<double> TimeSteps(const InputRef* inputs,
                                const std::vector<std::shared_ptr<Resource>>& resources);

  const std::shared_ptr<const Plan>& plan() const { return fitted_.plan; }
  const FittedPlan& fitted() const { return fitted_; }
  const std::shared_ptr<const compile::Continuation>& rest() const { return rest_; }
  const std::vector<compile::LiveValue>& live() const { return live_; }
  const std::vector<std::optional<Array>>& constants() const { return constants_; }
  // True when all results are plain data of known dims and nothing follows.
  bool prepared() const { return prepared_; }
  bool has_resources() const { return !slots_.empty(); }
  SegmentCache& next() { return next_; }

 private:
  struct RunFrame {
    std::unique_ptr<Frame> frame;
    std::vector<BufferCache> caches;  // one per result
    std::vector<std::shared_ptr<Buffer>> buffers;
    std::vector<Array> variables;
  };
  class Lease;
  std::unique_ptr<RunFrame> Take();
  void GiveBack(std::unique_ptr<RunFrame> frame);
  void Bind(RunFrame& run, const InputRef* inputs,
            const std::vector<std::shared_ptr<Resource>>& resources, const ArrayView* out) const;
  void BindVariables(RunFrame& run, const std::vector<std::shared_ptr<Resource>>& resources) const;
  void Commit(RunFrame& run, const std::vector<std::shared_ptr<Resource>>& resources,
              int* failed_node) const;

  std::vector<compile::ValueInfo> infos_;
  std::vector<int> handles_;  // per input: first input with the same resource; -1: none
  std::vector<std::optional<Array>> constants_;  // empty, or one per input
  std::vector<compile::ResourceSlot> slots_;
  std::shared_ptr<const compile::Continuation> rest_;
  std::vector<compile::LiveValue> live_;
  FittedPlan fitted_;
  std::shared_ptr<const Plan> plan_;
  bool prepared_ = false;
  SegmentCache next_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<RunFrame>> frames_;
};

}  // namespace wengert::runtime
