// Frames: the graphs that are being lowered, the request's own and those of called functions,
// with what is known of their tensors.
#pragma once

#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compile/lower.h"
#include "wengert/graph.h"

namespace wengert::compile {

struct Frame;

// A call whose function could not be lowered to its end in this segment.
struct PendingCall {
  std::shared_ptr<Frame> frame;
  std::vector<std::pair<int, int>> wiring;  // output of the operation <- output of the function
};

struct Frame {
  std::shared_ptr<const Graph> graph;  // null for the request's own, which its owner keeps
  std::vector<Operation*> order;       // still to be lowered
  std::vector<int32_t> first;          // by operation id: place of output 0 in `values`, or -1
  std::vector<Value> values;
  std::vector<Tensor> outputs;
  std::unordered_map<const Operation*, std::vector<PendingCall>> calls;

  // Unset when `t` is not part of this frame.
  Value& value(const Tensor& t) {
    return values.at(static_cast<size_t>(first.at(static_cast<size_t>(t.op->id())) + t.index));
  }
};

// A frame of what `outputs` and `targets` need, down to `inputs` whose values are given.
Frame MakeFrame(const std::vector<Tensor>& inputs, const std::vector<Value>& input_values,
                std::vector<Tensor> outputs, const std::vector<Operation*>& targets);

// Values of frames of a Continuation are indices of its `refs`.
struct ValueRef {
  int live = -1;   // a live value, or
  Array constant;  // known already
  int slot = -1;   // of a resource handle
};

class Continuation {
 public:
  Frame root;
  std::vector<ValueRef> refs;
  std::vector<LiveValue> live;
  std::vector<ResourceSlot> slots;
  std::vector<std::pair<int, Value>> variables;  // slot, current value (to be written back)
};

}  // namespace wengert::compile
