// Unique names and name scopes.
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

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
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
  std::string key = Lower(full);
  int count = 0;
  if (mark_as_used) {
    const auto [it, added] = names_in_use_.try_emplace(key, 1);
    if (added) return full;
    count = it->second++;
  } else {
    const auto it = names_in_use_.find(key);
    if (it == names_in_use_.end()) return full;
    count = it->second;
  }
  const size_t stem = key.size();
  key += '_';
  for (;; ++count) {
    key.resize(stem + 1);
    key += std::to_string(count);
    // A composed name counts as used itself, should someone ask for "name_1".
    const bool free = mark_as_used ? names_in_use_.try_emplace(key, 1).second
                                   : names_in_use_.find(key) == names_in_use_.end();
    if (free) break;
  }
  full.append(key, stem);
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
