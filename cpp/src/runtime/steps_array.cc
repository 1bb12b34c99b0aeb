// Steps over whole Arrays: kernels given as code, values that are objects. They may allocate;
// nothing hot is made of them.
#include <cstring>
#include <utility>

#include "kernels/kernel_table.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

void CopyObject(const Array& to, size_t i, const Array& from, size_t j) {
  switch (to.dtype()) {
    case DType::kString:
      to.strings()[i] = from.strings()[j];
      return;
    case DType::kResource:
      to.resources()[i] = from.resources()[j];
      return;
    default:
      to.variants()[i] = from.variants()[j];
  }
}

struct Operand {
  int slot;
  bool object;
  DType dtype;
  Dims dims;
};

class KernelStep : public Step {
 public:
  KernelStep(StepContext& context, const compile::CustomKernel& kernel) : spec_(kernel.spec) {
    keeps_ = spec_->stateful;
    for (size_t i = 0; i < context.num_inputs(); ++i) {
      const bool object = !IsPlainData(context.in_dtype(i));
      keeps_ = keeps_ || object;
      inputs_.push_back({context.in_slot(i), object, context.in_dtype(i), context.in_dims(i)});
    }
    for (size_t i = 0; i < context.node().outputs.size(); ++i) {
      const bool object = spec_->dynamic || !IsPlainData(context.out_dtype(i));
      keeps_ = keeps_ || object;
      outputs_.push_back({context.out_slot(i), object, context.out_dtype(i),
                          spec_->dynamic ? Dims() : context.out_dims(i)});
    }
  }

  void Run(Frame& frame) const override {
    std::vector<Array> inputs, outputs;
    for (const Operand& in : inputs_) {
      if (in.object) {
        inputs.push_back(frame.objects[static_cast<size_t>(in.slot)]);
      } else {
        Array view = View(frame, in);
        // What it gets might be kept beyond this run.
        inputs.push_back(keeps_ ? view.Clone() : std::move(view));
      }
    }
    for (const Operand& out : outputs_) {
      if (spec_->dynamic) {
        outputs.emplace_back();
      } else {
        outputs.push_back(out.object ? Array(out.dtype, out.dims) : View(frame, out));
      }
    }
    spec_->run(inputs, outputs);
    for (size_t i = 0; i < outputs_.size(); ++i) Take(frame, outputs_[i], outputs.at(i));
  }
  std::string Describe() const override { return "kernel " + spec_->name; }

 private:
  static Array View(const Frame& frame, const Operand& operand) {
    const size_t bytes = static_cast<size_t>(NumElements(operand.dims)) * SizeOf(operand.dtype);
    return Array(operand.dtype, operand.dims,
                 Buffer::Borrow(frame.slots[static_cast<size_t>(operand.slot)], bytes, [] {}));
  }

  void Take(Frame& frame, const Operand& out, Array& value) const {
    if (value.dtype() != out.dtype || (!spec_->dynamic && value.dims() != out.dims)) {
      throw Error(ErrorKind::kInternal,
                  "kernel " + spec_->name + " made another value than declared");
    }
    if (out.object) {
      frame.objects[static_cast<size_t>(out.slot)] = std::move(value);
      return;
    }
    char* memory = frame.slots[static_cast<size_t>(out.slot)];
    // The kernel may have put an array of its own there.
    if (value.raw() != memory && value.bytes() > 0) {
      std::memcpy(memory, value.raw(), value.bytes());
    }
  }

  std::shared_ptr<const KernelSpec> spec_;
  std::vector<Operand> inputs_, outputs_;
  bool keeps_ = false;
};

