#include "runtime/memory_budget.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "compile/rematerialize.h"
#include "runtime/memory.h"

namespace wengert::runtime {
namespace {

// Rounds of lowering what may be alive at once, since an arena has gaps, and of raising it, since
// results share their memory.
constexpr int kMostLowered = 6, kMostRaised = 3;
// Budgets tried to find one that can be met, for the message.
constexpr int kMostTries = 6;
constexpr size_t kMostListed = 20;

std::string Plural(size_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

// Looks for a plan within bounds.
class Fitter {
 public:
  // `plan` does not share results; what is found does as `options` say.
  Fitter(std::shared_ptr<const Plan> plan, PlanOptions options)
      : first_(std::move(plan)), options_(options), model_(first_->Memory()) {}

  // The plan of a program that repeats as few steps as possible and fits; where none does, one
  // that takes little; null: nothing was found.
  std::shared_ptr<const Plan> Find(size_t budget) {
    const size_t fixed = first_->memory_bytes() - first_->arena_bytes();
    if (budget <= fixed) return nullptr;
    const size_t wanted = budget - fixed;
    best_ = nullptr;
    size_t target = wanted;
    for (int round = 0; round < kMostLowered; ++round) {
      const Outcome got = Try(target, wanted);
      if (got.bytes <= wanted || got.infeasible || got.bytes - wanted >= target) break;
      target -= got.bytes - wanted;
    }
    size_t low = target, high = first_->arena_bytes();
    for (int round = 0; round < kMostRaised && options_.share_results && low < high; ++round) {
      target = low + (high - low) / 2;
      const Outcome got = Try(target, wanted);
      (got.bytes <= wanted || got.infeasible ? low : high) = target;
    }
    return best_;
  }

  // Of the plan that Find() gave last.
  std::string Report(const Plan& plan, size_t budget) const {
    std::map<std::string, int> times;
    std::vector<std::string> order;
    for (int node : found_.repeated) {
      const Node& n = first_->program().nodes[static_cast<size_t>(node)];
      const std::string name = n.origin.name.empty() ? "(unnamed)" : n.origin.name.text();
      if (times[name]++ == 0) order.push_back(name);
    }
    const double percent = found_.cost > 0 ? 100 * found_.repeated_cost / found_.cost : 0;
    std::string text = "== memory budget of " + std::to_string(budget) + " bytes: peak " +
                       std::to_string(plan.memory_bytes()) + ", before " +
                       std::to_string(first_->memory_bytes()) + "; " +
                       Plural(found_.repeated.size(), "step") + " repeated, about " +
                       std::to_string(static_cast<int>(percent + 0.5)) + " % more work" +
                       (plan.shares_results() ? ", memory of results shared" : "") + " ==\n";
    for (size_t i = 0; i < order.size() && i < kMostListed; ++i) {
      text += "repeated " + order[i];
      if (times[order[i]] > 1) text += " " + std::to_string(times[order[i]]) + " times";
      text += "\n";
    }
    if (order.size() > kMostListed) {
      text += "... and of " + Plural(order.size() - kMostListed, "more operation") + "\n";
    }
    return text;
  }

  // The least budget found that can be met, between one that cannot and one that can.
  size_t FindLeast(size_t low, size_t high) {
    for (int i = 0; i < kMostTries && low < high; ++i) {
      const size_t middle = low + (high - low) / 2;
      const std::shared_ptr<const Plan> plan = Find(middle);
      if (plan != nullptr && plan->memory_bytes() <= middle) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return high;
  }

  size_t repeated() const { return found_.repeated.size(); }

 private:
  struct Outcome {
    size_t bytes = std::numeric_limits<size_t>::max();
    bool infeasible = true;  // more has to be alive
  };

  // With no more than `target` bytes alive at once.
  Outcome Try(size_t target, size_t wanted) {
    compile::Rematerialized found = compile::Rematerialize(first_->program(), model_, target);
    if (!found.complete) return {};
    auto plan = Plan::Build(found.program, options_);
    const Outcome outcome{plan->arena_bytes(), found.peak > target};
    const bool better =
        best_ == nullptr || (outcome.bytes <= wanted && best_->arena_bytes() <= wanted
                                 ? found.repeated_cost < found_.repeated_cost
                                 : outcome.bytes < best_->arena_bytes());
    if (better) {
      best_ = std::move(plan);
      found_ = std::move(found);
    }
    return outcome;
  }

  const std::shared_ptr<const Plan> first_;
  const PlanOptions options_;
  const compile::MemoryModel model_;
  std::shared_ptr<const Plan> best_;
  compile::Rematerialized found_;  // what it is of
};

}  // namespace

compile::MemoryModel Plan::Memory() const {
  compile::MemoryModel model;
  model.piece_of = slot_of_;
  for (const Slot& slot : slots_) {
    compile::MemoryModel::Piece piece;
    piece.plain = !slot.object;
    if (slot.kind == SlotKind::kArena && !slot.object)
      piece.bytes = compile::ArenaBytes(slot.bytes);
    model.pieces.push_back(piece);
  }
  for (int slot : kept_) model.pieces[static_cast<size_t>(slot)].kept = true;
  model.steps.resize(program_.nodes.size());
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (step_nodes_[i] < 0) continue;
    const Node& node = program_.nodes[static_cast<size_t>(step_nodes_[i])];
    compile::MemoryModel::Step& step = model.steps[static_cast<size_t>(step_nodes_[i])];
    step.runs = true;
    step.workspace = workspaces_[i];
    // What runs programs has frames for them beside the arena; what is an update is one once.
    step.once = std::holds_alternative<compile::CaseOf>(node.prim) ||
                std::holds_alternative<compile::WhileLoop>(node.prim) ||
                std::holds_alternative<compile::ListNode>(node.prim);
    for (Value out : node.outputs) {
      for (Value in : node.inputs) step.once = step.once || slot_of(in) == slot_of(out);
    }
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      for (size_t k = 0; k < node.inputs.size(); ++k) {
        if (steps_[i]->MayOverwrite(static_cast<int>(k), static_cast<int>(o))) {
          step.overwrites.emplace_back(static_cast<int>(k), static_cast<int>(o));
        }
      }
    }
  }
  return model;
}

size_t Plan::memory_bytes() const {
  size_t total = arena_bytes_;
  for (const auto& plan : inner_) total = CheckedAdd(total, plan->memory_bytes());
  return total;
}

namespace {

PlanOptions Sharing(PlanOptions options) {
  options.share_results = true;
  options.place = false;  // it may take memory before that is written
  return options;
}

// The plan in which values stand in results, made when first asked for.
class SharingPlan {
 public:
  SharingPlan(const Program& program, PlanOptions options)
      : program_(program), options_(Sharing(options)) {}
  const std::shared_ptr<const Plan>& Get() {
    if (plan_ == nullptr) plan_ = Plan::Build(program_, options_);
    return plan_;
  }

