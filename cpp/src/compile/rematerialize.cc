// The program is run on paper, with memory for `budget` bytes: where a step finds no room, the
// piece is dropped whose loss costs least for the bytes and the time that it makes free; where a
// step reads what is not there, the nodes that give it run again first. (Kirisame et al.,
// "Dynamic Tensor Rematerialization", 2021, with the future known.)
#include "compile/rematerialize.h"

#include <algorithm>
#include <memory>

#include "compile/residency.h"

namespace wengert::compile {

namespace {

// Times the number of nodes: where more would have to run, the budget is given up.
constexpr size_t kMostRuns = 10;
// Tried in turn.
constexpr VictimWeights kWeights[] = {{2, 2}, {2, 1}, {1, -1}};

struct Run {
  int node;
  // Of a repetition: the outputs that take the place of the ones before.
  std::vector<bool> taken;
};

class Scheduler {
 public:
  Scheduler(const Program& program, const MemoryModel& model, VictimWeights weights, size_t budget)
      : program_(program), model_(model), budget_(budget), memory_(program, model, weights) {}

  // False: given up.
  bool Schedule() {
    const size_t most = kMostRuns * program_.nodes.size() + 1000;
    for (size_t i = 0; i < program_.nodes.size(); ++i) {
      const int node = static_cast<int>(i);
      memory_.Advance(node);
      Prepare(node);
      while (!jobs_.empty()) {
        Job& job = jobs_.back();
        if (job.at == job.nodes.size()) {
          jobs_.pop_back();
          continue;
        }
        const int repeated = job.nodes[job.at];
        if (!job.prepared && IsDone(repeated)) {
          memory_.FinishReads(repeated, true);
          ++job.at;
          continue;
        }
        if (!job.prepared) {
          job.prepared = true;
          if (Prepare(repeated)) continue;  // `job` is gone from under us
        }
        Execute(repeated, true);
        jobs_.back().prepared = false;
        ++jobs_.back().at;
        if (runs_.size() > most) return false;
      }
      Execute(node, false);
    }
    return true;
  }

  const std::vector<Run>& runs() const { return runs_; }
  size_t peak() const { return peak_; }
  double repeated_cost() const { return repeated_cost_; }
  double total_cost() const { return memory_.total_cost(); }
  std::vector<int>& repeated() { return repeated_; }

 private:
  // Nodes that run again, since a node waits for what they give.
  struct Job {
    std::vector<int> nodes;
    size_t at = 0;
    bool prepared = false;  // the node at `at` has its reads locked
  };

  // Locks the reads of a node; true where some have to be computed first, by a new job.
  bool Prepare(int node) {
    std::vector<int> absent;
    for (int p : memory_.reads(node)) {
      memory_.Lock(p, 1);
      if (!memory_.resident(p)) absent.push_back(p);
    }
    if (absent.empty()) return false;
    Job job;
    std::vector<int> stack;
    const auto add = [&](int piece) {
      const int def = memory_.def(piece);
      if (seen_.size() <= static_cast<size_t>(def)) seen_.resize(program_.nodes.size());
      if (seen_[static_cast<size_t>(def)]) return;
      seen_[static_cast<size_t>(def)] = true;
      stack.push_back(def);
      job.nodes.push_back(def);
    };
    for (int p : absent) add(p);
    while (!stack.empty()) {
      const int at = stack.back();
      stack.pop_back();
      for (int p : memory_.reads(at)) {
        memory_.Expect(p, 1);
        if (!memory_.resident(p)) add(p);
      }
    }
    for (int n : job.nodes) seen_[static_cast<size_t>(n)] = false;
    std::sort(job.nodes.begin(), job.nodes.end());
    jobs_.push_back(std::move(job));
    return true;
  }

