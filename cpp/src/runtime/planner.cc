// From a Program to a Plan: slots, steps, liveness, the arena.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "runtime/fused_step.h"
#include "runtime/legalize.h"
#include "runtime/memory.h"
#include "runtime/placement.h"
#include "runtime/plan.h"
#include "runtime/steps.h"
#include "runtime/updates.h"

namespace wengert::runtime {

std::unique_ptr<Step> MakeStep(StepContext& context) {
  const compile::Primitive& prim = context.node().prim;
  if (std::holds_alternative<compile::Fused>(prim)) {
    if (std::unique_ptr<Step> step = MakeDot(context)) return step;
    return std::make_unique<FusedStep>(context);
  }
  if (std::holds_alternative<compile::Iota>(prim)) return MakeIota(context);
  if (std::holds_alternative<compile::Gather>(prim)) return MakeGather(context);
  if (std::holds_alternative<compile::GatherNd>(prim)) return MakeGatherNd(context);
  if (std::holds_alternative<compile::Scatter>(prim)) return MakeScatter(context);
  if (std::holds_alternative<compile::ArgReduce>(prim)) return MakeArgReduce(context);
  if (std::holds_alternative<compile::Scan>(prim)) return MakeScan(context);
  if (std::holds_alternative<compile::TopK>(prim)) return MakeTopK(context);
  if (std::holds_alternative<compile::MatMul>(prim)) return MakeMatMul(context);
  if (const auto* kernel = std::get_if<compile::CustomKernel>(&prim)) {
    return kernel->tiling != nullptr ? MakeTiled(context) : MakeKernel(context);
  }
  if (std::holds_alternative<compile::Conv>(prim)) return MakeConv(context);
  if (std::holds_alternative<compile::Pool>(prim)) return MakePool(context);
  if (std::holds_alternative<compile::CaseOf>(prim)) return MakeCase(context);
  if (std::holds_alternative<compile::WhileLoop>(prim)) return MakeWhile(context);
  if (std::holds_alternative<compile::ListNode>(prim)) return MakeList(context);
  return MakeMovement(context);
}

class Planner {
 public:
  Planner(const Program& program, PlanOptions options)
      : plan_(std::make_shared<Plan>()), options_(options) {
    plan_->program_ = Legalize(program);
  }

  // Null when there is code that cannot be made executable.
  std::shared_ptr<const Plan> Run() {
    updates_ = FindUpdates(program());
    plan_->slot_of_.assign(program().values.size(), -1);
    plan_->input_slots_.assign(static_cast<size_t>(program().num_inputs), -1);
    AssignSlots();
    AssignResults();
    MakeSteps();
    if (!code_.empty()) {
      plan_->code_ = CodeMemory::Make(code_);
      if (plan_->code_ == nullptr) return nullptr;
      for (const auto& step : plan_->steps_) step->SetCode(plan_->code_->data());
      for (const auto& step : plan_->update_steps_) step->SetCode(plan_->code_->data());
    }
    LayOutArena();
    FindInPlace();
    for (const Slot& slot : plan_->slots_) plan_->has_objects_ |= slot.object;
    plan_->brief_ = IsBrief();
    return plan_;
  }

 private:
  class Context : public StepContext {
   public:
    Context(Planner& planner, const Node& node, StepUse* use)
        : StepContext(planner.program(), node), planner_(planner), use_(use) {}
    int in_slot(size_t i) const override { return planner_.plan_->slot_of(node().inputs.at(i)); }
    int out_slot(size_t i) const override { return planner_.plan_->slot_of(node().outputs.at(i)); }
    int Workspace(size_t bytes) override {
      use_->workspaces.push_back(planner_.NewSlot(SlotKind::kArena, 0, bytes));
      return use_->workspaces.back();
    }
    std::vector<uint8_t>* code() override {
      return planner_.options_.generate_code ? &planner_.code_ : nullptr;
    }
    int Inner(const Program& program, int loop_vars) override {
      PlanOptions options = planner_.options_;
      options.loop_vars = loop_vars;
      options.share_results = false;  // results of a body may stand where its variables do
      planner_.plan_->inner_.push_back(Plan::Build(program, options));
      return static_cast<int>(planner_.plan_->inner_.size()) - 1;
    }
    const Plan& inner(int i) const override {
      return *planner_.plan_->inner_.at(static_cast<size_t>(i));
    }
    bool IsElement(int slot) const override {
      return planner_.slot(slot).kind == SlotKind::kElement;
    }
    bool Dies(size_t i) const override {
      const int slot = in_slot(i);
      return planner_.slot(slot).kind != SlotKind::kConstant &&
             planner_.last_reader_.at(static_cast<size_t>(slot)) == &node();
    }

