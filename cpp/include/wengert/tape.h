// Tape: reverse-mode differentiation of operations that run at once (eager mode), by the
// gradient rules of the graph: what was recorded becomes a graph when a gradient is asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "wengert/attr.h"
#include "wengert/gradients.h"
#include "wengert/op_def.h"

namespace wengert {

// A value of eager mode: an array, and which one it is. Identity 0 is that of a literal, on
// which no tape looks.
struct EagerValue {
  Array array;
  int64_t id = 0;
};

// A value of its own. Handles of one variable have one identity.
EagerValue NewValue(Array array);

// Runs an op now; the tapes that record on this thread see it.
std::vector<EagerValue> Execute(const OpDef& def, const std::vector<EagerValue>& inputs,
                                const AttrMap& attrs);
// Runs a function now. With `keep_intermediates`, what its gradient needs is kept while a tape
// records; without, it is computed again, which a function of random numbers or variables must
// not do. Tapes hold on to `host`: what gradients of the function need of the host program.
std::vector<EagerValue> CallFunction(const std::shared_ptr<const Function>& function,
                                     const std::vector<EagerValue>& inputs,
                                     bool keep_intermediates = true,
                                     const std::shared_ptr<void>& host = nullptr);

// A gradient: none, a value, or the parts of IndexedSlices.
struct EagerGrad {
  EagerValue value;  // dense, or the rows
  EagerValue indices, dense_shape;
  bool none() const { return !value.array.valid(); }
  bool is_slices() const { return indices.array.valid(); }
};

// The gradients of the inputs, given those of the outputs (none: nothing reached it).
using EagerGradientFn = std::function<std::vector<EagerGrad>(const std::vector<EagerGrad>&)>;

// One operation that ran. Shared by the tapes that recorded it.
struct TapeEntry {
  const OpDef* def = nullptr;  // null: `backward` is its gradient
  std::shared_ptr<const AttrMap> attrs;
  std::vector<EagerValue> inputs, outputs;
  std::shared_ptr<const Function> function;  // of a call
  std::shared_ptr<void> host;                // kept for the function
  int num_outputs = 0;                       // without those that its gradient made it gain
  EagerGradientFn backward;
};

class Tape {
 public:
  // Called once for each variable that an operation uses; says whether to watch it.
  using Accessor = std::function<bool(const EagerValue& handle)>;
  explicit Tape(Accessor accessed = nullptr) : accessed_(std::move(accessed)) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  void Watch(const EagerValue& value);
  bool Watches(const EagerValue& value) const;
  // Whether a gradient can reach one of `inputs`.
  bool ShouldRecord(const std::vector<EagerValue>& inputs);
  void Record(std::shared_ptr<TapeEntry> entry);
  // Forgets all that was recorded and watched.
  void Clear();
  size_t size() const;

  // d sum(ys * grad_ys) / d xs, one per x; a missing grad_y is ones. What this computes is
  // recorded by the tapes that record on this thread.
  std::vector<EagerGrad> Gradient(const std::vector<EagerValue>& ys,
                                  const std::vector<EagerValue>& xs,
                                  const std::vector<EagerGrad>& grad_ys = {});

 private:
  Accessor accessed_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<TapeEntry>> entries_;
  std::unordered_set<int64_t> watched_;
  std::unordered_set<int64_t> variables_;  // asked about already
};

// Held while tapes differentiate functions, which changes graphs. A host program that builds
// graphs under a lock of its own (an interpreter's) gives that one: `acquire` returns what
// releases it. Default: a mutex.
void SetGraphLock(std::function<std::shared_ptr<void>()> acquire);

// The tapes that record what this thread executes, outermost first.
std::vector<std::shared_ptr<Tape>>& ActiveTapes();
// Hides all of them while it lives.
class TapePause {
 public:
  TapePause() { std::swap(saved_, ActiveTapes()); }
  ~TapePause() { std::swap(saved_, ActiveTapes()); }
  TapePause(const TapePause&) = delete;
  TapePause& operator=(const TapePause&) = delete;

 private:
  std::vector<std::shared_ptr<Tape>> saved_;
};

// The same for operations that are added to a graph: differentiates those that were added while
// it recorded, under the names that TensorFlow's tape gives ("gradient_tape/...").
class GraphTape {
 public:
  using Accessor = std::function<bool(const Tensor& handle)>;
  explicit GraphTape(Graph& graph, Accessor accessed = nullptr);
  ~GraphTape();
  GraphTape(const GraphTape&) = delete;
  GraphTape& operator=(const GraphTape&) = delete;

  void Start();
  void Stop();
  void Watch(const Tensor& t) { watched_.insert(t); }
  bool Watches(const Tensor& t) const { return watched_.count(t) > 0; }
  void Clear();
  // Called by the graph.
  void Note(Operation* op);
  std::vector<Grad> Gradient(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                             const std::vector<Grad>& grad_ys = {});

 private:
  struct Recorded {
    Operation* op;
    std::string scope;  // in which it was added
  };
  std::shared_ptr<Graph> graph_;
  Accessor accessed_;
  std::vector<Recorded> recorded_;
  std::unordered_set<Tensor, TensorHash> watched_, variables_;
};

// Tells the tapes of this thread of an operation with a gradient of its own: `outputs` followed
// from `inputs`.
void RecordCustom(const std::vector<EagerValue>& inputs, const std::vector<EagerValue>& outputs,
                  EagerGradientFn backward);

}  // namespace wengert