  // An input whose memory the output may take, as nothing reads it after this node.
  int FindOverwritten(int node, size_t o, const std::vector<int>& taken) const {
    const Node& n = program_.nodes[static_cast<size_t>(node)];
    const auto piece_of = [this](Value v) { return model_.piece_of[static_cast<size_t>(v.id)]; };
    const size_t bytes = memory_.bytes(piece_of(n.outputs[o]));
    const auto& allowed = model_.steps[static_cast<size_t>(node)].overwrites;
    for (size_t k = 0; k < n.inputs.size(); ++k) {
      const int p = piece_of(n.inputs[k]);
      if (memory_.bytes(p) != bytes || std::find(taken.begin(), taken.end(), p) != taken.end() ||
          !Ends(p, node)) {
        continue;
      }
      bool fine = true;
      for (size_t j = 0; j < n.inputs.size() && fine; ++j) {
        const std::pair<int, int> pair(static_cast<int>(j), static_cast<int>(o));
        fine = piece_of(n.inputs[j]) != p ||
               std::find(allowed.begin(), allowed.end(), pair) != allowed.end();
      }
      if (fine) return p;
    }
    return -1;
  }

  // What a node would give is there, or nothing needs it any more.
  bool IsDone(int node) const {
    const std::vector<int>& writes = memory_.writes(node);
    return std::all_of(writes.begin(), writes.end(),
                       [this](int p) { return memory_.resident(p) || !memory_.useful(p); });
  }

  bool Ends(int piece, int node) const { return memory_.EndsWith(piece, node, repetition_); }

  void Execute(int node, bool repetition) {
    const auto& step = model_.steps[static_cast<size_t>(node)];
    Run run{node, {}};
    if (!step.runs) {
      runs_.push_back(std::move(run));
      return;
    }
    repetition_ = repetition;
    const Node& n = program_.nodes[static_cast<size_t>(node)];
    std::vector<int> made, overwritten;
    size_t need = step.workspace;
    for (Value v : n.outputs) {
      const int p = model_.piece_of[static_cast<size_t>(v.id)];
      // What is elsewhere the first time is an ordinary value when repeated.
      const bool elsewhere = memory_.bytes(p) == 0;
      if (!elsewhere || repetition) need += OutputBytes(v);
      const bool take = !elsewhere && !memory_.resident(p);
      run.taken.push_back(take || !repetition);
      if (take) made.push_back(p);
    }
    if (memory_.live() + need > budget_) {
      for (size_t o = 0; o < n.outputs.size(); ++o) {
        const int p = model_.piece_of[static_cast<size_t>(n.outputs[o].id)];
        if (memory_.bytes(p) == 0 || memory_.resident(p)) continue;
        const int from = FindOverwritten(node, o, overwritten);
        if (from < 0) continue;
        overwritten.push_back(from);
        need -= memory_.bytes(p);
      }
    }
    while (memory_.live() + need > budget_) {
      const int victim = memory_.FindVictim();
      if (victim < 0) break;
      memory_.Drop(victim);
    }
    peak_ = std::max(peak_, memory_.live() + need);
    for (int p : memory_.reads(node)) memory_.Lock(p, -1);
    memory_.FinishReads(node, repetition);
    for (int p : overwritten) {
      if (memory_.resident(p)) memory_.Drop(p);
    }
    for (int p : made) memory_.Make(p);
    for (int p : made) memory_.Release(p);
    if (repetition) {
      repeated_.push_back(node);
      repeated_cost_ += memory_.cost(node);
    }
    runs_.push_back(std::move(run));
  }

  size_t OutputBytes(Value v) const {
    const ValueInfo& info = program_.info(v);
    return ArenaBytes(static_cast<size_t>(NumElements(info.dims)) * SizeOf(info.dtype));
  }

  const Program& program_;
  const MemoryModel& model_;
  const size_t budget_;
  Residency memory_;
  std::vector<Job> jobs_;
  std::vector<bool> seen_;  // by node; scratch
  std::vector<Run> runs_;
  std::vector<int> repeated_;
  bool repetition_ = false;
  size_t peak_ = 0;
  double repeated_cost_ = 0;
};

// The program that runs as scheduled.
class Emitter {
 public:
  Emitter(const Program& program, const MemoryModel& model) : in_(program), model_(model) {
    now_.resize(program.values.size());
    base_.resize(program.values.size());
    def_.assign(program.values.size(), -1);
    for (size_t i = 0; i < program.nodes.size(); ++i) {
      for (Value v : program.nodes[i].outputs)
        def_[static_cast<size_t>(v.id)] = static_cast<int>(i);
    }
    out_.num_inputs = program.num_inputs;
    out_.num_resources = program.num_resources;
  }

