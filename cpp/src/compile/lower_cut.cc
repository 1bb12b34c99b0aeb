// Cuts: what a segment hands to the next one.
#include "compile/lowerer.h"

namespace wengert::compile {

namespace {

// Live values up to this size are looked at for being constants.
constexpr int64_t kMaxLiveConstantElements = 1024;

}  // namespace

Lowered Lowerer::Cut(Frame& root) {
  if (completed_ == 0 && must_be_constant_.empty()) {
    throw AtNode(
        Error(ErrorKind::kUnimplemented,
              "the size of a value that " + first_deferred_->type() + " needs cannot be known"),
        OriginOf(*first_deferred_));
  }
  auto rest = std::make_shared<Continuation>();
  for (int32_t id : must_be_constant_) Ref(Value{id}, *rest);
  Encode(root, *rest);
  for (int slot : b_.DirtySlots()) {
    rest->variables.push_back({slot, Value{Ref(b_.variables().at(slot), *rest)}});
  }
  rest->root = std::move(root);
  rest->live = live_;
  rest->slots = b_.slots();
  Lowered result;
  result.live = live_;
  result.rest = std::move(rest);
  return result;
}

int Lowerer::Ref(Value v, Continuation& rest) {
  const auto [it, added] = ref_of_.emplace(v.id, static_cast<int>(rest.refs.size()));
  if (!added) return it->second;
  ValueRef ref;
  ref.slot = b_.SlotOf(v);
  const bool dynamic = b_.state(v) == ProgramBuilder::State::kDynamic;
  bool known = false;
  if (!dynamic) {
    const bool small =
        b_.prim<Const>(v) || (IsInteger(b_.dtype(v)) && b_.size(v) <= kMaxLiveConstantElements);
    known = small && b_.TryEvaluate(v, &ref.constant);
  }
  if (!known) {
    ref.live = static_cast<int>(live_.size());
    LiveValue live;
    live.info = b_.program().info(v);
    live.dynamic = dynamic;
    live.constant = must_be_constant_.count(v.id) > 0;
    live_.push_back(std::move(live));
    b_.program().outputs.push_back(v);
  }
  rest.refs.push_back(std::move(ref));
  return it->second;
}

void Lowerer::Encode(Frame& frame, Continuation& rest) {
  std::vector<Value> encoded(frame.values.size());
  auto need = [&](const Tensor& t) {
    const Value v = frame.value(t);
    if (!v || b_.state(v) == ProgramBuilder::State::kDeferred) return;
    encoded[static_cast<size_t>(&frame.value(t) - frame.values.data())] = Value{Ref(v, rest)};
  };
  for (const Operation* op : frame.order) {
    if (frame.calls.count(op)) continue;  // its arguments live on in the function's frame
    for (const Tensor& t : op->inputs()) need(t);
  }
  for (const Tensor& t : frame.outputs) need(t);
  frame.values = std::move(encoded);
  for (auto& [op, calls] : frame.calls) {
    for (PendingCall& call : calls) Encode(*call.frame, rest);
  }
}

Frame Lowerer::Decode(const Frame& frame, const std::vector<Value>& values) {
  Frame copy = frame;
  for (Value& v : copy.values) {
    if (v) v = values[static_cast<size_t>(v.id)];
  }
  for (auto& [op, calls] : copy.calls) {
    for (PendingCall& call : calls) {
      call.frame = std::make_shared<Frame>(Decode(*call.frame, values));
    }
  }
  return copy;
}

}  // namespace wengert::compile
