#include "tape/function_runner.h"

#include <mutex>
#include <unordered_map>

#include "tape/graph_lock.h"
#include "wengert/executable.h"

namespace wengert::tape {

namespace {

struct Known {
  std::weak_ptr<const Function> function;
  std::vector<std::shared_ptr<const Function>> grown;  // by order, from 1
  std::shared_ptr<Executable> executable;
};

// What is known of functions that are alive.
class Functions {
 public:
  Known& Find(const std::shared_ptr<const Function>& function) {
    Known& known = known_[function.get()];
    if (known.function.lock() != function) {  // new, or in the place of one that died
      known = Known();
      known.function = function;
      if (known_.size() > alive_ + alive_ / 4 + 8) Purge();
    }
    return known_[function.get()];
  }
  std::mutex mutex;

 private:
  void Purge() {
    for (auto it = known_.begin(); it != known_.end();) {
      it = it->second.function.expired() ? known_.erase(it) : std::next(it);
    }
    alive_ = known_.size();
  }
  std::unordered_map<const Function*, Known> known_;
  size_t alive_ = 0;
};

Functions& AllFunctions() {
  static Functions* functions = new Functions;
  return *functions;
}

}  // namespace

std::vector<Array> RunFunction(const std::shared_ptr<const Function>& function,
                               const std::vector<Array>& inputs) {
  std::shared_ptr<Executable> executable;
  {
    std::lock_guard<std::mutex> lock(AllFunctions().mutex);
    Known& known = AllFunctions().Find(function);
    if (known.executable == nullptr) {
      known.executable = Executable::Compile(function->graph, function->inputs, function->outputs,
                                             function->control_outputs);
    }
    executable = known.executable;
  }
  return executable->Run(inputs);
}

std::shared_ptr<const Function> GrownFunction(const std::shared_ptr<const Function>& function,
                                              int orders) {
  const size_t wanted = static_cast<size_t>(orders);
  if (wanted == 0) return function;
  std::vector<std::shared_ptr<const Function>> grown;
  {
    std::lock_guard<std::mutex> lock(AllFunctions().mutex);
    grown = AllFunctions().Find(function).grown;
  }
  if (grown.size() >= wanted) return grown[wanted - 1];
  {
    // Gradients of the host program may run here: without the mutex.
    const std::shared_ptr<void> lock = AcquireGraphLock();
    while (grown.size() < wanted) {
      const std::shared_ptr<const Function>& last = grown.empty() ? function : grown.back();
      try {
        const int outputs = static_cast<int>(last->outputs.size());
        grown.push_back(DifferentiateFunction(last, outputs).forward);
      } catch (const Error&) {
        return last;
      }
    }
  }
  std::lock_guard<std::mutex> lock(AllFunctions().mutex);
  Known& known = AllFunctions().Find(function);
  if (known.grown.size() < grown.size()) known.grown = grown;
  return grown[wanted - 1];
}

}  // namespace wengert::tape
