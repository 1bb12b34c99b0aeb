// Branches and loops: steps that run plans of their own, in frames that are part of the frame
// around. Iterations allocate nothing.
#include <atomic>
#include <cstring>
#include <optional>
#include <utility>

#include "compile/lower.h"
#include "runtime/interrupt.h"
#include "runtime/steps.h"
#include "runtime/trip_count.h"
#include "wengert/executable.h"

namespace wengert::runtime {
namespace {

std::atomic<void (*)()> interrupt_check{nullptr};

// A plan inside another one.
class Inner {
 public:
  Inner(StepContext& context, const Program& program, int loop_vars = 0)
      : number_(context.Inner(program, loop_vars)), plan_(&context.inner(number_)) {
    for (size_t i = 0; i < plan_->slots().size(); ++i) {
      const Slot& slot = plan_->slots()[i];
      if (slot.object && slot.kind != SlotKind::kConstant) objects_.push_back(i);
    }
  }

  const Plan& plan() const { return *plan_; }
  Frame& frame(Frame& around) const { return *around.inner[static_cast<size_t>(number_)]; }
  int input_slot(size_t i) const { return plan_->input_slots()[i]; }
  int result_slot(size_t i) const { return plan_->results()[i].slot; }

  // Makes input `i` what `slot` of the frame around holds.
  void Bind(Frame& inner, size_t i, const Frame& around, int slot) const {
    const int to = input_slot(i);
    if (to < 0) return;
    if (plan_->slots()[static_cast<size_t>(to)].object) {
      inner.objects[static_cast<size_t>(to)] = around.objects[static_cast<size_t>(slot)];
    } else {
      inner.slots[static_cast<size_t>(to)] = around.slots[static_cast<size_t>(slot)];
    }
  }

  void Run(Frame& inner) const {
    int failed = -1;
    try {
      plan_->RunSteps(inner, &failed);
    } catch (const Error& e) {
      if (failed < 0) throw;
      throw compile::AtNode(e, plan_->program().nodes[static_cast<size_t>(failed)].origin);
    }
  }

  // Objects may hold on to anything.
  void Release(Frame& inner) const {
    for (size_t i : objects_) inner.objects[i] = Array();
  }

 private:
  int number_;
  const Plan* plan_;
  std::vector<size_t> objects_;
};

// Releases the objects of an inner frame whatever happens.
class Releaser {
 public:
  Releaser(const Inner& inner, Frame& frame) : inner_(inner), frame_(frame) {}
  ~Releaser() { inner_.Release(frame_); }
  Releaser(const Releaser&) = delete;
  Releaser& operator=(const Releaser&) = delete;

 private:
  const Inner& inner_;
  Frame& frame_;
};

class CaseStep : public Step {
 public:
  CaseStep(StepContext& context, const compile::CaseOf& choice)
      : index_(context.in_slot()), dtype_(context.in_dtype()) {
    for (const auto& branch : choice.branches) branches_.emplace_back(context, *branch);
    for (size_t i = 1; i < context.num_inputs(); ++i) inputs_.push_back(context.in_slot(i));
    for (size_t i = 0; i < context.node().outputs.size(); ++i) {
      outputs_.push_back(context.out_slot(i));
    }
  }

  void Run(Frame& frame) const override {
    const int64_t last = static_cast<int64_t>(branches_.size()) - 1;
    int64_t i = ReadIndex(frame.slots[static_cast<size_t>(index_)], dtype_, 0);
    if (i < 0 || i > last) i = last;
    const Inner& branch = branches_[static_cast<size_t>(i)];
    Frame& inner = branch.frame(frame);
    const Releaser releaser(branch, inner);
    for (size_t k = 0; k < inputs_.size(); ++k) branch.Bind(inner, k, frame, inputs_[k]);
    const std::vector<Result>& results = branch.plan().results();
    for (size_t k = 0; k < outputs_.size(); ++k) {
      if (results[k].object) continue;
      inner.slots[static_cast<size_t>(results[k].slot)] =
          frame.slots[static_cast<size_t>(outputs_[k])];
    }
    branch.Run(inner);
    for (size_t k = 0; k < outputs_.size(); ++k) {
      if (!results[k].object) continue;
      frame.objects[static_cast<size_t>(outputs_[k])] =
          inner.objects[static_cast<size_t>(results[k].slot)];
    }
  }

