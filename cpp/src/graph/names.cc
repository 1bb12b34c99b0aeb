// Unique names and name scopes.
#include "graph/name_table.h"
#include "wengert/graph.h"

namespace wengert {
namespace {

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsScopeName(std::string_view name) {
  for (char c : name) {
    if (!IsAlphanumeric(c) && c != '_' && c != '.' && c != '\\' && c != '/' && c != '>' &&
        c != '-') {
      return false;
    }
  }
  return true;
}

}  // namespace

bool Graph::IsValidName(std::string_view name) {
  return !name.empty() && (IsAlphanumeric(name[0]) || name[0] == '.') && IsScopeName(name);
}

std::string Graph::UniqueName(const std::string& name, bool mark_as_used) {
  std::string full;
  if (!name_scope_.empty()) {
    full.reserve(name_scope_.size() + 1 + name.size() + 8);
    full.append(name_scope_).append(1, '/');
  }
  full += name;
  int count = 0;
  if (mark_as_used) {
    int& uses = names_->CountOf(full);
    count = uses++;
  } else {
    count = names_->Count(full);
  }
  if (count == 0) return full;
  full += '_';
  const size_t stem = full.size();
  for (;; ++count) {
    full.resize(stem);
    full += std::to_string(count);
    if (names_->Count(full) == 0) break;
  }
  // A composed name counts as used itself, should someone ask for "name_1".
  if (mark_as_used) names_->CountOf(full) = 1;
  return full;
}

std::string Graph::EnterNameScope(const std::string& name) {
  if (name.empty()) {
    name_scope_.clear();
    return "";
  }
  if (name_scope_.empty()) {
    if (!IsValidName(name)) {
      throw ValueError("'" + name +
                       "' is not a valid root scope name. A root scope name has to match the "
                       "following pattern: ^[A-Za-z0-9.][A-Za-z0-9_.\\\\/>-]*$");
    }
  } else if (!IsScopeName(name)) {
    throw ValueError("'" + name +
                     "' is not a valid scope name. A scope name has to match the following "
                     "pattern: ^[A-Za-z0-9_.\\\\/>-]*$");
  }
  name_scope_ = name.back() == '/' ? name.substr(0, name.size() - 1) : UniqueName(name);
  return name_scope_ + "/";
}

}  // namespace wengert
