// Executable: from signatures to segments, and running them.
#include "wengert/executable.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "compile/lower.h"
#include "kernels/parallel.h"
#include "runtime/explain.h"
#include "runtime/interrupt.h"
#include "runtime/prepared_call.h"
#include "runtime/runtime.h"
#include "runtime/segment.h"

namespace wengert {
namespace runtime {
namespace {

using Resources = std::vector<std::shared_ptr<Resource>>;

// How often lowering may ask for more input values before something is wrong.
constexpr int kMaxSpecialisations = 32;

struct Call {
  const InputRef* inputs;
  size_t n;
  const Resources* resources;  // null: of the first segment, to be found from the inputs
};

bool Matches(const Segment& segment, const void* context) {
  const Call& call = *static_cast<const Call*>(context);
  if (!segment.Fits(call.inputs, call.n)) return false;
  if (call.resources != nullptr) {
    // A later segment knows at least the resources of the one before.
    Resources resources;
    segment.ResolveMore(*call.resources, &resources);
    return segment.FitsVariables(resources);
  }
  if (!segment.FitsHandles(call.inputs, call.n)) return false;
  if (!segment.has_resources()) return true;
  Resources resources;
  segment.Resolve(call.inputs, &resources);
  return segment.FitsVariables(resources);
}

bool Overlap(const char* a, size_t a_bytes, const char* b, size_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

class ExecutableImpl : public Executable {
 public:
  ExecutableImpl(std::shared_ptr<Graph> graph, std::vector<Tensor> inputs,
                 std::vector<Tensor> outputs, std::vector<Operation*> targets,
                 CompileOptions options, std::shared_ptr<ResourceManager> resources)
      : graph_(std::move(graph)),
        inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        targets_(std::move(targets)),
        options_(Resolved(options)),
        resources_(resources ? std::move(resources) : std::make_shared<ResourceManager>()) {}

  std::vector<Array> Run(const std::vector<Array>& inputs) override {
    kernels::ThreadLimit limit(options_.num_threads);
    return Guarded([&] { return RunChain(inputs); });
  }

  bool RunPrepared(const ArrayView* inputs, ArrayView* outputs, Array* fresh) override {
    std::shared_ptr<Segment> segment;
    {
      std::lock_guard<std::mutex> lock(last_mutex_);
      segment = last_;
    }
    if (segment == nullptr || !segment->prepared()) return false;
    constexpr size_t kFew = 16;
    InputRef few[kFew];
    std::vector<InputRef> many;
    InputRef* refs = few;
    const size_t n = inputs_.size();
    if (n > kFew) {
      many.resize(n);
      refs = many.data();
    }
    for (size_t i = 0; i < n; ++i) refs[i] = InputRef::Of(inputs[i]);
    if (!segment->Fits(refs, n) || !segment->FitsHandles(refs, n)) return false;
    Resources resources;
    if (segment->has_resources()) {
      segment->Resolve(refs, &resources);
      if (!segment->FitsVariables(resources)) return false;
    }
    if (!OutputsUsable(*segment, refs, outputs)) return false;
    kernels::ThreadLimit limit(options_.num_threads);
    Guarded([&] {
      segment->Run(refs, resources, outputs, fresh);
      return 0;
    });
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (outputs[i].data != nullptr) continue;
      outputs[i].dtype = fresh[i].dtype();
      outputs[i].rank = fresh[i].rank();
      outputs[i].dims = fresh[i].dims().data();
    }
    return true;
  }

  std::unique_ptr<PreparedCall> Prepare(const ArrayView* inputs) override {
    std::shared_ptr<Segment> segment;
    {
      std::lock_guard<std::mutex> lock(last_mutex_);
      segment = last_;
    }
    if (segment == nullptr || !segment->prepared() || !segment->plan()->brief()) return nullptr;
    for (const std::optional<Array>& constant : segment->constants()) {
      if (constant) return nullptr;
    }
    std::vector<InputRef> refs;
    for (size_t i = 0; i < inputs_.size(); ++i) refs.push_back(InputRef::Of(inputs[i]));
    if (!segment->Fits(refs.data(), refs.size())) return nullptr;
    return std::make_unique<BriefCall>(segment->plan());
  }

  std::string Explain(const std::vector<Array>& inputs) override {
    return Guarded([&] {
      const std::vector<InputRef> refs = Refs(inputs);
      std::lock_guard<std::mutex> lock(compile_mutex_);
      std::vector<std::optional<Array>> constants;
      compile::Lowered lowered = LowerFirst(refs, &constants);
      std::string text = ExplainProgram(lowered.program, options_);
      Segment segment(std::move(lowered), Infos(refs), std::move(constants), refs, options_);
      Resources resources;
      segment.Resolve(refs.data(), &resources);
      text += segment.fitted().report;
      text += ExplainPlan(*segment.plan(), segment.TimeSteps(refs.data(), resources));
      if (segment.rest() != nullptr) {
        text += "== the rest is compiled once the sizes of these results are known ==\n";
      }
      return text;
    });
  }

  Stats stats() const override {
    Stats stats;
    stats.programs = static_cast<int64_t>(segments_.size());
    std::lock_guard<std::mutex> lock(last_mutex_);
    if (last_ != nullptr) {
      stats.steps = static_cast<int64_t>(last_->plan()->num_steps());
      stats.arena_bytes = static_cast<int64_t>(last_->plan()->memory_bytes());
      stats.unlimited_arena_bytes = static_cast<int64_t>(last_->fitted().unlimited_bytes);
      stats.repeated_steps = static_cast<int64_t>(last_->fitted().repeated);
      stats.brief = last_->prepared() && last_->plan()->brief();
    }
    return stats;
  }

  const std::vector<Tensor>& inputs() const override { return inputs_; }
  const std::vector<Tensor>& outputs() const override { return outputs_; }

 private:
  static CompileOptions Resolved(CompileOptions options) {
    if (options.memory_budget == 0) options.memory_budget = MemoryBudget();
    return options;
  }

  // Adds to errors where the user's program made the operation.
  template <class F>
  auto Guarded(F&& f) -> decltype(f()) {
    try {
      return f();
    } catch (const Error& e) {
      const bool told = std::string_view(e.what()).find("\nDefined at: ") != std::string_view::npos;
      const Operation* op =
          told || e.op_name().empty() ? nullptr : graph_->FindOperation(e.op_name());
      const std::string location = op == nullptr ? "" : op->location();
      if (location.empty()) throw;
      throw Error(e.kind(), std::string(e.what()) + "\nDefined at: " + location, e.op_name());
    } catch (const std::bad_alloc&) {
      throw Error(ErrorKind::kResourceExhausted, "OOM: out of memory");
    }
  }

  std::vector<InputRef> Refs(const std::vector<Array>& inputs) const {
    if (inputs.size() != inputs_.size()) {
      throw InvalidArgument("expected " + std::to_string(inputs_.size()) + " inputs but got " +
                            std::to_string(inputs.size()));
    }
    std::vector<InputRef> refs;
    refs.reserve(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].dtype() != inputs_[i].dtype()) {
        throw InvalidArgument("input " + std::to_string(i) + ", " + inputs_[i].name() +
                              ", expects dtype " + Name(inputs_[i].dtype()) + " but got " +
                              Name(inputs[i].dtype()));
      }
      refs.push_back(InputRef::Of(inputs[i]));
    }
    return refs;
  }

