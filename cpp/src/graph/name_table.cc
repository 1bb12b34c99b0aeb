// The table of names: lower-case keys, linear probing.
#include "graph/name_table.h"

#include <cstring>

#include "wengert/graph.h"

namespace wengert {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101u;

// Eight characters in lower case, others as they are.
uint64_t Lower(uint64_t word) {
  const uint64_t low = word & (kOnes * 0x7F);
  const uint64_t from_a = low + kOnes * (0x80 - 'A');       // bit 7 of a byte: 'A' or above
  const uint64_t after_z = low + kOnes * (0x80 - 'Z' - 1);  // above 'Z'
  const uint64_t upper = from_a & ~after_z & ~word & (kOnes * 0x80);
  return word | upper >> 2;
}

// A name in lower case, on the stack unless it is very long, and its hash (multiply and fold over
// eight bytes at a time).
class LowerCase {
 public:
  explicit LowerCase(std::string_view name) : length_(name.size()) {
    constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15u;
    char* out = small_;
    if (length_ > sizeof(small_)) {
      large_.resize(length_);
      out = large_.data();
    }
    data_ = out;
    uint64_t h = length_ * kMultiplier;
    size_t i = 0;
    uint64_t word;
    for (; i + 8 <= length_; i += 8) {
      std::memcpy(&word, name.data() + i, 8);
      word = Lower(word);
      std::memcpy(out + i, &word, 8);
      h = (h ^ word) * kMultiplier;
      h ^= h >> 32;
    }
    word = 0;
    std::memcpy(&word, name.data() + i, length_ - i);
    word = Lower(word);
    std::memcpy(out + i, &word, length_ - i);
    h = (h ^ word) * kMultiplier;
    hash_ = (h ^ (h >> 29)) | 1;  // 0 marks free entries
  }
  LowerCase(const LowerCase&) = delete;
  LowerCase& operator=(const LowerCase&) = delete;
  std::string_view view() const { return {data_, length_}; }
  uint64_t hash() const { return hash_; }

 private:
  char small_[256];
  std::string large_;
  const char* data_;
  size_t length_;
  uint64_t hash_;
};

}  // namespace

const NameTable::Entry* NameTable::Lookup(std::string_view name) const {
  if (entries_.empty()) return nullptr;
  const LowerCase lower(name);
  const uint64_t hash = lower.hash();
  const size_t mask = entries_.size() - 1;
  for (size_t i = hash >> 1 & mask;; i = (i + 1) & mask) {
    const Entry& e = entries_[i];
    if (e.hash == 0) return nullptr;
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
    if (e.hash == 0) continue;
    size_t i = e.hash >> 1 & mask;
    while (entries_[i].hash != 0) i = (i + 1) & mask;
    entries_[i] = e;
  }
}

NameTable::Entry& NameTable::Insert(std::string_view name) {
  if (2 * (size_ + 1) > entries_.size()) Grow();
  const LowerCase lower(name);
  const uint64_t hash = lower.hash();
  const size_t mask = entries_.size() - 1;
  size_t i = hash >> 1 & mask;
  for (; entries_[i].hash != 0; i = (i + 1) & mask) {
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
