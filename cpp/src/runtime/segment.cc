#include "runtime/segment.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "compile/pipeline.h"
#include "runtime/variables.h"

namespace wengert::runtime {
namespace {

constexpr size_t kIdleFrames = 4;

bool SameDims(const Dims& dims, int rank, const int64_t* other) {
  return static_cast<int>(dims.size()) == rank && std::equal(dims.begin(), dims.end(), other);
}

Variable& AsVariable(const std::shared_ptr<Resource>& resource) {
  auto* variable = dynamic_cast<Variable*>(resource.get());
  if (variable == nullptr) throw InvalidArgument("the handle does not refer to a variable");
  return *variable;
}

}  // namespace

InputRef InputRef::Of(const Array& array) {
  return {array.dtype(), array.rank(), array.dims().data(), array.data<char>(), &array};
}

InputRef InputRef::Of(const ArrayView& view) {
  if (view.dtype == DType::kResource) return Of(*static_cast<const Array*>(view.data));
  return {view.dtype, view.rank, view.dims, static_cast<char*>(view.data), nullptr};
}

const std::shared_ptr<Resource>* InputRef::resource() const {
  if (dtype != DType::kResource || rank != 0 || array == nullptr) return nullptr;
  return &array->resources()[0];
}

std::shared_ptr<Segment> SegmentCache::Find(Match match, const void* context) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (!match(*segments_[i], context)) continue;
    std::shared_ptr<Segment> found = segments_[i];
    std::rotate(segments_.begin(), segments_.begin() + static_cast<long>(i),
                segments_.begin() + static_cast<long>(i) + 1);
    return found;
  }
  return nullptr;
}

void SegmentCache::Add(std::shared_ptr<Segment> segment) {
  std::shared_ptr<Segment> dropped;
  std::lock_guard<std::mutex> lock(mutex_);
  segments_.insert(segments_.begin(), std::move(segment));
  if (segments_.size() > kMost) {
    dropped = std::move(segments_.back());
    segments_.pop_back();
  }
}

size_t SegmentCache::size() const {
  std::lock_guard<std::mutex> lock(mutex_);
  size_t total = segments_.size();
  for (const auto& segment : segments_) total += segment->next().size();
  return total;
}

Segment::Segment(compile::Lowered lowered, std::vector<compile::ValueInfo> infos,
                 std::vector<std::optional<Array>> constants, const std::vector<InputRef>& inputs,
                 const CompileOptions& options)
    : infos_(std::move(infos)),
      constants_(std::move(constants)),
      slots_(std::move(lowered.resources)),
      rest_(std::move(lowered.rest)),
      live_(std::move(lowered.live)) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::shared_ptr<Resource>* resource = inputs[i].resource();
    int first = resource == nullptr ? -1 : static_cast<int>(i);
    for (size_t k = 0; resource != nullptr && k < i; ++k) {
      const std::shared_ptr<Resource>* other = inputs[k].resource();
      if (other != nullptr && *other == *resource) {
        first = static_cast<int>(k);
        break;
      }
    }
    handles_.push_back(first);
  }
  // A variable that came with a call lives no longer for having been seen here.
  for (compile::ResourceSlot& slot : slots_) {
    if (slot.input >= 0) slot.resource.reset();
  }
  fitted_ =
      BuildWithin(compile::RunPasses(std::move(lowered.program), options),
                  {.reuse_memory = options.reuse_memory, .generate_code = options.generate_code},
                  options.memory_budget);
  plan_ = fitted_.plan;
  frames_.reserve(kIdleFrames);
  prepared_ = rest_ == nullptr;
  for (const Result& result : plan_->results()) prepared_ = prepared_ && !result.object;
}

bool Segment::Fits(const InputRef* inputs, size_t n) const {
  if (n != infos_.size()) return false;
  for (size_t i = 0; i < n; ++i) {
    if (inputs[i].dtype != infos_[i].dtype ||
        !SameDims(infos_[i].dims, inputs[i].rank, inputs[i].dims)) {
      return false;
    }
  }
  for (size_t i = 0; i < constants_.size(); ++i) {
    if (!constants_[i]) continue;
    const Array& constant = *constants_[i];
    if (!IsPlainData(constant.dtype()) && !constant.Identical(*inputs[i].array)) return false;
    if (constant.bytes() > 0 && std::memcmp(constant.raw(), inputs[i].data, constant.bytes())) {
      return false;
    }
  }
  return true;
}

