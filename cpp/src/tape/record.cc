// Execution in eager mode, and what tapes keep of it.
#include <atomic>

#include "autodiff/backward.h"
#include "tape/function_runner.h"
#include "wengert/executable.h"
#include "wengert/tape.h"

namespace wengert {

namespace {

std::vector<EagerValue> NewValues(std::vector<Array> arrays) {
  std::vector<EagerValue> values;
  values.reserve(arrays.size());
  for (Array& a : arrays) values.push_back(NewValue(std::move(a)));
  return values;
}

std::vector<Array> Arrays(const std::vector<EagerValue>& values) {
  std::vector<Array> arrays;
  arrays.reserve(values.size());
  for (const EagerValue& v : values) arrays.push_back(v.array);
  return arrays;
}

// The tapes of this thread for which an operation on `inputs` matters.
std::vector<Tape*> Interested(const std::vector<EagerValue>& inputs) {
  std::vector<Tape*> result;
  for (const std::shared_ptr<Tape>& tape : ActiveTapes()) {
    if (tape->ShouldRecord(inputs)) result.push_back(tape.get());
  }
  return result;
}

const OpDef& CallOp() {
  static const OpDef& def = OpRegistry::Global().Get("PartitionedCall");
  return def;
}

void RecordCall(const std::vector<Tape*>& tapes, const std::shared_ptr<const Function>& function,
                const std::shared_ptr<void>& host, int num_outputs,
                const std::vector<EagerValue>& inputs, const std::vector<EagerValue>& outputs) {
  auto entry = std::make_shared<TapeEntry>();
  entry->def = &CallOp();
  entry->inputs = inputs;
  entry->outputs = outputs;
  entry->function = function;
  entry->host = host;
  entry->num_outputs = num_outputs;
  for (Tape* tape : tapes) tape->Record(entry);
}

bool AnyTrainable(const std::vector<EagerValue>& values) {
  for (const EagerValue& v : values) {
    if (IsTrainable(v.array.dtype())) return true;
  }
  return false;
}

}  // namespace

EagerValue NewValue(Array array) {
  static std::atomic<int64_t> next{1};
  EagerValue value;
  if (array.dtype() == DType::kResource && array.size() == 1) {
    // Negative, so that no counter meets it.
    value.id = -static_cast<int64_t>(reinterpret_cast<intptr_t>(array.resources()[0].get()));
  } else {
    value.id = next.fetch_add(1, std::memory_order_relaxed);
  }
  value.array = std::move(array);
  return value;
}

std::vector<std::shared_ptr<Tape>>& ActiveTapes() {
  thread_local std::vector<std::shared_ptr<Tape>> tapes;
  return tapes;
}

void Tape::Watch(const EagerValue& value) {
  std::lock_guard<std::mutex> lock(mutex_);
  watched_.insert(value.id);
}

bool Tape::Watches(const EagerValue& value) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return value.id != 0 && watched_.count(value.id) > 0;
}

bool Tape::ShouldRecord(const std::vector<EagerValue>& inputs) {
  bool found = false;
  for (const EagerValue& v : inputs) {
    if (v.id == 0 || !IsTrainable(v.array.dtype())) continue;
    if (v.array.dtype() == DType::kResource && accessed_) {
      bool unknown;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        unknown = variables_.insert(v.id).second;
      }
      if (unknown && accessed_(v)) Watch(v);
    }
    found = found || Watches(v);
  }
  return found;
}

void Tape::Record(std::shared_ptr<TapeEntry> entry) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const EagerValue& v : entry->outputs) {
    if (IsTrainable(v.array.dtype())) watched_.insert(v.id);
  }
  entries_.push_back(std::move(entry));
}

void Tape::Clear() {
  std::vector<std::shared_ptr<TapeEntry>> dropped;  // freed outside the lock
  std::lock_guard<std::mutex> lock(mutex_);
  dropped.swap(entries_);
  watched_.clear();
  variables_.clear();
}

size_t Tape::size() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return entries_.size();
}

std::vector<EagerValue> Execute(const OpDef& def, const std::vector<EagerValue>& inputs,
                                const AttrMap& attrs) {
  std::vector<EagerValue> outputs = NewValues(ExecuteOp(def, Arrays(inputs), attrs));
  if (ActiveTapes().empty()) return outputs;
  const bool matters = def.gradient_fn() || def.no_gradient();
  if (!matters || !AnyTrainable(outputs)) return outputs;
  const std::vector<Tape*> tapes = Interested(inputs);
  if (tapes.empty()) return outputs;
  auto entry = std::make_shared<TapeEntry>();
  entry->def = &def;
  entry->attrs = std::make_shared<const AttrMap>(attrs);
  entry->inputs = inputs;
  entry->outputs = outputs;
  entry->num_outputs = static_cast<int>(outputs.size());
  for (Tape* tape : tapes) tape->Record(entry);
  return outputs;
}

std::vector<EagerValue> CallFunction(const std::shared_ptr<const Function>& function,
                                     const std::vector<EagerValue>& inputs, bool keep_intermediates,
                                     const std::shared_ptr<void>& host) {
  if (!function) throw ValueError("CallFunction: no function");
  const std::vector<Array> arrays = Arrays(inputs);
  const std::vector<Tape*> tapes =
      ActiveTapes().empty() ? std::vector<Tape*>() : Interested(inputs);
  if (tapes.empty()) return NewValues(tape::RunFunction(function, arrays));
  std::shared_ptr<const Function> run = function;
  if (keep_intermediates) run = tape::GrownFunction(function, static_cast<int>(tapes.size()));
  std::vector<EagerValue> outputs = NewValues(tape::RunFunction(run, arrays));
  const int count = static_cast<int>(function->outputs.size());
  if (AnyTrainable(outputs)) RecordCall(tapes, run, host, count, inputs, outputs);
  outputs.resize(static_cast<size_t>(count));
  return outputs;
}

void RecordCustom(const std::vector<EagerValue>& inputs, const std::vector<EagerValue>& outputs,
                  EagerGradientFn backward) {
  const std::vector<Tape*> tapes = Interested(inputs);
  if (tapes.empty()) return;
  auto entry = std::make_shared<TapeEntry>();
  entry->inputs = inputs;
  entry->outputs = outputs;
  entry->num_outputs = static_cast<int>(outputs.size());
  entry->backward = std::move(backward);
  for (Tape* tape : tapes) tape->Record(entry);
}

}  // namespace wengert
