#include "compile/fuse_views.h"

#include <optional>

#include "compile/reference.h"

namespace wengert::compile {

namespace {

// Strides under which a view reads as `to` what it reads as `from`, or nullopt.
std::optional<Dims> ReshapeStrides(const Dims& from, const Dims& strides, const Dims& to) {
  const Dims f = DropOnes(from), s = DropOnes(from, strides);
  Dims result(to.size());
  size_t i = 0, j = 0;
  while (i < f.size()) {
    // The shortest runs of axes on both sides that hold as many elements.
    size_t i_end = i + 1, j_end = j;
    int64_t a = f[i], b = 1;
    while (j_end < to.size() && (to[j_end] == 1 || b < a)) {
      if (b == a) break;
      b *= to[j_end++];
    }
    while (a != b) {
      if (a < b) {
        if (i_end == f.size()) return std::nullopt;
        a *= f[i_end++];
      } else {
        if (j_end == to.size()) return std::nullopt;
        b *= to[j_end++];
      }
    }
    for (size_t k = i; k + 1 < i_end; ++k) {
      if (s[k] != s[k + 1] * f[k + 1]) return std::nullopt;
    }
    int64_t stride = s[i_end - 1];
    for (size_t k = j_end; k-- > j;) {
      result[k] = to[k] == 1 ? 0 : stride;
      stride *= to[k];
    }
    i = i_end;
    j = j_end;
  }
  return result;
}

}  // namespace

bool IsView(const Node& node) {
  return std::holds_alternative<Reshape>(node.prim) ||
         std::holds_alternative<Broadcast>(node.prim) ||
         std::holds_alternative<Transpose>(node.prim) || std::holds_alternative<Slice>(node.prim);
}

Dims DropOnes(const Dims& dims) {
  return DropOnes(dims, dims);
}

Dims DropOnes(const Dims& dims, const Dims& strides) {
  Dims kept;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) kept.push_back(strides[i]);
  }
  return kept;
}

std::vector<View> FindViews(const Program& program) {
  std::vector<View> views(program.values.size());
  for (const Node& node : program.nodes) {
    for (Value v : node.outputs) {
      views[static_cast<size_t>(v.id)] = {v, 0, RowMajorStrides(program.info(v).dims)};
    }
    if (!IsView(node)) continue;
    const Dims& to = program.info(node.outputs[0]).dims;
    const Dims& from = program.info(node.inputs[0]).dims;
    if (!IsPlainData(program.info(node.inputs[0]).dtype)) continue;
    const View& source = views[static_cast<size_t>(node.inputs[0].id)];
    View view{source.base, source.offset, Dims(to.size())};
    if (NumElements(to) == 0) continue;
    if (std::holds_alternative<Broadcast>(node.prim)) {
      const size_t lead = to.size() - from.size();
      for (size_t i = 0; i < from.size(); ++i) {
        view.strides[lead + i] = from[i] == 1 ? 0 : source.strides[i];
      }
    } else if (const auto* t = std::get_if<Transpose>(&node.prim)) {
      for (size_t i = 0; i < to.size(); ++i) {
        view.strides[i] = source.strides[static_cast<size_t>(t->perm[i])];
      }
    } else if (const auto* s = std::get_if<Slice>(&node.prim)) {
      for (size_t i = 0; i < to.size(); ++i) {
        view.offset += s->begin[i] * source.strides[i];
        view.strides[i] = s->strides[i] * source.strides[i];
      }
    } else {
      std::optional<Dims> strides = ReshapeStrides(from, source.strides, to);
      if (!strides) continue;
      view.strides = std::move(*strides);
    }
    views[static_cast<size_t>(node.outputs[0].id)] = std::move(view);
  }
  return views;
}

}  // namespace wengert::compile