bool Segment::FitsHandles(const InputRef* inputs, size_t n) const {
  for (size_t i = 0; i < n; ++i) {
    const std::shared_ptr<Resource>* resource = inputs[i].resource();
    if ((resource == nullptr) != (handles_[i] < 0)) return false;
    if (resource == nullptr) continue;
    int first = static_cast<int>(i);
    for (size_t k = 0; k < i; ++k) {
      const std::shared_ptr<Resource>* other = inputs[k].resource();
      if (other != nullptr && other->get() == resource->get()) {
        first = static_cast<int>(k);
        break;
      }
    }
    if (first != handles_[i]) return false;
  }
  return true;
}

bool Segment::FitsVariables(const std::vector<std::shared_ptr<Resource>>& resources) const {
  VariableAccess access;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const auto* variable = dynamic_cast<const Variable*>(resources[i].get());
    if (variable == nullptr) return false;
    if (!slots_[i].read) continue;
    const Array& value = access.value(*variable);
    if (value.dtype() != slots_[i].value.dtype || value.dims() != slots_[i].value.dims) {
      return false;
    }
  }
  return true;
}

void Segment::Resolve(const InputRef* first_inputs,
                      std::vector<std::shared_ptr<Resource>>* resources) const {
  resources->resize(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].input < 0) {
      (*resources)[i] = slots_[i].resource;
    } else {
      const auto* resource = first_inputs[slots_[i].input].resource();
      (*resources)[i] = resource == nullptr ? nullptr : *resource;
    }
  }
}

void Segment::ResolveMore(const std::vector<std::shared_ptr<Resource>>& before,
                          std::vector<std::shared_ptr<Resource>>* resources) const {
  *resources = before;
  for (size_t i = before.size(); i < slots_.size(); ++i) resources->push_back(slots_[i].resource);
}

std::unique_ptr<Segment::RunFrame> Segment::Take() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!frames_.empty()) {
      std::unique_ptr<RunFrame> run = std::move(frames_.back());
      frames_.pop_back();
      return run;
    }
  }
  auto run = std::make_unique<RunFrame>();
  run->frame = plan_->NewFrame();
  run->caches.resize(plan_->results().size());
  run->buffers.resize(plan_->results().size());
  run->variables.resize(plan_->reads().size());
  return run;
}

void Segment::GiveBack(std::unique_ptr<RunFrame> run) {
  for (std::shared_ptr<Buffer>& buffer : run->buffers) buffer.reset();
  for (Array& value : run->variables) value = Array();
  // Objects may hold on to anything; constants among them stay.
  if (plan_->has_objects()) {
    for (size_t i = 0; i < plan_->slots().size(); ++i) {
      if (plan_->slots()[i].kind != SlotKind::kConstant) run->frame->objects[i] = Array();
    }
  }
  std::lock_guard<std::mutex> lock(mutex_);
  if (frames_.size() < kIdleFrames) frames_.push_back(std::move(run));
}