  std::vector<Array> RunChain(const std::vector<Array>& inputs) {
    const std::vector<InputRef> refs = Refs(inputs);
    std::shared_ptr<Segment> segment = FindOrCompile(refs);
    {
      std::lock_guard<std::mutex> lock(last_mutex_);
      last_ = segment;
    }
    Resources resources;
    segment->Resolve(refs.data(), &resources);
    std::vector<Array> values(static_cast<size_t>(segment->plan()->num_outputs()));
    segment->Run(refs.data(), resources, nullptr, values.data());
    while (segment->rest() != nullptr) {
      std::vector<InputRef> live;
      for (const Array& value : values) live.push_back(InputRef::Of(value));
      segment = NextSegment(*segment, live, &resources);
      std::vector<Array> next(static_cast<size_t>(segment->plan()->num_outputs()));
      segment->Run(live.data(), resources, nullptr, next.data());
      values = std::move(next);
    }
    return values;
  }

  std::shared_ptr<Segment> FindOrCompile(const std::vector<InputRef>& refs) {
    const Call call{refs.data(), refs.size(), nullptr};
    if (auto found = segments_.Find(&Matches, &call)) return found;
    std::lock_guard<std::mutex> lock(compile_mutex_);
    if (auto found = segments_.Find(&Matches, &call)) return found;
    std::vector<std::optional<Array>> constants;
    compile::Lowered lowered = LowerFirst(refs, &constants);
    auto segment = std::make_shared<Segment>(std::move(lowered), Infos(refs), std::move(constants),
                                             refs, options_);
    segments_.Add(segment);
    return segment;
  }

