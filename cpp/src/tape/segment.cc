#include "tape/segment.h"

#include <algorithm>

#include "wengert/executable.h"

namespace wengert::tape {

namespace {

void Mix(size_t* hash, size_t value) {
  *hash ^= value + 0x9E3779B97F4A7C15ull + (*hash << 6) + (*hash >> 2);
}

constexpr int64_t kMostConstantElements = 64;

bool MaybeShape(const EagerValue& v) {
  return IsInteger(v.array.dtype()) && v.array.rank() <= 1 &&
         v.array.size() <= kMostConstantElements;
}

Tensor Stand(Graph& graph, const EagerValue& v, bool constant) {
  OperationSpec spec;
  spec.type = constant ? "Const" : "Placeholder";
  spec.name = "input";
  spec.attrs["dtype"] = v.array.dtype();
  if (constant) {
    spec.attrs["value"] = v.array;
  } else {
    spec.attrs["shape"] = Shape(v.array.dims());
  }
  return graph.AddOperation(std::move(spec))->output(0);
}

// Whether input `i` decides the shapes of outputs, as axes do: they become unknown with it.
bool DecidesShape(const TapeEntry& entry, size_t i) {
  static std::mutex mutex;
  static auto* known = new std::unordered_map<const OpDef*, std::vector<signed char>>;
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<signed char>& answers = (*known)[entry.def];
  if (answers.size() <= i) answers.resize(i + 1, -1);
  if (answers[i] < 0) {
    std::shared_ptr<Graph> graph = Graph::Create();
    OperationSpec spec;
    spec.type = entry.def->name();
    spec.attrs = *entry.attrs;
    for (size_t k = 0; k < entry.inputs.size(); ++k) {
      spec.inputs.push_back(Stand(*graph, entry.inputs[k], k != i && MaybeShape(entry.inputs[k])));
    }
    answers[i] = 0;
    try {
      Operation* op = graph->AddOperation(std::move(spec));
      for (int k = 0; k < op->num_outputs(); ++k) {
        if (!op->output_shape(k).fully_defined()) answers[i] = 1;
      }
    } catch (const Error&) {  // the shape cannot even be said without it
      answers[i] = 1;
    }
  }
  return answers[i] != 0;
}

const Variable* VariableOf(const Array& handle) {
  return dynamic_cast<const Variable*>(handle.resources().at(0).get());
}

}  // namespace

bool Form::Op::operator==(const Op& o) const {
  return def == o.def && identity == o.identity && num_outputs == o.num_outputs &&
         inputs == o.inputs && outputs == o.outputs &&
         (attrs == o.attrs || (attrs && o.attrs && *attrs == *o.attrs));
}

bool Form::Value::operator==(const Value& o) const {
  if (dtype != o.dtype || dims != o.dims || handle_dtype != o.handle_dtype ||
      handle_shape != o.handle_shape || constant.valid() != o.constant.valid()) {
    return false;
  }
  return !constant.valid() || constant.Identical(o.constant);
}

size_t Form::Hash() const {
  size_t hash = ops.size();
  for (const Op& op : ops) {
    Mix(&hash, reinterpret_cast<size_t>(op.def));
    Mix(&hash, reinterpret_cast<size_t>(op.identity));
    for (int i : op.inputs) Mix(&hash, static_cast<size_t>(i));
  }
  for (const Value& v : values) {
    Mix(&hash, static_cast<size_t>(v.dtype));
    for (int64_t d : v.dims) Mix(&hash, static_cast<size_t>(d));
  }
  for (int y : ys) Mix(&hash, static_cast<size_t>(y));
  for (int x : xs) Mix(&hash, static_cast<size_t>(x));
  return hash;
}

Run::Run(const std::vector<std::shared_ptr<TapeEntry>>& entries_in) : entries(entries_in) {
  form.ops.reserve(entries.size());
  for (const std::shared_ptr<TapeEntry>& entry : entries) {
    Form::Op op{
        entry->def, entry->attrs, entry->function, entry->function.get(), entry->num_outputs, {},
        {}};
    for (size_t i = 0; i < entry->inputs.size(); ++i) {
      const EagerValue& v = entry->inputs[i];
      const size_t before = values.size();
      const int number = Add(v);
      op.inputs.push_back(number);
      // What an operation of the run made is never a constant: it has its number already.
      Form::Value& value = form.values[static_cast<size_t>(number)];
      const bool external = values.size() > before;
      if (external && entry->attrs && MaybeShape(v) && DecidesShape(*entry, i)) {
        value.constant = v.array;
      }
    }
    for (const EagerValue& v : entry->outputs) op.outputs.push_back(Add(v));
    form.ops.push_back(std::move(op));
  }
}

int Run::Add(const EagerValue& value) {
  const int next = static_cast<int>(values.size());
  if (value.id != 0) {
    auto [it, inserted] = number_.emplace(value.id, next);
    if (!inserted) return it->second;
  }
  Form::Value info{value.array.dtype(), value.array.dims(), {}, DType::kInvalid, {}};
  if (info.dtype == DType::kResource && value.array.size() == 1) {
    if (const Variable* variable = VariableOf(value.array)) {
      info.handle_dtype = variable->dtype();
      info.handle_shape = variable->shape();
    }
  }
  form.values.push_back(std::move(info));
  values.push_back(value);
  return next;
}

}  // namespace wengert::tape