// Hands the frame back whatever happens.
class Segment::Lease {
 public:
  explicit Lease(Segment& segment) : segment_(segment), run_(segment.Take()) {}
  ~Lease() { segment_.GiveBack(std::move(run_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  RunFrame& operator*() { return *run_; }

 private:
  Segment& segment_;
  std::unique_ptr<RunFrame> run_;
};

void Segment::BindVariables(RunFrame& run,
                            const std::vector<std::shared_ptr<Resource>>& resources) const {
  static char initialized[2] = {0, 1};
  Frame& frame = *run.frame;
  VariableAccess access;
  for (size_t i = 0; i < plan_->reads().size(); ++i) {
    const VariableRead& read = plan_->reads()[i];
    const Variable& variable = AsVariable(resources[static_cast<size_t>(read.resource)]);
    const Array& value = access.value(variable);
    if (value.dtype() != read.dtype || value.dims() != read.dims) {
      throw Error(ErrorKind::kAborted,
                  "variable " + variable.name() + " changed its shape while it was being read");
    }
    run.variables[i] = value;
    if (plan_->slots()[static_cast<size_t>(read.slot)].object) {
      frame.objects[static_cast<size_t>(read.slot)] = value;
    } else {
      frame.slots[static_cast<size_t>(read.slot)] = value.data<char>();
    }
  }
  for (const VariableTest& test : plan_->tests()) {
    const bool set =
        test.resource < 0 ||
        access.value(AsVariable(resources[static_cast<size_t>(test.resource)])).valid();
    frame.slots[static_cast<size_t>(test.slot)] = &initialized[set ? 1 : 0];
  }
}

void Segment::Commit(RunFrame& run, const std::vector<std::shared_ptr<Resource>>& resources,
                     int* failed_node) const {
  std::vector<Array> values;  // afterwards: the old ones, released after the lock
  values.reserve(plan_->writes().size());
  for (const VariableWrite& write : plan_->writes()) {
    const size_t at = static_cast<size_t>(write.result);
    const Result& result = plan_->results()[at];
    values.push_back(result.object ? run.frame->objects[static_cast<size_t>(result.slot)]
                                   : Array(result.dtype, result.dims, run.buffers[at]));
  }
  VariableAccess access;
  for (const VariableWrite& write : plan_->writes()) {
    const Result& result = plan_->results()[static_cast<size_t>(write.result)];
    *failed_node = write.node;
    // By the value's dims: those of the result may be decided by data.
    access.Check(AsVariable(resources[static_cast<size_t>(write.resource)]), result.dtype,
                 values[static_cast<size_t>(&write - plan_->writes().data())].dims());
  }
  for (const VariableUpdate& update : plan_->updates()) {
    *failed_node = update.node;
    Variable& variable = AsVariable(resources[static_cast<size_t>(update.resource)]);
    const VariableRead& read = plan_->reads()[static_cast<size_t>(update.read)];
    Array& bound = run.variables[static_cast<size_t>(update.read)];
    const Array& current = access.value(variable);
    if (current.dtype() != read.dtype || current.dims() != read.dims) {
      throw Error(ErrorKind::kAborted,
                  "variable " + variable.name() + " changed its shape while it was being updated");
    }
    bound = current;
    run.frame->slots[static_cast<size_t>(read.slot)] = access.Writable(variable, 1).data<char>();
  }
  if (!plan_->updates().empty()) plan_->RunUpdates(*run.frame);
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t resource = static_cast<size_t>(plan_->writes()[i].resource);
    access.Swap(AsVariable(resources[resource]), values[i]);
  }
}

void Segment::Bind(RunFrame& run, const InputRef* inputs,
                   const std::vector<std::shared_ptr<Resource>>& resources,
                   const ArrayView* out) const {
  Frame& frame = *run.frame;
  const std::vector<int>& input_slots = plan_->input_slots();
  for (size_t i = 0; i < input_slots.size(); ++i) {
    if (input_slots[i] < 0) continue;
    const size_t slot = static_cast<size_t>(input_slots[i]);
    if (plan_->slots()[slot].object) {
      frame.objects[slot] = *inputs[i].array;
    } else {
      frame.slots[slot] = inputs[i].data;
    }
  }
  if (!slots_.empty()) BindVariables(run, resources);
  const std::vector<Result>& all = plan_->results();
  const size_t num_outputs = static_cast<size_t>(plan_->num_outputs());
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].object) continue;
    char*& memory = frame.slots[static_cast<size_t>(all[i].slot)];
    if (out != nullptr && i < num_outputs && out[i].data != nullptr) {
      memory = static_cast<char*>(out[i].data);
    } else {
      run.buffers[i] = run.caches[i].Get(all[i].bytes);
      memory = static_cast<char*>(run.buffers[i]->data());
    }
  }
}

std::vector<double> Segment::TimeSteps(const InputRef* inputs,
                                       const std::vector<std::shared_ptr<Resource>>& resources) {
  constexpr int kRounds = 5;
  if (plan_->HasEffects()) return {};
  Lease lease(*this);
  std::vector<double> microseconds(plan_->num_steps(), std::numeric_limits<double>::infinity());
  try {
    for (int round = 0; round < kRounds; ++round) {
      Bind(*lease, inputs, resources, nullptr);
      plan_->TimeSteps(*(*lease).frame, &microseconds);
    }
  } catch (const Error&) {
    return {};  // a call with these values fails; what the compiler did can be told all the same
  }
  return microseconds;
}

void Segment::Run(const InputRef* inputs, const std::vector<std::shared_ptr<Resource>>& resources,
                  const ArrayView* out, Array* results) {
  Lease lease(*this);
  RunFrame& run = *lease;
  Frame& frame = *run.frame;
  Bind(run, inputs, resources, out);
  const std::vector<Result>& all = plan_->results();
  const size_t num_outputs = static_cast<size_t>(plan_->num_outputs());
  int failed = -1;
  try {
    plan_->RunSteps(frame, &failed);
    if (!plan_->writes().empty() || !plan_->updates().empty()) Commit(run, resources, &failed);
  } catch (const Error& e) {
    if (failed < 0) throw;
    throw compile::AtNode(e, plan_->program().nodes[static_cast<size_t>(failed)].origin);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::kResourceExhausted, "OOM: out of memory while running");
  }
  for (size_t i = 0; i < num_outputs; ++i) {
    if (all[i].object) {
      results[i] = frame.objects[static_cast<size_t>(all[i].slot)];
    } else if (run.buffers[i] != nullptr) {
      results[i] = Array(all[i].dtype, all[i].dims, std::move(run.buffers[i]));
    }
  }
}

}  // namespace wengert::runtime
