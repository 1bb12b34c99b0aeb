// The equation of an Einsum: "ij,j...->i...".
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace wengert::einsum {

// Axis labels: a character of the equation, or kEllipsis + k for the axis that is k-th from
// the right of those that "..." stands for.
inline constexpr int kEllipsis = 256;

struct Subscript {
  std::string text;    // as written
  std::string labels;  // without the ellipsis
  int ellipsis = -1;   // where "..." stands among the labels; -1: nowhere
  bool has_ellipsis() const { return ellipsis >= 0; }

  // One label per axis of an operand of this rank, or of an output whose ellipsis stands for
  // `rank - labels.size()` axes.
  std::vector<int> Expand(int rank) const;
};

struct Equation {
  std::vector<Subscript> inputs;
  Subscript output;
};

// Parses and checks an equation of `num_inputs` operands. Returns what is wrong with it, if
// anything.
std::optional<std::string> Parse(const std::string& text, int num_inputs, Equation* equation);

}  // namespace wengert::einsum
