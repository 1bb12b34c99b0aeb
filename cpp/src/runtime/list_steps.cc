// Lists of tensors. What loops do in every iteration (reading, setting, adding and removing
// elements of plain data) allocates nothing once a list has grown.
#include <cstring>
#include <utility>

#include "base/tensor_list.h"
#include "compile/reference.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

struct Operand {
  int slot;
  bool object, dies;
  DType dtype;
  Dims dims;
  size_t bytes() const { return static_cast<size_t>(NumElements(dims)) * SizeOf(dtype); }
};

Operand InputOf(StepContext& context, size_t i) {
  const bool object = !IsPlainData(context.in_dtype(i));
  return {context.in_slot(i), object, object && context.Dies(i), context.in_dtype(i),
          context.in_dims(i)};
}

Array& Object(Frame& frame, const Operand& x) {
  return frame.objects[static_cast<size_t>(x.slot)];
}

char*& Memory(Frame& frame, const Operand& x) {
  return frame.slots[static_cast<size_t>(x.slot)];
}

// Whether `list` holds elements of what `x` is, side by side.
bool Holds(const TensorList& list, const Operand& x) {
  return list.element() == x.dtype && list.dims() != nullptr && *list.dims() == x.dims;
}

// The same for a list that holds nothing yet.
bool MayHold(TensorList& list, const Operand& x) {
  if (Holds(list, x)) return true;
  return IsPlainData(x.dtype) && list.element() == x.dtype && !list.any_set() &&
         list.shape().CompatibleWith(Shape(x.dims)) && list.MakeDense(x.dims);
}

bool IsFull(const TensorList& list) {
  return list.max_length() >= 0 && list.length() >= list.max_length();
}

class ListStep : public Step {
 public:
  ListStep(StepContext& context, const ListCall& call) : call_(call) {
    for (size_t i = 0; i < context.num_inputs(); ++i) {
      inputs_.push_back(InputOf(context, i));
    }
    for (size_t i = 0; i < context.node().outputs.size(); ++i) {
      outputs_.push_back({context.out_slot(i), !IsPlainData(context.out_dtype(i)), false,
                          context.out_dtype(i), context.out_dims(i)});
    }
    in_place_ = call.op == ListOp::kPop && context.IsElement(outputs_[1].slot);
    pool_ = std::make_shared<BufferPool>();
  }

  void Run(Frame& frame) const override {
    switch (call_.op) {
      case ListOp::kReserve:
        return Reserve(frame);
      case ListOp::kFromTensor:
        if (FromTensor(frame)) return;
        break;
      case ListOp::kStack:
        if (Stack(frame)) return;
        break;
      case ListOp::kGet:
        if (Get(frame)) return;
        break;
      case ListOp::kSet:
        if (Set(frame)) return;
        break;
      case ListOp::kAddItem:
        if (AddItem(frame)) return;
        break;
      case ListOp::kPush:
        if (Push(frame)) return;
        break;
      case ListOp::kPop:
        if (Pop(frame)) return;
        break;
      case ListOp::kLength: {
        const int32_t n = static_cast<int32_t>(ListOf(Object(frame, inputs_[0])).length());
        std::memcpy(Memory(frame, outputs_[0]), &n, sizeof n);
        return;
      }
      default:
        break;
    }
    General(frame);
  }

  std::string Describe() const override { return "list"; }

 private:
  int64_t Index(Frame& frame, size_t i) const {
    return ReadIndex(Memory(frame, inputs_[i]), inputs_[i].dtype, 0);
  }
  // The list that becomes output 0.
  TensorList& Changed(Frame& frame) const {
    Array& list = Object(frame, outputs_[0]);
    if (inputs_[0].dies) {
      list = std::move(Object(frame, inputs_[0]));
    } else {
      list = Object(frame, inputs_[0]);
    }
    return WritableList(list);
  }
  static void Copy(char* to, const char* from, size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }

  void Reserve(Frame& frame) const {
    const int64_t n = Index(frame, 0), most = Index(frame, 1);
    if (n < 0) {
      throw InvalidArgument("The num_elements to reserve must be a non negative number, but got " +
                            std::to_string(n));
    }
    TensorList list(call_.element, call_.shape);
    list.set_max_length(most < 0 ? -1 : most);
    list.Reserve(most < 0 ? n : most, pool_);
    list.Resize(n);
    Object(frame, outputs_[0]) = ListArray(std::move(list));
  }

  bool FromTensor(Frame& frame) const {
    const Operand& in = inputs_[0];
    if (in.object) return false;
    const Dims dims(in.dims.begin() + 1, in.dims.end());
    if (!call_.shape.CompatibleWith(Shape(dims))) return false;
    TensorList list(in.dtype, call_.shape);
    list.Reserve(in.dims[0], pool_);
    Copy(list.Fill(in.dims[0], dims), Memory(frame, in), in.bytes());
    Object(frame, outputs_[0]) = ListArray(std::move(list));
    return true;
  }

  bool Stack(Frame& frame) const {
    const Operand& out = outputs_[0];
    const TensorList& list = ListOf(Object(frame, inputs_[0]));
    if (list.element() != out.dtype || list.dims() == nullptr || list.length() != out.dims[0] ||
        !std::equal(out.dims.begin() + 1, out.dims.end(), list.dims()->begin(),
                    list.dims()->end()) ||
        !call_.shape.CompatibleWith(Shape(*list.dims()))) {
      return false;
    }
    Copy(Memory(frame, out), list.item(0), out.bytes());
    return true;
  }