   private:
    Planner& planner_;
    StepUse* use_;
  };

  const Program& program() const { return plan_->program_; }

  int NewSlot(SlotKind kind, int index, size_t bytes, bool object = false) {
    Slot slot;
    slot.kind = kind;
    slot.object = object;
    slot.index = index;
    slot.bytes = bytes;
    plan_->slots_.push_back(slot);
    return static_cast<int>(plan_->slots_.size()) - 1;
  }

  int NewValueSlot(SlotKind kind, int index, Value v) {
    const compile::ValueInfo& info = program().info(v);
    if (!IsPlainData(info.dtype)) return NewSlot(kind, index, 0, true);
    return NewSlot(kind, index,
                   CheckedMul(static_cast<size_t>(NumElements(info.dims)), SizeOf(info.dtype)));
  }

  void Set(Value v, int slot) { plan_->slot_of_[static_cast<size_t>(v.id)] = slot; }

  void AssignSlots() {
    std::unordered_map<int, int> variables, assigned, tests;
    for (size_t i = 0; i < program().nodes.size(); ++i) {
      const Node& node = program().nodes[i];
      if (const auto* input = std::get_if<compile::Input>(&node.prim)) {
        int& slot = plan_->input_slots_.at(static_cast<size_t>(input->index));
        if (slot < 0) slot = NewValueSlot(SlotKind::kInput, input->index, node.outputs[0]);
        Set(node.outputs[0], slot);
      } else if (const auto* constant = std::get_if<compile::Const>(&node.prim)) {
        const int index = static_cast<int>(plan_->constants_.size());
        plan_->constants_.push_back(constant->value);
        Set(node.outputs[0], NewValueSlot(SlotKind::kConstant, index, node.outputs[0]));
      } else if (const auto* read = std::get_if<compile::ReadVariable>(&node.prim)) {
        // A read after an assignment sees what was assigned.
        auto known = assigned.find(read->resource);
        if (known == assigned.end()) {
          known = variables.find(read->resource);
          if (known == variables.end()) {
            known =
                variables.emplace(read->resource, NewRead(read->resource, node.outputs[0])).first;
          }
        }
        Set(node.outputs[0], known->second);
      } else if (const auto* assign = std::get_if<compile::AssignVariable>(&node.prim)) {
        assigned[assign->resource] = plan_->slot_of(node.inputs[0]);
        assignments_[assign->resource] = static_cast<int>(i);
      } else if (const auto* test = std::get_if<compile::IsInitialized>(&node.prim)) {
        const int index = static_cast<int>(plan_->tests_.size());
        const int slot = NewSlot(SlotKind::kVariable, index, 1);
        // Assigned before: a resource that does not exist is initialized.
        plan_->tests_.push_back({assigned.count(test->resource) > 0 ? -1 : test->resource, slot});
        Set(node.outputs[0], slot);
      } else if (IsView(node)) {
        Set(node.outputs[0], plan_->slot_of(node.inputs[0]));
      } else if (updates_.scatters.count(static_cast<int>(i)) > 0) {
        Set(node.outputs[0], plan_->slot_of(node.inputs[0]));  // the variable itself
      } else {
        const auto* kernel = std::get_if<compile::CustomKernel>(&node.prim);
        for (Value v : node.outputs) {
          const bool dynamic = kernel != nullptr && kernel->spec->dynamic;
          Set(v, dynamic ? NewSlot(SlotKind::kArena, 0, 0, true)
                         : NewValueSlot(SlotKind::kArena, 0, v));
          if (dynamic) dynamic_.push_back(v);
        }
      }
    }
  }

  int NewRead(int resource, Value v) {
    const compile::ValueInfo& info = program().info(v);
    const int slot = NewValueSlot(SlotKind::kVariable, resource, v);
    plan_->reads_.push_back({resource, slot, info.dtype, info.dims});
    return slot;
  }

  bool IsView(const Node& node) const {
    return std::holds_alternative<compile::Reshape>(node.prim) &&
           IsPlainData(program().info(node.outputs[0]).dtype);
  }

