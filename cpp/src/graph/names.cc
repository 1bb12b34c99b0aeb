// Unique names and name scopes.
#include <array>
#include <charconv>

#include "graph/name_table.h"
#include "wengert/graph.h"

namespace wengert {
namespace {

constexpr bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

constexpr std::array<bool, 256> kScopeCharacters = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const char ch = static_cast<char>(c);
    table[static_cast<size_t>(c)] = IsAlphanumeric(ch) || ch == '_' || ch == '.' || ch == '\\' ||
                                    ch == '/' || ch == '>' || ch == '-';
  }
  return table;
}();

bool IsScopeName(std::string_view name) {
  bool ok = true;
  for (char c : name) ok &= kScopeCharacters[static_cast<unsigned char>(c)];
  return ok;
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
  int count = mark_as_used ? names_->CountOf(full)++ : names_->Count(full);
  if (count == 0) return full;
  full += '_';
  const size_t stem = full.size();
  for (;; ++count) {
    char digits[16];
    char* const end = std::to_chars(digits, digits + sizeof(digits), count).ptr;
    full.resize(stem);
    full.append(static_cast<const char*>(digits), static_cast<size_t>(end - digits));
    if (!mark_as_used) {
      if (names_->Count(full) == 0) return full;
      continue;
    }
    // A composed name counts as used itself, should someone ask for "name_1".
    int& uses = names_->CountOf(full);
    if (uses == 0) {
      uses = 1;
      return full;
    }
  }
}

std::string Graph::EnterNameScope(const std::string& name, std::string* previous) {
  if (name.empty()) {
    *previous = std::move(name_scope_);
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
  std::string scope = name.back() == '/' ? name.substr(0, name.size() - 1) : UniqueName(name);
  std::string path;
  path.reserve(scope.size() + 1);
  path.append(scope).append(1, '/');
  *previous = std::move(name_scope_);
  name_scope_ = std::move(scope);
  return path;
}

std::string Graph::EnterNameScope(const std::string& name) {
  std::string previous;
  return EnterNameScope(name, &previous);
}

}  // namespace wengert
