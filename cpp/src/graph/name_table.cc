// The table of names: lower-case keys, linear probing.
#include "graph/name_table.h"

#include <cstring>

#include "wengert/graph.h"

namespace wengert {
namespace {

// A name in lower case, on the stack unless it is very long.
class LowerCase {
 public:
  explicit LowerCase(std::string_view name) : length_(name.size()) {
    char* out = small_;
    if (length_ > sizeof(small_)) {
      large_.resize(length_);
      out = large_.data();
    }
    for (size_t i = 0; i < length_; ++i) {
      const char c = name[i];
      out[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    }
    data_ = out;
  }
  LowerCase(const LowerCase&) = delete;
  LowerCase& operator=(const LowerCase&) = delete;
  std::string_view view() const { return {data_, length_}; }

 private:
  char small_[256];
  std::string large_;
  const char* data_;
  size_t length_;
};

// Multiply-and-fold over eight bytes at a time.
uint64_t Hash(std::string_view text) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15u;
  uint64_t h = text.size() * kMultiplier;
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    h = (h ^ word) * kMultiplier;
    h ^= h >> 32;
  }
  uint64_t word = 0;
  std::memcpy(&word, text.data() + i, text.size() - i);
  h = (h ^ word) * kMultiplier;
  return h ^ (h >> 29);
}

}  // namespace

const NameTable::Entry* NameTable::Lookup(std::string_view name) const {
  if (entries_.empty()) return nullptr;
  const LowerCase lower(name);
  const uint64_t hash = Hash(lower.view());
  const size_t mask = entries_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Entry& e = entries_[i];
    if (!e.used) return nullptr;
    if (e.hash == hash && e.length == name.size() &&
        std::memcmp(text_.data() + e.offset, lower.view().data(), e.length) == 0) {
      return &e;
    }
  }
}

void NameTable::Grow() {
  std::vector<Entry> old = std::move(entries_);
  entries_.assign(old.empty() ? 64 : old.size() * 2, Entry());
  const size_t mask = entries_.size() - 1;
  for (const Entry& e : old) {
    if (!e.used) continue;
    size_t i = e.hash & mask;
    while (entries_[i].used) i = (i + 1) & mask;
    entries_[i] = e;
  }
}

NameTable::Entry& NameTable::Insert(std::string_view name) {
  if (2 * (size_ + 1) > entries_.size()) Grow();
  const LowerCase lower(name);
  const uint64_t hash = Hash(lower.view());
  const size_t mask = entries_.size() - 1;
  size_t i = hash & mask;
  for (; entries_[i].used; i = (i + 1) & mask) {
    Entry& e = entries_[i];
    if (e.hash == hash && e.length == name.size() &&
        std::memcmp(text_.data() + e.offset, lower.view().data(), e.length) == 0) {
      return e;
    }
  }
  Entry& e = entries_[i];
  e.hash = hash;
  e.offset = text_.size();
  e.length = static_cast<uint32_t>(name.size());
  e.used = true;
  text_.append(lower.view());
  ++size_;
  return e;
}

int NameTable::Count(std::string_view name) const {
  const Entry* e = Lookup(name);
  return e == nullptr ? 0 : e->count;
}

int& NameTable::CountOf(std::string_view name) {
  return Insert(name).count;
}

Operation* NameTable::Find(std::string_view name) const {
  const Entry* e = Lookup(name);
  if (e == nullptr || e->op == nullptr) return nullptr;
  if (e->op->name() == name) return e->op;
  if (twins_.empty()) return nullptr;
  const auto it = twins_.find(std::string(name));
  return it == twins_.end() ? nullptr : it->second;
}

void NameTable::Add(Operation* op) {
  Entry& e = Insert(op->name());
  if (e.op == nullptr) {
    e.op = op;
  } else {
    twins_.emplace(op->name(), op);
  }
}

}  // namespace wengert