  // A value becomes a result by being written there in the first place; what cannot (an
  // input, a constant, a value that is a result twice) is copied at the end.
  void AddResult(Value v) {
    const int index = static_cast<int>(plan_->results_.size());
    const compile::ValueInfo& info = program().info(v);
    const int from = plan_->slot_of(v);
    Slot& slot = plan_->slots_[static_cast<size_t>(from)];
    Result result;
    result.dtype = info.dtype;
    result.dims = info.dims;
    result.bytes = slot.object ? 0 : slot.bytes;
    result.object = slot.object;
    result.slot = from;
    result.dynamic = std::find(dynamic_.begin(), dynamic_.end(), v) != dynamic_.end();
    if (!slot.object) {
      if (slot.kind == SlotKind::kArena) {
        slot.kind = SlotKind::kOutput;
        slot.index = index;
      } else {
        result.slot = NewSlot(SlotKind::kOutput, index, result.bytes);
        copies_.emplace_back(from, result.slot);
      }
    }
    plan_->results_.push_back(std::move(result));
  }

  void AssignResults() {
    for (Value v : program().outputs) AddResult(v);
    plan_->num_outputs_ = static_cast<int>(plan_->results_.size());
    for (const auto& [resource, node] : assignments_) {
      if (updates_.resources.count(resource) > 0) {
        AddUpdate(resource, node);
        continue;
      }
      const int result = static_cast<int>(plan_->results_.size());
      AddResult(program().nodes[static_cast<size_t>(node)].inputs[0]);
      plan_->writes_.push_back({resource, result, node});
    }
  }

  void AddUpdate(int resource, int node) {
    const int slot = plan_->slot_of(program().nodes[static_cast<size_t>(node)].inputs[0]);
    const auto read = std::find_if(plan_->reads_.begin(), plan_->reads_.end(),
                                   [slot](const VariableRead& r) { return r.slot == slot; });
    plan_->updates_.push_back({resource, static_cast<int>(read - plan_->reads_.begin()), node});
  }

  bool NeedsStep(const Node& node) const {
    return !std::holds_alternative<compile::Input>(node.prim) &&
           !std::holds_alternative<compile::Const>(node.prim) &&
           !std::holds_alternative<compile::ReadVariable>(node.prim) &&
           !std::holds_alternative<compile::AssignVariable>(node.prim) &&
           !std::holds_alternative<compile::IsInitialized>(node.prim) && !IsView(node);
  }

  bool MovesObjects(const Node& node) const {
    return !std::holds_alternative<compile::CustomKernel>(node.prim) &&
           !std::holds_alternative<compile::CaseOf>(node.prim) &&
           !std::holds_alternative<compile::WhileLoop>(node.prim) &&
           !std::holds_alternative<compile::ListNode>(node.prim) && !node.outputs.empty() &&
           !IsPlainData(program().info(node.outputs[0]).dtype);
  }

  // The node that reads a slot last; results are read after all of them.
  void FindLastReaders() {
    last_reader_.assign(plan_->slots_.size(), nullptr);
    for (const Node& node : program().nodes) {
      for (Value v : node.inputs) last_reader_[static_cast<size_t>(plan_->slot_of(v))] = &node;
    }
    for (const Result& result : plan_->results_) {
      last_reader_[static_cast<size_t>(result.slot)] = nullptr;
    }
  }

  // What a list gives is read where it stands, if the list then rests; what it takes is made
  // there, if nobody needs the list in between.
  void BindElements() {
    std::vector<int> readers(plan_->slots_.size(), 0), producer(plan_->slots_.size(), -1);
    for (size_t i = 0; i < program().nodes.size(); ++i) {
      const Node& node = program().nodes[i];
      for (Value v : node.inputs) ++readers[static_cast<size_t>(plan_->slot_of(v))];
      if (!NeedsStep(node)) continue;
      for (Value v : node.outputs)
        producer[static_cast<size_t>(plan_->slot_of(v))] = static_cast<int>(i);
    }
    for (size_t i = 0; i < program().nodes.size(); ++i) {
      const Node& node = program().nodes[i];
      const auto* list = std::get_if<compile::ListNode>(&node.prim);
      if (list == nullptr || !options_.reuse_memory) continue;
      const size_t from = static_cast<size_t>(plan_->slot_of(node.inputs[0]));
      if (last_reader_[from] != &node || slot(static_cast<int>(from)).kind == SlotKind::kConstant)
        continue;
      if (list->call.op == ListOp::kPop) {
        const int rest = plan_->slot_of(node.outputs[0]), item = plan_->slot_of(node.outputs[1]);
        if (InArena(item) && readers[static_cast<size_t>(rest)] == 0)
          slot(item).kind = SlotKind::kElement;
      } else if (list->call.op == ListOp::kPush) {
        const int item = plan_->slot_of(node.inputs[1]),
                  maker = producer[static_cast<size_t>(item)];
        if (maker < 0 || !InArena(item) || readers[from] != 1 ||
            slot(static_cast<int>(from)).kind != SlotKind::kInput)
          continue;
        slot(item).kind = SlotKind::kElement;
        pushes_[maker].push_back(&node);
      }
    }
  }