  std::shared_ptr<Segment> NextSegment(Segment& before, const std::vector<InputRef>& live,
                                       Resources* resources) {
    const Call call{live.data(), live.size(), resources};
    std::shared_ptr<Segment> found = before.next().Find(&Matches, &call);
    if (found == nullptr) {
      std::lock_guard<std::mutex> lock(compile_mutex_);
      found = before.next().Find(&Matches, &call);
      if (found == nullptr) {
        found = CompileRest(before, live, *resources);
        before.next().Add(found);
      }
    }
    Resources more;
    found->ResolveMore(*resources, &more);
    *resources = std::move(more);
    return found;
  }

  std::shared_ptr<Segment> CompileRest(Segment& before, const std::vector<InputRef>& live,
                                       const Resources& resources) {
    compile::ResumeRequest request;
    request.input_infos = Infos(live);
    request.input_constants.resize(live.size());
    for (size_t i = 0; i < live.size(); ++i) {
      if (before.live()[i].constant) request.input_constants[i] = live[i].array->Clone();
    }
    request.resources = resources;
    request.named_resource = NamedResource();
    request.make_runner = MakeRunner();
    // Specialised on the values that only this part of the program turns out to need.
    for (int round = 0; round < kMaxSpecialisations; ++round) {
      compile::Lowered lowered = compile::Resume(*before.rest(), request);
      if (lowered.wanted_constants.empty()) {
        return std::make_shared<Segment>(std::move(lowered), std::move(request.input_infos),
                                         std::move(request.input_constants), live, options_);
      }
      for (int wanted : lowered.wanted_constants) {
        const size_t i = static_cast<size_t>(wanted);
        request.input_constants[i] = live[i].array->Clone();
      }
    }
    throw Error(ErrorKind::kInternal, "lowering keeps asking for values of inputs");
  }

  // Lowers for these inputs, specialised on the values that lowering asks for.
  compile::Lowered LowerFirst(const std::vector<InputRef>& refs,
                              std::vector<std::optional<Array>>* constants) {
    CheckShapes(refs);
    compile::LowerRequest request;
    request.inputs = inputs_;
    request.input_infos = Infos(refs);
    request.outputs = outputs_;
    request.targets = targets_;
    request.named_resource = NamedResource();
    request.make_runner = MakeRunner();
    request.input_constants.resize(refs.size());
    for (size_t i : last_wanted_) {
      if (IsSmall(refs[i])) request.input_constants[i] = refs[i].array->Clone();
    }
    for (const InputRef& ref : refs) {
      const std::shared_ptr<Resource>* resource = ref.resource();
      request.input_resources.push_back(resource == nullptr ? nullptr : *resource);
    }
    for (int round = 0; round < kMaxSpecialisations; ++round) {
      compile::Lowered lowered = compile::Lower(request);
      if (lowered.wanted_constants.empty()) {
        *constants = std::move(request.input_constants);
        return lowered;
      }
      for (int wanted : lowered.wanted_constants) {
        const size_t i = static_cast<size_t>(wanted);
        request.input_constants[i] = refs[i].array->Clone();
        if (std::find(last_wanted_.begin(), last_wanted_.end(), i) == last_wanted_.end()) {
          last_wanted_.push_back(i);
        }
      }
    }
    throw Error(ErrorKind::kInternal, "lowering keeps asking for values of inputs");
  }

  static bool IsSmall(const InputRef& ref) {
    int64_t n = 1;
    for (int k = 0; k < ref.rank; ++k) n *= std::min<int64_t>(ref.dims[k], 1000);
    return n <= 1000;
  }

  void CheckShapes(const std::vector<InputRef>& refs) const {
    for (size_t i = 0; i < refs.size(); ++i) {
      const Dims dims(refs[i].dims, refs[i].dims + refs[i].rank);
      if (inputs_[i].shape().CompatibleWith(Shape(dims))) continue;
      throw InvalidArgument("input " + std::to_string(i) + ", " + inputs_[i].name() +
                            ", expects shape " + inputs_[i].shape().ToPython() + " but got " +
                            Shape(dims).ToPython());
    }
  }