  std::string Describe() const override {
    return "case of " + std::to_string(branches_.size()) + " branches";
  }

 private:
  int index_;
  DType dtype_;
  std::vector<Inner> branches_;
  std::vector<int> inputs_, outputs_;
};

class WhileStep : public Step {
 public:
  WhileStep(StepContext& context, const compile::WhileLoop& loop)
      : cond_(context, *loop.cond),
        body_(context, *loop.body, loop.num_vars),
        count_(FindTripCount(loop)) {
    for (size_t i = 0; i < context.num_inputs(); ++i) {
      if (i >= static_cast<size_t>(loop.num_vars)) {
        captures_.push_back(context.in_slot(i));
        continue;
      }
      Variable v;
      v.in = context.in_slot(i);
      v.out = context.out_slot(i);
      v.object = !IsPlainData(context.in_dtype(i));
      v.dies = v.object && context.Dies(i);
      v.bytes = v.object ? 0
                         : static_cast<size_t>(NumElements(context.in_dims(i))) *
                               SizeOf(context.in_dtype(i));
      v.in_place = body_.plan().in_place(i);
      v.spare = v.object || v.in_place ? -1 : context.Workspace(v.bytes);
      v.cond_in = cond_.input_slot(i);
      v.body_in = body_.input_slot(i);
      v.body_out = body_.result_slot(i);
      vars_.push_back(v);
    }
    for (size_t k = 0; k < vars_.size(); ++k) {
      if (vars_[k].object) vars_[k].shared = IsNeededAgain(k);
    }
    current_ = context.Workspace(sizeof(char*) * vars_.size());
    test_ = context.Workspace(1);
  }

  void Run(Frame& frame) const override {
    Frame& cond = cond_.frame(frame);
    Frame& body = body_.frame(frame);
    const Releaser cond_releaser(cond_, cond), body_releaser(body_, body);
    char** current = reinterpret_cast<char**>(Slot(frame, current_));
    const bool* test = reinterpret_cast<const bool*>(Slot(frame, test_));
    for (size_t k = 0; k < captures_.size(); ++k) {
      cond_.Bind(cond, vars_.size() + k, frame, captures_[k]);
      body_.Bind(body, vars_.size() + k, frame, captures_[k]);
    }
    Slot(cond, cond_.result_slot(0)) = Slot(frame, test_);
    for (size_t k = 0; k < vars_.size(); ++k) {
      const Variable& v = vars_[k];
      if (v.in_place) {
        current[k] = Slot(frame, v.out);
        const char* start = Slot(frame, v.in);
        if (v.bytes > 0 && start != current[k]) std::memcpy(current[k], start, v.bytes);
      } else if (!v.object) {
        current[k] = Slot(frame, v.in);
      } else if (v.dies) {
        Object(frame, v.out) = std::move(Object(frame, v.in));
      } else {
        Object(frame, v.out) = Object(frame, v.in);
      }
    }
    InterruptTimer timer;
    std::optional<int64_t> turns;
    if (count_) {
      const int64_t limit =
          count_->capture ? count_->Load(Slot(frame, captures_[*count_->capture])) : count_->limit;
      turns = count_->Turns(count_->Load(current[count_->var]), limit);
    }
    for (int64_t turn = 0; !turns || turn < *turns; ++turn, timer.Poll()) {
      if (turns) {
        Iterate(frame, cond, body, current);
        continue;
      }
      for (size_t k = 0; k < vars_.size(); ++k) {
        const Variable& v = vars_[k];
        if (v.cond_in < 0) continue;
        if (v.object) {
          Object(cond, v.cond_in) = Object(frame, v.out);
        } else {
          Slot(cond, v.cond_in) = current[k];
        }
      }
      cond_.Run(cond);
      if (!*test) break;
      Iterate(frame, cond, body, current);
    }
    for (size_t k = 0; k < vars_.size(); ++k) {
      const Variable& v = vars_[k];
      char* out = v.object ? nullptr : Slot(frame, v.out);
      if (v.bytes > 0 && current[k] != out) std::memcpy(out, current[k], v.bytes);
    }
  }