  Program Emit(const std::vector<Run>& runs) {
    for (const Run& run : runs) {
      const Node& node = in_.nodes[static_cast<size_t>(run.node)];
      if (IsView(node)) continue;  // made where it is read
      Node copy{node.prim, {}, {}, node.origin};
      for (Value v : node.inputs) copy.inputs.push_back(Now(v));
      if (auto* fused = std::get_if<Fused>(&copy.prim)) {
        for (size_t k = 0; k < fused->operands.size(); ++k) {
          fused->operands[k].value = copy.inputs[k];
        }
      }
      for (size_t o = 0; o < node.outputs.size(); ++o) {
        const Value fresh = New(node.outputs[o]);
        copy.outputs.push_back(fresh);
        if (run.taken.empty() || run.taken[o]) Set(node.outputs[o], fresh);
      }
      out_.nodes.push_back(std::move(copy));
    }
    for (Value v : in_.outputs) out_.outputs.push_back(Now(v));
    return std::move(out_);
  }

 private:
  const Node& Def(Value v) const {
    return in_.nodes[static_cast<size_t>(def_[static_cast<size_t>(v.id)])];
  }
  bool IsView(const Node& node) const {
    return std::holds_alternative<Reshape>(node.prim) &&
           model_.piece_of[static_cast<size_t>(node.inputs[0].id)] ==
               model_.piece_of[static_cast<size_t>(node.outputs[0].id)];
  }
  Value New(Value like) {
    const ValueInfo& info = in_.info(like);
    return out_.NewValue(info.dtype, info.dims);
  }
  void Set(Value v, Value to) { now_[static_cast<size_t>(v.id)] = to; }

  // What holds the value at this point; a view of what was computed again is made again.
  Value Now(Value v) {
    std::vector<Value> chain;
    while (IsView(Def(v))) {
      chain.push_back(v);
      v = Def(v).inputs[0];
    }
    Value base = now_[static_cast<size_t>(v.id)];
    while (!chain.empty()) {
      const Value view = chain.back();
      chain.pop_back();
      Value& known = now_[static_cast<size_t>(view.id)];
      if (!known || base_[static_cast<size_t>(view.id)] != base) {
        known = New(view);
        base_[static_cast<size_t>(view.id)] = base;
        out_.nodes.push_back({Reshape{}, {base}, {known}, Def(view).origin});
      }
      base = known;
    }
    return base;
  }

  const Program& in_;
  const MemoryModel& model_;
  Program out_;
  std::vector<Value> now_, base_;  // by value of `in_`; of a view: what it was made from
  std::vector<int> def_;
};

}  // namespace

size_t ArenaBytes(size_t bytes) {
  constexpr size_t kAlignment = 64;
  return std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
}

Rematerialized Rematerialize(const Program& program, const MemoryModel& model, size_t budget) {
  std::unique_ptr<Scheduler> best;
  Rematerialized result;
  for (const VictimWeights& weights : kWeights) {
    auto scheduler = std::make_unique<Scheduler>(program, model, weights, budget);
    if (!scheduler->Schedule()) continue;
    const bool fits = scheduler->peak() <= budget;
    const bool better = best == nullptr || (fits && best->peak() <= budget
                                                ? scheduler->repeated_cost() < best->repeated_cost()
                                                : scheduler->peak() < best->peak());
    if (better) best = std::move(scheduler);
  }
  result.complete = best != nullptr;
  if (best == nullptr) return result;
  result.cost = best->total_cost();
  result.peak = best->peak();
  result.repeated = std::move(best->repeated());
  result.repeated_cost = best->repeated_cost();
  result.program = Emitter(program, model).Emit(best->runs());
  return result;
}

}  // namespace wengert::compile