  bool Get(Frame& frame) const {
    const TensorList& list = ListOf(Object(frame, inputs_[0]));
    const int64_t i = Index(frame, 1);
    if (!Holds(list, outputs_[0]) || i < 0 || i >= list.length()) return false;
    Copy(Memory(frame, outputs_[0]), list.item(i), list.item_bytes());
    return true;
  }

  bool Set(Frame& frame) const {
    const int64_t i = Index(frame, 1);
    if (inputs_[2].object || i < 0 || i >= ListOf(Object(frame, inputs_[0])).length()) return false;
    TensorList& list = Changed(frame);
    if (!MayHold(list, inputs_[2])) return Restore(frame);
    Copy(list.WritableItem(i), Memory(frame, inputs_[2]), list.item_bytes());
    return true;
  }

  bool AddItem(Frame& frame) const {
    const int64_t i = Index(frame, 1);
    const kernels::KDType type = KernelType(inputs_[2].dtype);
    if (inputs_[2].object || i < 0 || i >= ListOf(Object(frame, inputs_[0])).length()) return false;
    const kernels::MapFn add =
        type == kernels::kNumKDTypes ? nullptr : kernels::Kernels().map[kernels::kMapAdd][type];
    if (add == nullptr) return false;
    const TensorList& before = ListOf(Object(frame, inputs_[0]));
    if (inputs_.size() > 3 && Index(frame, 3) != before.length()) return false;
    TensorList& list = Changed(frame);
    if (!MayHold(list, inputs_[2])) return Restore(frame);
    const bool set = list.is_set(i);
    char* to = list.WritableItem(i);
    const char* from = Memory(frame, inputs_[2]);
    if (set) {
      add(to, to, from, nullptr, NumElements(inputs_[2].dims));
    } else {
      Copy(to, from, list.item_bytes());
    }
    return true;
  }

  bool Push(Frame& frame) const {
    if (inputs_[1].object || IsFull(ListOf(Object(frame, inputs_[0])))) return false;
    TensorList& list = Changed(frame);
    if (!MayHold(list, inputs_[1])) return Restore(frame);
    char* to = list.PushUninitialised();
    const char* from = Memory(frame, inputs_[1]);
    if (to != from) Copy(to, from, list.item_bytes());  // else it was made there
    return true;
  }

  bool Pop(Frame& frame) const {
    const TensorList& before = ListOf(Object(frame, inputs_[0]));
    if (before.length() == 0 || !Holds(before, outputs_[1])) return false;
    TensorList& list = Changed(frame);
    const char* item = list.item(list.length() - 1);
    if (in_place_) {
      Memory(frame, outputs_[1]) = const_cast<char*>(item);
    } else {
      Copy(Memory(frame, outputs_[1]), item, list.item_bytes());
    }
    list.Resize(list.length() - 1);
    return true;
  }

  // Undoes Changed, for the general way.
  bool Restore(Frame& frame) const {
    if (inputs_[0].dies) Object(frame, inputs_[0]) = std::move(Object(frame, outputs_[0]));
    return false;
  }

  void General(Frame& frame) const {
    std::vector<Array> in;
    for (const Operand& x : inputs_) {
      if (!x.object) {
        Array copy(x.dtype, x.dims);
        Copy(copy.data<char>(), Memory(frame, x), x.bytes());
        in.push_back(std::move(copy));
      } else if (x.dies && &x == &inputs_[0]) {
        in.push_back(std::move(Object(frame, x)));
      } else {
        in.push_back(Object(frame, x));
      }
    }
    std::vector<Array> out = compile::EvaluateList(call_, std::move(in));
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const Operand& to = outputs_[i];
      if (to.object) {
        Object(frame, to) = std::move(out[i]);
      } else if (out[i].dtype() != to.dtype || out[i].dims() != to.dims) {
        throw InvalidArgument("Expected an element of shape " + ToString(to.dims) +
                              " but the list holds one of shape " + ToString(out[i].dims()));
      } else if (in_place_) {
        Memory(frame, to) = out[i].data<char>();
        Object(frame, inputs_[0]) = std::move(out[i]);  // which dies here
      } else {
        Copy(Memory(frame, to), out[i].data<char>(), to.bytes());
      }
    }
  }

  ListCall call_;
  std::vector<Operand> inputs_, outputs_;
  bool in_place_;  // what a pop gives stays in the list's memory
  std::shared_ptr<BufferPool> pool_;
};

class ListRoomStep : public Step {
 public:
  ListRoomStep(StepContext& context, int spare)
      : list_(InputOf(context, 0)), item_(InputOf(context, 1)), spare_(spare) {}

  void Run(Frame& frame) const override {
    Array& held = Object(frame, list_);
    if (!IsFull(ListOf(held))) {
      TensorList& list = WritableList(held);
      if (MayHold(list, item_)) {
        Memory(frame, item_) = list.Room();
        return;
      }
    }
    Array& spare = frame.objects[static_cast<size_t>(spare_)];
    spare = Array(item_.dtype, item_.dims);
    Memory(frame, item_) = spare.data<char>();
  }

  std::string Describe() const override { return "room in a list"; }

 private:
  Operand list_, item_;
  int spare_;
};

}  // namespace

std::unique_ptr<Step> MakeListRoom(StepContext& context, int spare) {
  return std::make_unique<ListRoomStep>(context, spare);
}

std::unique_ptr<Step> MakeList(StepContext& context) {
  return std::make_unique<ListStep>(context, std::get<compile::ListNode>(context.node().prim).call);
}

}  // namespace wengert::runtime