  bool MayOverwrite(int input, int output) const override {
    return input == output && !vars_[static_cast<size_t>(output)].object;
  }

  std::string Describe() const override {
    return std::string(count_ ? "counted " : "") + "while, " + std::to_string(vars_.size()) +
           " variables; condition:\n" + cond_.plan().ToText() + "body:\n" + body_.plan().ToText();
  }

 private:
  struct Variable {
    int in, out, spare;
    int cond_in, body_in, body_out;
    bool object, dies;
    bool in_place = false;  // the body writes it where it reads it
    bool shared = false;    // what the body gives here it needs elsewhere, too
    size_t bytes;
  };
  // The object that the body returns for variable `k` is a constant or a capture, whose place
  // is not filled again, or belongs to a later variable as well.
  bool IsNeededAgain(size_t k) const {
    const int slot = vars_[k].body_out;
    if (body_.plan().slots()[static_cast<size_t>(slot)].kind == SlotKind::kConstant) return true;
    for (size_t j = k + 1; j < vars_.size(); ++j) {
      if (vars_[j].body_out == slot) return true;
    }
    for (size_t i = 0; i < captures_.size(); ++i) {
      if (body_.input_slot(vars_.size() + i) == slot) return true;
    }
    return false;
  }
  static char*& Slot(Frame& frame, int i) { return frame.slots[static_cast<size_t>(i)]; }
  static Array& Object(Frame& frame, int i) { return frame.objects[static_cast<size_t>(i)]; }

  // Variables alternate between two places, so that the body reads one and writes the other.
  void Iterate(Frame& frame, Frame& cond, Frame& body, char** current) const {
    for (size_t k = 0; k < vars_.size(); ++k) {
      const Variable& v = vars_[k];
      if (v.object) {
        if (v.cond_in >= 0) Object(cond, v.cond_in) = Array();
        if (v.body_in >= 0) Object(body, v.body_in) = std::move(Object(frame, v.out));
        continue;
      }
      if (v.body_in >= 0) Slot(body, v.body_in) = current[k];
      char* out = Slot(frame, v.out);
      Slot(body, v.body_out) = current[k] == out && !v.in_place ? Slot(frame, v.spare) : out;
    }
    body_.Run(body);
    for (size_t k = 0; k < vars_.size(); ++k) {
      const Variable& v = vars_[k];
      if (v.object) {
        if (v.shared) {
          Object(frame, v.out) = Object(body, v.body_out);
        } else {
          Object(frame, v.out) = std::move(Object(body, v.body_out));
        }
      } else {
        current[k] = Slot(body, v.body_out);
      }
    }
  }

  Inner cond_, body_;
  const std::optional<TripCount> count_;
  std::vector<int> captures_;
  std::vector<Variable> vars_;
  int current_, test_;
};

}  // namespace

void InterruptTimer::Check() {
  if (void (*check)() = interrupt_check.load()) check();
}

std::unique_ptr<Step> MakeCase(StepContext& context) {
  return std::make_unique<CaseStep>(context, std::get<compile::CaseOf>(context.node().prim));
}

std::unique_ptr<Step> MakeWhile(StepContext& context) {
  return std::make_unique<WhileStep>(context, std::get<compile::WhileLoop>(context.node().prim));
}

}  // namespace wengert::runtime

namespace wengert {

void SetInterruptCheck(void (*check)()) {
  runtime::interrupt_check.store(check);
}

}  // namespace wengert