  static std::vector<compile::ValueInfo> Infos(const std::vector<InputRef>& refs) {
    std::vector<compile::ValueInfo> infos;
    for (const InputRef& ref : refs) {
      infos.push_back({ref.dtype, Dims(ref.dims, ref.dims + ref.rank)});
    }
    return infos;
  }

  compile::NamedResourceFn NamedResource() {
    return [manager = resources_](const std::string& name, DType dtype, const Shape& shape) {
      return manager->LookupOrCreate(name, dtype, shape);
    };
  }

  compile::MakeRunnerFn MakeRunner() {
    return [options = options_, manager = resources_](const Function& f) {
      auto executable =
          Executable::Compile(f.graph, f.inputs, f.outputs, f.control_outputs, options, manager);
      auto timer = std::make_shared<InterruptTimer>();
      return [executable, timer](const std::vector<Array>& args) {
        timer->Poll();
        return executable->Run(args);
      };
    };
  }

  // Memory given for outputs must fit, and touch neither inputs nor other outputs: results
  // are written while inputs are still read.
  static bool OutputsUsable(const Segment& segment, const InputRef* inputs,
                            const ArrayView* outputs) {
    const std::vector<Result>& results = segment.plan()->results();
    const std::vector<int>& input_slots = segment.plan()->input_slots();
    const std::vector<Slot>& slots = segment.plan()->slots();
    for (int o = 0; o < segment.plan()->num_outputs(); ++o) {
      if (outputs[o].data == nullptr) continue;
      const Result& result = results[static_cast<size_t>(o)];
      const char* data = static_cast<const char*>(outputs[o].data);
      if (outputs[o].dtype != result.dtype ||
          outputs[o].rank != static_cast<int>(result.dims.size()) ||
          !std::equal(result.dims.begin(), result.dims.end(), outputs[o].dims)) {
        return false;
      }
      for (size_t i = 0; i < input_slots.size(); ++i) {
        if (input_slots[i] < 0) continue;
        const Slot& slot = slots[static_cast<size_t>(input_slots[i])];
        if (!slot.object && Overlap(data, result.bytes, inputs[i].data, slot.bytes)) return false;
      }
      for (int other = 0; other < o; ++other) {
        if (outputs[other].data == nullptr) continue;
        if (Overlap(data, result.bytes, static_cast<const char*>(outputs[other].data),
                    results[static_cast<size_t>(other)].bytes)) {
          return false;
        }
      }
    }
    return true;
  }

  const std::shared_ptr<Graph> graph_;
  const std::vector<Tensor> inputs_, outputs_;
  const std::vector<Operation*> targets_;
  const CompileOptions options_;
  const std::shared_ptr<ResourceManager> resources_;
  SegmentCache segments_;
  std::mutex compile_mutex_;         // one compilation at a time reads the graph
  std::vector<size_t> last_wanted_;  // inputs specialised on so far; under compile_mutex_
  mutable std::mutex last_mutex_;
  std::shared_ptr<Segment> last_;
};

}  // namespace
}  // namespace runtime

std::shared_ptr<Executable> Executable::Compile(std::shared_ptr<Graph> graph,
                                                std::vector<Tensor> inputs,
                                                std::vector<Tensor> outputs,
                                                std::vector<Operation*> targets,
                                                CompileOptions options,
                                                std::shared_ptr<ResourceManager> resources) {
  runtime::InstallRuntime();
  if (graph == nullptr) throw ValueError("Executable::Compile: no graph");
  for (const std::vector<Tensor>* tensors : {&inputs, &outputs}) {
    for (const Tensor& t : *tensors) {
      if (!t || &t.graph() != graph.get()) {
        throw ValueError("Executable::Compile: " + (t ? t.name() : std::string("a null tensor")) +
                         " is not an element of this graph.");
      }
      if (t.index < 0 || t.index >= t.op->num_outputs()) {
        throw ValueError("Executable::Compile: " + t.op->name() + " has no output " +
                         std::to_string(t.index));
      }
    }
  }
  for (const Operation* op : targets) {
    if (op == nullptr || &op->graph() != graph.get()) {
      throw ValueError("Executable::Compile: a target is not an element of this graph.");
    }
  }
  return std::make_shared<runtime::ExecutableImpl>(std::move(graph), std::move(inputs),
                                                   std::move(outputs), std::move(targets), options,
                                                   std::move(resources));
}

}  // namespace wengert
