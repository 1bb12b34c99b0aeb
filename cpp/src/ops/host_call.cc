// Calls of functions of the host program.
#include <mutex>
#include <unordered_map>

#include "ops/register.h"
#include "wengert/gradients.h"
#include "wengert/host_function.h"
#include "wengert/lowering.h"

namespace wengert {
namespace {

class HostFunctions {
 public:
  void Set(const std::string& token, std::shared_ptr<const HostFunction> function) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::shared_ptr<const HostFunction>& slot = functions_[token];
    slot.swap(function);  // the old one is destroyed outside the lock
    if (slot == nullptr) functions_.erase(token);
  }
  std::shared_ptr<const HostFunction> Find(const std::string& token) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto it = functions_.find(token);
    return it == functions_.end() ? nullptr : it->second;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const HostFunction>> functions_;
};

HostFunctions& Functions() {
  static HostFunctions* functions = new HostFunctions;
  return *functions;
}

void CheckResults(const std::string& token, const std::vector<DType>& dtypes,
                  const std::vector<Array>& results) {
  if (results.size() != dtypes.size()) {
    throw InvalidArgument(token + " returns " + std::to_string(results.size()) +
                          " values, but expects to see " + std::to_string(dtypes.size()) +
                          " values.");
  }
  for (size_t i = 0; i < dtypes.size(); ++i) {
    if (results[i].dtype() == dtypes[i]) continue;
    throw InvalidArgument(std::to_string(i) + "-th value returned by " + token + " is " +
                          SignatureName(results[i].dtype()) + ", but expects " +
                          SignatureName(dtypes[i]));
  }
}

void LowerHostCall(LoweringContext& c) {
  const std::string token = c.op.string_attr("token");
  const auto dtypes = c.op.attr("Tout").as<std::vector<DType>>();
  KernelSpec spec;
  spec.name = c.op.type();
  spec.dtypes = dtypes;
  spec.dynamic = true;
  spec.stateful = c.op.def().stateful();
  spec.key = token;
  spec.run = [token, dtypes](const std::vector<Array>& inputs, std::vector<Array>& outputs) {
    const std::shared_ptr<const HostFunction> function = Functions().Find(token);
    if (function == nullptr) {
      throw InvalidArgument("callback " + token +
                            " is not found: it belongs to the process that built the graph");
    }
    outputs = (*function)(inputs);
    CheckResults(token, dtypes, outputs);
  };
  c.out = c.b.Kernel(std::move(spec), c.in);
}

OpDef& RegisterHostCall(OpRegistry& r, const char* name) {
  return r.Op(name)
      .Input("input: Tin")
      .Output("output: Tout")
      .Attr("token: string")
      .Attr("Tin: list(type) >= 0")
      .Attr("Tout: list(type) >= 0")
      .Shape(shape_rules::UnknownShape)
      .Lower(LowerHostCall);
}

}  // namespace

void SetHostFunction(const std::string& token, std::shared_ptr<const HostFunction> function) {
  Functions().Set(token, std::move(function));
}

void RegisterHostCallOps(OpRegistry& r) {
  RegisterHostCall(r, "PyFunc")
      .Stateful()
      .NotDifferentiable()
      .Doc("What a function of the host program makes of arrays");
  RegisterHostCall(r, "PyFuncStateless")
      .NotDifferentiable()
      .Doc("What a function of the host program without state makes of arrays");
  RegisterHostCall(r, "EagerPyFunc")
      .Attr("is_async: bool = false")
      .Stateful()
      // dx: what the host program says, which registers a gradient under the op's name
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const GradientFn* rule = OpRegistry::Global().FindGradient("EagerPyFunc");
        if (rule == nullptr || !*rule) {
          throw LookupError("the host program has not registered a gradient of EagerPyFunc");
        }
        return (*rule)(g);
      })
      .Doc("What a function of the host program makes of eager tensors");
}

}  // namespace wengert
