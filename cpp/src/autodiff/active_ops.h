// The operations between xs and ys: what one call of Gradients() has to visit.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "wengert/graph.h"

namespace wengert::autodiff {

// Operations numbered in order of insertion: an open-addressing hash of pointers.
class OpIndex {
 public:
  OpIndex() : table_(64, -1) {}
  // -1 when absent.
  int32_t Find(const Operation* op) const;
  // The number of `op`; `inserted` tells whether it is new.
  int32_t Insert(Operation* op, bool* inserted);
  Operation* operator[](int32_t i) const { return ops_[i]; }
  int32_t size() const { return static_cast<int32_t>(ops_.size()); }

 private:
  size_t Slot(const Operation* op) const {
    return (reinterpret_cast<uintptr_t>(op) >> 4) * 0x9E3779B97F4A7C15ull >> shift_;
  }
  void Grow();
  std::vector<Operation*> ops_;
  std::vector<int32_t> table_;
  int shift_ = 58;  // 64 - log2(table size)
};

// Inputs as differentiation sees them: a captured tensor of an outer graph in place of its
// stand-in, except where the stand-in itself is an x.
class InputView {
 public:
  explicit InputView(const std::vector<Tensor>& xs) : xs_(xs.begin(), xs.end()) {}
  Tensor Resolve(const Tensor& t) const;

 private:
  std::unordered_set<Tensor, TensorHash> xs_;
};

// Operations on a path of differentiable tensors from an x to a y, with their pending
// counts: the number of their uses by operations of the same set.
class ActiveOps {
 public:
  ActiveOps(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs, const InputView& view);

  // Number of the operation, or -1 when it is not active.
  int32_t Find(const Operation* op) const {
    int32_t i = index_.Find(op);
    return i >= 0 && active_[i] ? i : -1;
  }
  // Numbers run over [0, size()), also over operations that turned out inactive.
  int32_t size() const { return index_.size(); }
  Operation* op(int32_t i) const { return index_[i]; }
  bool active(int32_t i) const { return active_[i] != 0; }
  // Number of the active producer of input `k` of operation `i`, else -1.
  int32_t producer(int32_t i, int k) const {
    int32_t p = producers_[first_input_[i] + k];
    return p >= 0 && active_[p] ? p : -1;
  }
  // One use of `i` is done with; true when it was the last.
  bool Release(int32_t i) { return --pending_[i] == 0; }
  int32_t pending(int32_t i) const { return pending_[i]; }

 private:
  void Collect(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs, const InputView& view);
  std::vector<char> MarkReached(const std::vector<Tensor>& xs) const;
  void MarkActive(const std::vector<Tensor>& ys, const std::vector<char>& reached);

  struct Edge {
    int32_t producer, consumer;
  };
  OpIndex index_;
  std::vector<int64_t> first_input_;  // into producers_
  std::vector<int32_t> producers_;    // -1: created before every x
  std::vector<Edge> edges_;           // only those that a gradient can flow through
  std::vector<char> active_;
  std::vector<int32_t> pending_;
};

}  // namespace wengert::autodiff