  void MakeSteps() {
    FindLastReaders();
    BindElements();
    for (size_t i = 0; i < program().nodes.size(); ++i) {
      const Node& node = program().nodes[i];
      if (!NeedsStep(node)) continue;
      if (const auto found = pushes_.find(static_cast<int>(i)); found != pushes_.end()) {
        for (const Node* push : found->second) MakeRoom(*push);
      }
      StepUse use;
      for (Value v : node.inputs) use.reads.push_back(plan_->slot_of(v));
      for (Value v : node.outputs) use.writes.push_back(plan_->slot_of(v));
      Context context(*this, node, &use);
      if (updates_.scatters.count(static_cast<int>(i)) > 0) {
        plan_->update_steps_.push_back(MakeScatterInPlace(context));
        for (int read : use.reads) plan_->kept_.push_back(read);
        plan_->steps_.push_back(MakeScatterCheck(context));
        plan_->step_nodes_.push_back(static_cast<int>(i));
        uses_.push_back(std::move(use));
        continue;
      }
      plan_->steps_.push_back(MovesObjects(node) ? MakeObjectMovement(context, program())
                                                 : MakeStep(context));
      plan_->step_nodes_.push_back(static_cast<int>(i));
      uses_.push_back(std::move(use));
    }
    for (const auto& [from, to] : copies_) {
      plan_->steps_.push_back(MakeCopy(from, to, plan_->slots_[static_cast<size_t>(to)].bytes));
      plan_->step_nodes_.push_back(-1);
      uses_.push_back({{from}, {to}, {}});
    }
  }

  void MakeRoom(const Node& push) {
    StepUse use;
    use.reads.push_back(plan_->slot_of(push.inputs[0]));
    use.writes.push_back(plan_->slot_of(push.inputs[1]));
    const int spare = NewSlot(SlotKind::kArena, 0, 0, true);
    Context context(*this, push, &use);
    plan_->steps_.push_back(MakeListRoom(context, spare));
    plan_->step_nodes_.push_back(static_cast<int>(&push - program().nodes.data()));
    uses_.push_back(std::move(use));
  }

  Slot& slot(int i) { return plan_->slots_[static_cast<size_t>(i)]; }
  bool InArena(int i) { return slot(i).kind == SlotKind::kArena && !slot(i).object; }

  // An input that dies here and whose memory the step may write output `o` to; -1: none.
  int FindOverwritable(size_t step, size_t o, const std::vector<int>& last_read,
                       const std::vector<int>& taken) {
    const StepUse& use = uses_[step];
    const Step& code = *plan_->steps_[step];
    for (size_t k = 0; k < use.reads.size(); ++k) {
      const int candidate = use.reads[k];
      if (!InArena(candidate) || slot(candidate).bytes != slot(use.writes[o]).bytes ||
          last_read[static_cast<size_t>(candidate)] != static_cast<int>(step) ||
          std::find(taken.begin(), taken.end(), candidate) != taken.end()) {
        continue;
      }
      bool fine = true;
      for (size_t j = 0; j < use.reads.size() && fine; ++j) {
        if (use.reads[j] != candidate) continue;
        fine = code.MayOverwrite(static_cast<int>(j), static_cast<int>(o));
      }
      if (fine) return candidate;
    }
    return -1;
  }

