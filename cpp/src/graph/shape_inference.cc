// What shape rules work with, and the rules that many ops share.
#include <algorithm>

#include "graph/print.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

// As TensorFlow bounds the rank of a tensor.
constexpr int64_t kMaxRank = 254;

}  // namespace

void ShapeContext::Asked::Add(int input) {
  if (input < 64) {
    low_ |= uint64_t{1} << input;
  } else if (std::find(high_.begin(), high_.end(), input) == high_.end()) {
    high_.push_back(input);
  }
}

std::vector<int> ShapeContext::Asked::Sorted() const {
  std::vector<int> inputs;
  for (int i = 0; i < 64; ++i) {
    if (low_ >> i & 1) inputs.push_back(i);
  }
  inputs.insert(inputs.end(), high_.begin(), high_.end());
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

ShapeContext::ShapeContext(Graph& graph, const OpDef& def, const std::string& name,
                           const AttrMap& attrs, const std::vector<Tensor>& inputs,
                           size_t num_outputs)
    : graph_(graph),
      def_(def),
      name_(name),
      attrs_(attrs),
      inputs_(inputs),
      outputs_(num_outputs) {}

std::optional<Array> ShapeContext::constant(int i) const {
  std::optional<Array> value = graph_.EvaluateConstant(inputs_.at(static_cast<size_t>(i)));
  if (value) constants_.Add(i);
  return value;
}

Shape ShapeContext::input_as_shape(int i) const {
  const Shape& given = input(i);
  if (given.has_rank() && given.rank() > 1) WithRank(i, 1);
  std::optional<Shape> value = graph_.ValueAsShape(inputs_.at(static_cast<size_t>(i)));
  if (!value) {
    const bool length_known = given.has_rank() && given.rank() == 1 && given.dim(0) >= 0;
    if (!length_known || given.dim(0) > kMaxRank) return Shape::Unknown();
    value = Shape::UnknownOfRank(static_cast<int>(given.dim(0)));
  }
  if (value->has_rank()) shapes_.Add(i);
  return *value;
}

const Attr& ShapeContext::attr(std::string_view name) const {
  const auto it = attrs_.find(name);
  if (it == attrs_.end()) {
    throw ValueError("Operation '" + name_ + "' has no attr named '" + std::string(name) + "'.");
  }
  return it->second;
}

Shape ShapeContext::WithRank(int i, int rank) const {
  const Shape& shape = input(i);
  if (!shape.has_rank()) return Shape::UnknownOfRank(rank);
  if (shape.rank() != rank) {
    Fail("Shape must be rank " + std::to_string(rank) + " but is rank " +
         std::to_string(shape.rank()));
  }
  return shape;
}

Shape ShapeContext::WithRankAtLeast(int i, int rank) const {
  const Shape& shape = input(i);
  if (shape.has_rank() && shape.rank() < rank) {
    Fail("Shape must be at least rank " + std::to_string(rank) + " but is rank " +
         std::to_string(shape.rank()));
  }
  return shape;
}

int64_t ShapeContext::MergeDims(int64_t a, int64_t b) const {
  if (a < 0) return b;
  if (b >= 0 && a != b) {
    Fail("Dimensions must be equal, but are " + std::to_string(a) + " and " + std::to_string(b));
  }
  return a;
}

std::string ShapeContext::MergeMessage(const Shape& a, const Shape& b) {
  if (a.rank() != b.rank()) {
    return "Shapes must be equal rank, but are " + std::to_string(a.rank()) + " and " +
           std::to_string(b.rank());
  }
  for (int i = 0; i < a.rank(); ++i) {
    if (a.dim(i) < 0 || b.dim(i) < 0 || a.dim(i) == b.dim(i)) continue;
    return "Dimension " + std::to_string(i) + " in both shapes must be equal, but are " +
           std::to_string(a.dim(i)) + " and " + std::to_string(b.dim(i)) + ". Shapes are " +
           a.ToError() + " and " + b.ToError() + ".";
  }
  return "";
}

Shape ShapeContext::MergeShapes(const Shape& a, const Shape& b) const {
  std::optional<Shape> merged = a.Merge(b);
  if (!merged) Fail(MergeMessage(a, b));
  return std::move(*merged);
}

Shape ShapeContext::Broadcast(const Shape& a, const Shape& b) const {
  std::optional<Shape> shape = BroadcastShapes(a, b);
  if (shape) return std::move(*shape);
  for (int i = a.rank() - 1, j = b.rank() - 1; i >= 0 && j >= 0; --i, --j) {
    if (a.dim(i) > 1 || a.dim(i) == 0) {
      if (b.dim(j) != 1) MergeDims(a.dim(i), b.dim(j));
    } else if (a.dim(i) != 1 && b.dim(j) != 1) {
      MergeDims(a.dim(i), b.dim(j));
    }
  }
  Fail("Shapes " + a.ToError() + " and " + b.ToError() + " cannot be broadcast");
}

void ShapeContext::Fail(const std::string& message) const {
  std::string text =
      message + " for '" + FormatNode(name_, def_, attrs_, inputs_) + "' with input shapes: ";
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (i) text += ", ";
    text += inputs_[i].shape().ToError();
  }
  const char* separator = " and with computed input tensors: ";
  for (int i : constants_.Sorted()) {
    const std::optional<Array> value = graph_.EvaluateConstant(inputs_[static_cast<size_t>(i)]);
    if (!value) continue;
    text += separator + ("input[" + std::to_string(i)) + "] = " + ValueText(*value);
    separator = ", ";
  }
  separator = " and with input tensors computed as partial shapes: ";
  for (int i : shapes_.Sorted()) {
    text += separator + ("input[" + std::to_string(i)) + "] = " + input_as_shape(i).ToError();
    separator = ", ";
  }
  throw Error(ErrorKind::kValueError, text + ".", name_);
}

namespace shape_rules {

void Unchanged(ShapeContext& c) {
  c.set_output(0, c.input(0));
}

void UnchangedAll(ShapeContext& c) {
  for (int i = 0; i < c.num_outputs(); ++i) {
    if (c.num_inputs() > 0) c.set_output(i, c.input(i < c.num_inputs() ? i : 0));
  }
}

void BroadcastBinary(ShapeContext& c) {
  c.set_output(0, c.Broadcast(c.input(0), c.input(1)));
}

void Scalar(ShapeContext& c) {
  c.set_output(0, Shape::Scalar());
}

void UnknownShape(ShapeContext&) {}

void NoOutputs(ShapeContext&) {}

}  // namespace shape_rules
}  // namespace wengert