 private:
  const Program& program_;
  const PlanOptions options_;
  std::shared_ptr<const Plan> plan_;
};

// Where intermediate values take much memory, and a quarter of that at least can be memory of
// results that are written later, they stand there.
bool SharesMuch(const Plan& plain, SharingPlan& sharing) {
  constexpr size_t kMuch = size_t{32} << 20;
  const size_t bytes = plain.memory_bytes();
  return bytes >= kMuch && sharing.Get()->memory_bytes() <= bytes - bytes / 4;
}

}  // namespace

FittedPlan BuildWithin(const Program& program, PlanOptions options, int64_t budget) {
  FittedPlan result;
  const std::shared_ptr<const Plan> plain = Plan::Build(program, options);
  SharingPlan sharing(program, options);
  result.plan = options.reuse_memory && SharesMuch(*plain, sharing) ? sharing.Get() : plain;
  const size_t before = result.unlimited_bytes = result.plan->memory_bytes();
  if (budget < 0) return result;
  const size_t limit = static_cast<size_t>(budget);
  if (before <= limit) {
    result.report = "== memory budget of " + std::to_string(limit) + " bytes: peak " +
                    std::to_string(before) + ", nothing to do ==\n";
    return result;
  }
  Fitter fitter(plain, Sharing(options));
  result.plan = sharing.Get();  // what costs nothing comes first
  if (result.plan->memory_bytes() > limit) {
    const std::shared_ptr<const Plan> plan = fitter.Find(limit);
    if (plan == nullptr || plan->memory_bytes() > limit) {
      const size_t least = fitter.FindLeast(limit, result.plan->memory_bytes());
      throw Error(ErrorKind::kResourceExhausted,
                  "memory budget of " + std::to_string(limit) +
                      " bytes: the intermediate values of this computation take " +
                      std::to_string(before) +
                      " bytes at once, and repeating steps instead of storing their results " +
                      "brings that down to " + std::to_string(least) + " bytes, " +
                      std::to_string(least - limit) + " too many");
    }
    result.plan = plan;
    result.repeated = fitter.repeated();
  }
  result.report = fitter.Report(*result.plan, limit);
  return result;
}

}  // namespace wengert::runtime
