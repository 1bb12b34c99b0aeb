// Accumulate: matrix products that are only added to something add themselves up there.
#include <utility>
#include <vector>

#include "compile/program.h"
#include "compile/turn_around.h"

namespace wengert::compile {
namespace {

class Accumulator {
 public:
  explicit Accumulator(Program program)
      : program_(std::move(program)),
        uses_(program_.values.size(), 0),
        returned_(program_.values.size(), false),
        maker_(program_.values.size(), -1) {
    for (size_t i = 0; i < program_.nodes.size(); ++i) {
      for (Value v : program_.nodes[i].inputs) ++uses_[Id(v)];
      for (Value v : program_.nodes[i].outputs) maker_[Id(v)] = static_cast<int>(i);
    }
    for (Value v : program_.outputs) {
      ++uses_[Id(v)];
      returned_[Id(v)] = true;
    }
  }

  Program Run() {
    std::vector<bool> gone(program_.nodes.size(), false);
    for (size_t i = 0; i < program_.nodes.size(); ++i) {
      Node& node = program_.nodes[i];
      const auto* map = std::get_if<Map>(&node.prim);
      if (map == nullptr || map->op != ScalarOp::kAdd || !IsTaken(node)) continue;
      const Value a = node.inputs[0], b = node.inputs[1], sum = node.outputs[0];
      if (a == b) continue;
      gone[i] = IsProduct(a) && IsProduct(b) ? Join(a, b, sum)
                                             : AddToInput(a, b, sum) || AddToInput(b, a, sum);
    }
    size_t kept = 0;
    for (size_t i = 0; i < program_.nodes.size(); ++i) {
      if (gone[i]) continue;
      if (kept != i) program_.nodes[kept] = std::move(program_.nodes[i]);
      ++kept;
    }
    program_.nodes.resize(kept);
    return std::move(program_);
  }

 private:
  static size_t Id(Value v) { return static_cast<size_t>(v.id); }
  Node& MakerOf(Value v) { return program_.nodes[static_cast<size_t>(maker_[Id(v)])]; }

  bool IsTaken(const Node& sum) const {
    const ValueInfo& out = program_.info(sum.outputs[0]);
    if (out.dtype != DType::kFloat32 && out.dtype != DType::kFloat64) return false;
    return program_.info(sum.inputs[0]).dims == out.dims &&
           program_.info(sum.inputs[1]).dims == out.dims;
  }

  // A product, or a sum of products, that only one sum reads.
  bool IsProduct(Value v) {
    return maker_[Id(v)] >= 0 && uses_[Id(v)] == 1 &&
           std::holds_alternative<MatMul>(MakerOf(v).prim);
  }

  // `sum` is what the node of `v` gives from now on.
  void Rename(Value v, Value sum) {
    Node& node = MakerOf(v);
    node.outputs[0] = sum;
    maker_[Id(sum)] = maker_[Id(v)];
  }

  // Products are added in the order in which they are computed, so that none waits for another.
  bool Join(Value a, Value b, Value sum) {
    if (maker_[Id(a)] > maker_[Id(b)]) std::swap(a, b);
    if (MakerOf(b).inputs.size() == 2) {
      MakerOf(b).inputs.push_back(a);
      Rename(b, sum);
      return true;
    }
    if (MakerOf(a).inputs.size() == 3) return false;  // two sums
    // `a` goes below what was made after it.
    Value above = b;
    while (MakerOf(above).inputs.size() == 3) {
      const Value below = MakerOf(above).inputs[2];
      if (maker_[Id(below)] < maker_[Id(a)]) break;
      above = below;
    }
    if (MakerOf(above).inputs.size() == 3) {
      MakerOf(a).inputs.push_back(MakerOf(above).inputs[2]);
      MakerOf(above).inputs[2] = a;
    } else {
      MakerOf(above).inputs.push_back(a);
    }
    Rename(b, sum);
    return true;
  }

  // The next value of a loop's variable may be made in its memory.
  bool AddToInput(Value product, Value input, Value sum) {
    if (!IsProduct(product) || MakerOf(product).inputs.size() != 2 || uses_[Id(input)] != 1 ||
        !std::holds_alternative<Input>(MakerOf(input).prim) || !returned_[Id(sum)] ||
        uses_[Id(sum)] != 1) {
      return false;
    }
    if (maker_[Id(input)] > maker_[Id(product)]) return false;
    MakerOf(product).inputs.push_back(input);
    Rename(product, sum);
    return true;
  }

  Program program_;
  std::vector<int> uses_;
  std::vector<bool> returned_;  // program outputs
  std::vector<int> maker_;      // number of the node
};

}  // namespace

Program Accumulate(Program program) {
  return Accumulator(TurnShared(std::move(program))).Run();
}

}  // namespace wengert::compile