  // Values made where another step would copy them to. Memory in which something stands lasts
  // until it has been written itself.
  void PlaceValues(std::vector<int>* last_read) {
    places_.assign(plan_->slots_.size(), Place{});
    if (!options_.place || !options_.reuse_memory) return;
    // Memory of a loop's results is that of its variables, which are still read.
    const bool in_results = options_.loop_vars == 0;
    places_ = FindPlaces(plan_->slots_, plan_->steps_, uses_, *last_read, in_results);
    for (size_t step = 0; step < uses_.size(); ++step) {
      for (int write : uses_[step].writes) {
        int& last = (*last_read)[static_cast<size_t>(write)];
        last = std::max(last, static_cast<int>(step));
      }
    }
    for (size_t i = 0; i < places_.size(); ++i) {
      const int root = places_[i].root;
      if (root < 0 || slot(root).kind != SlotKind::kOutput) continue;
      plan_->slots_[i].kind = SlotKind::kShared;
      plan_->slots_[i].index = root;
      plan_->shared_.push_back(static_cast<int>(i));
    }
  }

  void LayOutArena() {
    const int end = static_cast<int>(uses_.size());
    std::vector<int> last_read(plan_->slots_.size(), -1);
    for (size_t step = 0; step < uses_.size(); ++step) {
      for (int read : uses_[step].reads) {
        last_read[static_cast<size_t>(read)] = static_cast<int>(step);
      }
    }
    for (int read : plan_->kept_) last_read[static_cast<size_t>(read)] = end;
    PlaceValues(&last_read);
    std::vector<Lifetime> lifetimes;
    std::vector<int> lifetime_of(plan_->slots_.size(), -1);
    for (size_t i = 0; i < uses_.size(); ++i) {
      const StepUse& use = uses_[i];
      const int step = static_cast<int>(i);
      const auto begin = [&](int slot_index, int last) {
        lifetime_of[static_cast<size_t>(slot_index)] = static_cast<int>(lifetimes.size());
        if (!options_.reuse_memory) last = end;
        lifetimes.push_back({slot(slot_index).bytes, step, std::max(step, last)});
      };
      std::vector<int> taken;
      for (size_t o = 0; o < use.writes.size(); ++o) {
        const int write = use.writes[o];
        if (const int root = places_[static_cast<size_t>(write)].root; root >= 0) {
          if (InArena(root) && lifetime_of[static_cast<size_t>(root)] < 0) {
            begin(root, last_read[static_cast<size_t>(root)]);
          }
          continue;
        }
        if (!InArena(write) || lifetime_of[static_cast<size_t>(write)] >= 0) continue;
        const int last = last_read[static_cast<size_t>(write)];
        const int reused = options_.reuse_memory ? FindOverwritable(i, o, last_read, taken) : -1;
        if (reused < 0) {
          begin(write, last);
          continue;
        }
        taken.push_back(reused);
        const int same = lifetime_of[static_cast<size_t>(reused)];
        lifetime_of[static_cast<size_t>(write)] = same;
        lifetimes[static_cast<size_t>(same)].last = std::max(step, last);
      }
      size_t workspace = 0;
      for (int w : use.workspaces) {
        begin(w, step);
        workspace = CheckedAdd(workspace, ArenaLayout::Rounded(slot(w).bytes));
      }
      plan_->workspaces_.push_back(workspace);
    }
    if (options_.share_results) ShareResults(&lifetimes, &lifetime_of);
    plan_->arena_bytes_ = PlaceLifetimes(&lifetimes);
    for (size_t i = 0; i < lifetime_of.size(); ++i) {
      if (lifetime_of[i] < 0) continue;
      plan_->slots_[i].offset = lifetimes[static_cast<size_t>(lifetime_of[i])].offset;
    }
    for (size_t i = 0; i < places_.size(); ++i) {
      if (places_[i].root < 0) continue;
      plan_->slots_[i].offset = slot(places_[i].root).offset + places_[i].offset;
    }
  }

  // Few steps over little plain data, each of a kind whose work is known.
  bool IsBrief() const {
    constexpr size_t kMostSteps = 64, kMostBytes = 64 * 1024, kMostMatrixBytes = 8 * 1024;
    if (plan_->steps_.size() > kMostSteps || plan_->has_objects_ || !plan_->reads_.empty() ||
        !plan_->tests_.empty() || !plan_->writes_.empty() || !plan_->updates_.empty()) {
      return false;
    }
    size_t bytes = 0;
    for (const Slot& s : plan_->slots_) bytes += s.bytes;
    return bytes <= kMostBytes &&
           std::all_of(plan_->program_.nodes.begin(), plan_->program_.nodes.end(),
                       [&](const Node& node) {
                         return (std::holds_alternative<compile::MatMul>(node.prim) &&
                                 bytes <= kMostMatrixBytes) ||
                                IsMovementOrMap(node);
                       });
  }

