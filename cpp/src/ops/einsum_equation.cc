#include "ops/einsum_equation.h"

#include <algorithm>

namespace wengert::einsum {
namespace {

std::vector<std::string> Split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t at; (at = text.find(separator, begin)) != std::string::npos;
       begin = at + separator.size()) {
    parts.push_back(text.substr(begin, at - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::optional<std::string> ParseSubscript(const std::string& text, const char* what,
                                          Subscript* out) {
  out->text = text;
  const auto periods = std::count(text.begin(), text.end(), '.');
  const size_t at = text.find("...");
  if (periods != 0 && (periods != 3 || at == std::string::npos)) {
    return "Expected at most one ellipsis (...), but found " + std::to_string(periods) +
           " periods (.) in the " + what + " subscript: " + text;
  }
  out->labels = text;
  if (at != std::string::npos) {
    out->ellipsis = static_cast<int>(at);
    out->labels.erase(at, 3);
  }
  return std::nullopt;
}

}  // namespace

std::vector<int> Subscript::Expand(int rank) const {
  const int extra = rank - static_cast<int>(labels.size());
  std::vector<int> result;
  for (int i = 0; i <= static_cast<int>(labels.size()); ++i) {
    if (i == ellipsis) {
      for (int k = extra - 1; k >= 0; --k) result.push_back(kEllipsis + k);
    }
    if (i < static_cast<int>(labels.size())) {
      result.push_back(static_cast<unsigned char>(labels[i]));
    }
  }
  return result;
}

std::optional<std::string> Parse(const std::string& text, int num_inputs, Equation* equation) {
  const std::vector<std::string> sides = Split(text, "->");
  if (sides.size() != 2) return "Expecting exactly one '->' in einsum equation: " + text;
  const std::vector<std::string> inputs = Split(sides[0], ",");
  if (inputs.size() > 2) {
    return "Expecting 1 or 2 input subscripts in equation '" + text +
           "' but got: " + std::to_string(inputs.size());
  }
  if (static_cast<int>(inputs.size()) != num_inputs) {
    return "Expected " + std::to_string(inputs.size()) + " inputs for equation " + text +
           " but got: " + std::to_string(num_inputs);
  }
  equation->inputs.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (auto error = ParseSubscript(inputs[i], "input", &equation->inputs[i])) return error;
  }
  if (auto error = ParseSubscript(sides[1], "output", &equation->output)) return error;
  for (char label : equation->output.labels) {
    const bool known = std::any_of(
        equation->inputs.begin(), equation->inputs.end(),
        [label](const Subscript& s) { return s.labels.find(label) != std::string::npos; });
    if (!known) {
      return "Einsum output subscripts for equation '" + text + "' has label '" + label +
             "' which is not present in the input subscripts";
    }
  }
  return std::nullopt;
}

}  // namespace wengert::einsum
