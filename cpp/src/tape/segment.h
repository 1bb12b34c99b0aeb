// Segment: a run of recorded operations as a graph, differentiated once for every run of the
// same form.
#pragma once

#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "wengert/tape.h"

namespace wengert::tape {

// The form of a run of operations: what decides its gradient, without the data.
struct Form {
  struct Op {
    const OpDef* def;
    std::shared_ptr<const AttrMap> attrs;
    std::shared_ptr<const Function> function;  // null in the form of a plan: see `identity`
    const Function* identity;
    int num_outputs;
    std::vector<int> inputs, outputs;  // numbers of values
    bool operator==(const Op& o) const;
  };
  struct Value {
    DType dtype;
    Dims dims;
    Array constant;  // valid: part of the form, as axes and shapes are
    DType handle_dtype = DType::kInvalid;
    Shape handle_shape;
    bool operator==(const Value& o) const;
  };
  std::vector<Op> ops;
  std::vector<Value> values;
  std::vector<int> ys, xs;
  size_t Hash() const;
  bool operator==(const Form& o) const {
    return ys == o.ys && xs == o.xs && values == o.values && ops == o.ops;
  }
};

// A form with the data of one run.
class Run {
 public:
  explicit Run(const std::vector<std::shared_ptr<TapeEntry>>& entries);
  // Number of a value, -1 when it is not part of the run.
  int Find(int64_t id) const {
    auto it = number_.find(id);
    return it == number_.end() ? -1 : it->second;
  }
  Form form;
  std::vector<EagerValue> values;
  const std::vector<std::shared_ptr<TapeEntry>>& entries;

 private:
  int Add(const EagerValue& value);
  std::unordered_map<int64_t, int> number_;
};

// The gradient of a form.
struct Plan {
  Form form;
  // Those that the form calls. Plans are kept for long, functions must not be: without them the
  // plan is of no use.
  std::vector<std::weak_ptr<const Function>> functions;
  bool expired() const;
  std::shared_ptr<const Function> backward;
  std::vector<FunctionGradient::Result> results;  // one per x
  // What `backward` takes after the gradients: values, or outputs that a call must gain first.
  struct Captured {
    int value = -1;
    int op = -1, output = -1;
  };
  std::vector<Captured> captured;
  std::vector<std::pair<int, std::shared_ptr<const Function>>> grown;  // calls, as they must be
};

// From a cache of the most recent ones.
std::shared_ptr<const Plan> FindPlan(const Form& form);

}  // namespace wengert::tape