  static bool IsMovementOrMap(const Node& node) {
    return std::visit(
        [](const auto& prim) {
          using P = std::decay_t<decltype(prim)>;
          return (std::is_same_v<P, compile::Input> || std::is_same_v<P, compile::Const> ||
                  std::is_same_v<P, compile::Fused> || std::is_same_v<P, compile::Reshape> ||
                  std::is_same_v<P, compile::Broadcast> || std::is_same_v<P, compile::Transpose> ||
                  std::is_same_v<P, compile::Slice> || std::is_same_v<P, compile::Pad> ||
                  std::is_same_v<P, compile::Concat> || std::is_same_v<P, compile::Gather> ||
                  std::is_same_v<P, compile::Reduce>);
        },
        node.prim);
  }

  // Moves lifetimes out of the arena into results that are written after their end.
  void ShareResults(std::vector<Lifetime>* lifetimes, std::vector<int>* lifetime_of) {
    std::vector<Host> hosts;
    std::vector<int> host_slots;
    for (size_t step = 0; step < uses_.size(); ++step) {
      for (int write : uses_[step].writes) {
        if (slot(write).kind != SlotKind::kOutput || slot(write).object) continue;
        hosts.push_back({slot(write).bytes, static_cast<int>(step)});
        host_slots.push_back(write);
      }
    }
    const std::vector<int> host_of = AssignHosts(*lifetimes, hosts);
    std::vector<int> kept(lifetimes->size(), -1);  // new numbers of those that stay
    std::vector<Lifetime> stay;
    for (size_t i = 0; i < lifetimes->size(); ++i) {
      if (host_of[i] >= 0) continue;
      kept[i] = static_cast<int>(stay.size());
      stay.push_back((*lifetimes)[i]);
    }
    for (size_t i = 0; i < lifetime_of->size(); ++i) {
      int& lifetime = (*lifetime_of)[i];
      if (lifetime < 0) continue;
      const int host = host_of[static_cast<size_t>(lifetime)];
      lifetime = kept[static_cast<size_t>(lifetime)];
      if (host < 0) continue;
      plan_->slots_[i].kind = SlotKind::kShared;
      plan_->slots_[i].index = host_slots[static_cast<size_t>(host)];
      plan_->shared_.push_back(static_cast<int>(i));
    }
    *lifetimes = std::move(stay);
  }

  // Variables of a loop that nothing reads once their next value is being written.
  void FindInPlace() {
    for (int k = 0; k < options_.loop_vars && options_.reuse_memory; ++k) {
      const int in = plan_->input_slots_[static_cast<size_t>(k)];
      const int out = plan_->results_[static_cast<size_t>(k)].slot;
      bool fine = in >= 0 && !slot(in).object && slot(out).kind == SlotKind::kOutput;
      bool written = false;
      for (size_t step = 0; step < uses_.size() && fine; ++step) {
        const StepUse& use = uses_[step];
        for (size_t j = 0; j < use.reads.size() && written; ++j) fine = fine && use.reads[j] != in;
        for (size_t o = 0; o < use.writes.size(); ++o) {
          if (use.writes[o] != out) continue;
          written = true;
          for (size_t j = 0; j < use.reads.size(); ++j) {
            fine = fine && (use.reads[j] != in || plan_->steps_[step]->MayOverwrite(
                                                      static_cast<int>(j), static_cast<int>(o)));
          }
        }
      }
      plan_->in_place_.push_back(fine && written);
    }
  }

  std::shared_ptr<Plan> plan_;
  PlanOptions options_;
  Updates updates_;
  std::map<int, int> assignments_;           // resource -> last node that assigns it
  std::vector<Value> dynamic_;               // values whose dims come with the run
  std::vector<std::pair<int, int>> copies_;  // slots
  std::vector<const Node*> last_reader_;     // by slot
  // By the node that makes an element of a list: where it is pushed.
  std::map<int, std::vector<const Node*>> pushes_;
  std::vector<StepUse> uses_;  // parallel to the steps
  std::vector<Place> places_;  // by slot
  std::vector<uint8_t> code_;
};

std::shared_ptr<const Plan> Plan::Build(const Program& program, PlanOptions options) {
  if (auto plan = Planner(program, options).Run()) return plan;
  // The system lets nothing be executed that was not loaded from a file.
  options.generate_code = false;
  return Planner(program, options).Run();
}

}  // namespace wengert::runtime
