// Eager execution: programs of a single op, kept by what they depend on.
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "runtime/runtime.h"
#include "wengert/executable.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

constexpr size_t kMostPrograms = 4096;

void Append(std::string* key, const void* data, size_t bytes) {
  key->append(static_cast<const char*>(data), bytes);
}

template <class T>
void AppendNumber(std::string* key, T value) {
  Append(key, &value, sizeof(value));
}

void AppendText(std::string* key, const std::string& text) {
  AppendNumber(key, text.size());
  *key += text;
}

void AppendArray(std::string* key, const Array& array) {
  AppendNumber(key, array.dtype());
  AppendNumber(key, array.rank());
  Append(key, array.dims().data(), array.dims().size() * sizeof(int64_t));
  if (array.dtype() == DType::kString) {
    for (const std::string& s : array.strings()) AppendText(key, s);
  } else if (IsPlainData(array.dtype())) {
    Append(key, array.raw(), array.bytes());
  } else {
    AppendNumber(key, &array);
  }
}

// Functions go by identity: the kept graph holds on to them, so none takes another's place.
void AppendFunction(std::string* key, const FunctionRef& ref) {
  AppendText(key, ref.name);
  AppendNumber(key, ref.function.get());
}

void AppendAttr(std::string* key, const Attr& attr) {
  AppendNumber(key, static_cast<int>(attr.value().index()));
  if (attr.is<Array>()) {
    AppendArray(key, attr.as<Array>());
  } else if (attr.is<FunctionRef>()) {
    AppendFunction(key, attr.as<FunctionRef>());
  } else if (attr.is<std::vector<FunctionRef>>()) {
    for (const FunctionRef& ref : attr.as<std::vector<FunctionRef>>()) AppendFunction(key, ref);
  } else if (attr.is<float>()) {
    AppendNumber(key, attr.as<float>());
  } else if (attr.is<std::vector<float>>()) {
    for (float value : attr.as<std::vector<float>>()) AppendNumber(key, value);
  } else if (attr.is<std::string>()) {
    AppendText(key, attr.as<std::string>());
  } else if (attr.is<std::vector<std::string>>()) {
    for (const std::string& s : attr.as<std::vector<std::string>>()) AppendText(key, s);
  } else {
    AppendText(key, attr.ToString());
  }
}

std::string KeyOf(const OpDef& def, const std::vector<Array>& inputs, const AttrMap& attrs) {
  std::string key;
  key.reserve(64 + inputs.size() * 24);
  AppendText(&key, def.name());
  AppendNumber(&key, &def);
  AppendNumber(&key, inputs.size());
  for (const Array& input : inputs) {
    AppendNumber(&key, input.dtype());
    AppendNumber(&key, input.rank());
    Append(&key, input.dims().data(), input.dims().size() * sizeof(int64_t));
  }
  for (const auto& [name, attr] : attrs) {
    AppendText(&key, name);
    AppendAttr(&key, attr);
  }
  return key;
}

class EagerCache {
 public:
  std::shared_ptr<Executable> Find(const std::string& key) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }
  void Add(const std::string& key, std::shared_ptr<Executable> executable) {
    std::shared_ptr<Executable> dropped;
    std::lock_guard<std::mutex> lock(mutex_);
    if (index_.count(key) > 0) return;
    entries_.emplace_front(key, std::move(executable));
    index_.emplace(key, entries_.begin());
    if (entries_.size() <= kMostPrograms) return;
    dropped = std::move(entries_.back().second);
    index_.erase(entries_.back().first);
    entries_.pop_back();
  }

 private:
  using Entry = std::pair<std::string, std::shared_ptr<Executable>>;
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;
};

EagerCache& Cache() {
  static EagerCache* cache = new EagerCache;
  return *cache;
}

// Without the node that an eager user never made, but with the op's type.
[[noreturn]] void Rethrow(const Error& e, const OpDef& def) {
  std::string message = e.what();
  const size_t node = message.find("\n\t [[{{node ");
  if (node != std::string::npos) message.resize(node);
  // While building, a bad shape is a ValueError; an op that runs has bad arguments.
  const ErrorKind kind =
      e.kind() == ErrorKind::kValueError ? ErrorKind::kInvalidArgument : e.kind();
  throw Error(kind, message + " [Op:" + def.name() + "]");
}

std::shared_ptr<Executable> BuildProgram(const OpDef& def, const std::vector<Array>& inputs,
                                         const AttrMap& attrs) {
  std::shared_ptr<Graph> graph = Graph::Create();
  OperationSpec spec;
  spec.type = def.name();
  spec.name = def.name();
  spec.attrs = attrs;
  std::vector<Tensor> placeholders;
  for (const Array& input : inputs) {
    OperationSpec placeholder;
    placeholder.type = "Placeholder";
    placeholder.name = "input";
    placeholder.attrs["dtype"] = Attr(input.dtype());
    placeholder.attrs["shape"] = Attr(Shape(input.dims()));
    placeholders.push_back(graph->AddOperation(std::move(placeholder))->output(0));
  }
  spec.inputs = placeholders;
  Operation* op = graph->AddOperation(std::move(spec));
  std::vector<Tensor> outputs;
  for (int i = 0; i < op->num_outputs(); ++i) outputs.push_back(op->output(i));
  return Executable::Compile(std::move(graph), std::move(placeholders), std::move(outputs), {op},
                             {.memory_budget = -1});
}

}  // namespace

std::vector<Array> ExecuteOp(const OpDef& def, const std::vector<Array>& inputs,
                             const AttrMap& attrs) {
  runtime::InstallRuntime();
  for (const Array& input : inputs) {
    if (!input.valid()) throw InvalidArgument("an input of " + def.name() + " has no value");
  }
  const std::string key = KeyOf(def, inputs, attrs);
  try {
    std::shared_ptr<Executable> executable = Cache().Find(key);
    if (executable == nullptr) {
      executable = BuildProgram(def, inputs, attrs);
      Cache().Add(key, executable);
    }
    return executable->Run(inputs);
  } catch (const Error& e) {
    Rethrow(e, def);
  }
}

}  // namespace wengert