class IotaStep : public Step {
 public:
  explicit IotaStep(StepContext& context)
      : out_(context.out_slot()), value_(context.out_dtype(), context.out_dims()) {
    const kernels::KDType type = KernelType(value_.dtype());
    if (type == kernels::kNumKDTypes) {
      throw Error(ErrorKind::kUnimplemented, std::string("no range of ") + Name(value_.dtype()));
    }
    Array numbers(DType::kInt64, value_.dims());
    for (int64_t i = 0; i < numbers.size(); ++i) numbers.data<int64_t>()[i] = i;
    if (value_.dtype() == DType::kInt64) {
      value_ = numbers;
    } else {
      kernels::Kernels().cast[kernels::kI64][type](value_.raw(), numbers.raw(), value_.size());
    }
  }
  void Run(Frame& frame) const override {
    if (value_.bytes() > 0) {
      std::memcpy(frame.slots[static_cast<size_t>(out_)], value_.raw(), value_.bytes());
    }
  }
  std::string Describe() const override { return "iota " + std::to_string(value_.size()); }

 private:
  int out_;
  Array value_;
};

// Moves objects by moving their numbers: the same node over int64, every object of every
// input having its own number.
class ObjectMovementStep : public Step {
 public:
  ObjectMovementStep(StepContext& context, const Program& program)
      : out_(context.out_slot()), dtype_(context.out_dtype()), dims_(context.out_dims()) {
    Program numbers;
    Node node = context.node();
    std::vector<Value> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const compile::ValueInfo& info = program.info(node.inputs[i]);
      const bool object = !IsPlainData(info.dtype);
      const Value v = numbers.NewValue(object ? DType::kInt64 : info.dtype, Dims(info.dims));
      numbers.nodes.push_back(
          {compile::Input{static_cast<int>(inputs.size())}, {}, {v}, node.origin});
      inputs.push_back(v);
      inputs_.push_back({context.in_slot(i), object, info.dtype, info.dims});
    }
    numbers.num_inputs = static_cast<int>(inputs.size());
    node.inputs = inputs;
    const Value out = numbers.NewValue(DType::kInt64, Dims(dims_));
    node.outputs = {out};
    numbers.nodes.push_back(std::move(node));
    numbers.outputs = {out};
    plan_ = Plan::Build(numbers, {});
  }

  void Run(Frame& frame) const override {
    std::unique_ptr<Frame> inner = plan_->NewFrame();
    std::vector<Array> held;
    std::vector<std::pair<const Array*, int64_t>> ranges;  // objects, first number
    int64_t next = 0;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Operand& in = inputs_[i];
      const int slot = plan_->input_slots()[i];
      char* memory = frame.slots[static_cast<size_t>(in.slot)];
      if (in.object) {
        const Array& objects = frame.objects[static_cast<size_t>(in.slot)];
        Array numbers(DType::kInt64, in.dims);
        ranges.emplace_back(&objects, next);
        for (int64_t k = 0; k < numbers.size(); ++k) numbers.data<int64_t>()[k] = next++;
        held.push_back(numbers);
        memory = numbers.data<char>();
      }
      if (slot >= 0) inner->slots[static_cast<size_t>(slot)] = memory;
    }
    Array moved(DType::kInt64, dims_);
    inner->slots[static_cast<size_t>(plan_->results()[0].slot)] = moved.data<char>();
    int failed = -1;
    plan_->RunSteps(*inner, &failed);
    Array out(dtype_, dims_);
    for (int64_t k = 0; k < out.size(); ++k) {
      const int64_t number = moved.data<int64_t>()[k];
      size_t from = ranges.size() - 1;
      while (from > 0 && ranges[from].second > number) --from;
      CopyObject(out, static_cast<size_t>(k), *ranges[from].first,
                 static_cast<size_t>(number - ranges[from].second));
    }
    frame.objects[static_cast<size_t>(out_)] = std::move(out);
  }
  std::string Describe() const override { return "movement of objects"; }

 private:
  int out_;
  DType dtype_;
  Dims dims_;
  std::vector<Operand> inputs_;
  std::shared_ptr<const Plan> plan_;
};

}  // namespace

std::unique_ptr<Step> MakeKernel(StepContext& context) {
  return std::make_unique<KernelStep>(context,
                                      std::get<compile::CustomKernel>(context.node().prim));
}

std::unique_ptr<Step> MakeIota(StepContext& context) {
  return std::make_unique<IotaStep>(context);
}

std::unique_ptr<Step> MakeObjectMovement(StepContext& context, const Program& program) {
  return std::make_unique<ObjectMovementStep>(context, program);
}

}  // namespace wengert::runtime
