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

}  // namespace

// A name in lower case, on the stack unless it is very long, and its hash (multiply and fold over
// eight bytes at a time).
class NameTable::LowerCase {
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
    hash_ = static_cast<uint32_t>(h ^ (h >> 32));
  }
  LowerCase(const LowerCase&) = delete;
  LowerCase& operator=(const LowerCase&) = delete;
  std::string_view view() const { return {data_, length_}; }
  uint32_t hash() const { return hash_; }

 private:
  char small_[256];
  std::string large_;
  const char* data_;
  size_t length_;
  uint32_t hash_;
};

size_t NameTable::Find(const LowerCase& name) const {
  const size_t mask = buckets_.size() - 1;
  const std::string_view text = name.view();
  for (size_t i = name.hash() & mask;; i = (i + 1) & mask) {
    const Bucket& bucket = buckets_[i];
    if (bucket.entry == 0) return i;
    if (bucket.hash != name.hash()) continue;
    const Entry& e = entries_[bucket.entry - 1];
    if (e.length == text.size() &&
        std::memcmp(text_.data() + e.offset, text.data(), e.length) == 0) {
      return i;
    }
  }
}

void NameTable::Grow() {
  const std::vector<Bucket> old = std::move(buckets_);
  if (old.empty()) {
    entries_.reserve(16);
    text_.reserve(512);
  }
  buckets_.assign(old.empty() ? 64 : old.size() * 2, Bucket());
  const size_t mask = buckets_.size() - 1;
  for (const Bucket& bucket : old) {
    if (bucket.entry == 0) continue;
    size_t i = bucket.hash & mask;
    while (buckets_[i].entry != 0) i = (i + 1) & mask;
    buckets_[i] = bucket;
  }
}

NameTable::Entry& NameTable::Insert(std::string_view name) {
  if (2 * (entries_.size() + 1) > buckets_.size()) Grow();
  const LowerCase lower(name);
  Bucket& bucket = buckets_[Find(lower)];
  if (bucket.entry == 0) {
    entries_.push_back({text_.size(), static_cast<uint32_t>(name.size()), 0, nullptr});
    text_.append(lower.view());
    bucket = {lower.hash(), static_cast<uint32_t>(entries_.size())};
  }
  return entries_[bucket.entry - 1];
}

int NameTable::Count(std::string_view name) const {
  if (buckets_.empty()) return 0;
  const Bucket& bucket = buckets_[Find(LowerCase(name))];
  return bucket.entry == 0 ? 0 : entries_[bucket.entry - 1].count;
}

int& NameTable::CountOf(std::string_view name) {
  return Insert(name).count;
}

uint32_t NameTable::PlaceOf(std::string_view name) {
  return static_cast<uint32_t>(&Insert(name) - entries_.data());
}

bool NameTable::Taken(uint32_t place, const std::string& name) const {
  const Operation* const op = entries_[place].op;
  return op != nullptr && (op->name() == name || twins_.contains(name));
}

Operation* NameTable::Find(std::string_view name) const {
  if (buckets_.empty()) return nullptr;
  const Bucket& bucket = buckets_[Find(LowerCase(name))];
  Operation* const op = bucket.entry == 0 ? nullptr : entries_[bucket.entry - 1].op;
  if (op == nullptr || op->name() == name) return op;
  if (twins_.empty()) return nullptr;
  const auto it = twins_.find(std::string(name));
  return it == twins_.end() ? nullptr : it->second;
}

void NameTable::Add(uint32_t place, const std::string& name, Operation* op) {
  Entry& e = entries_[place];
  if (e.op == nullptr) {
    e.op = op;
  } else {
    twins_.emplace(name, op);
  }
}

}  // namespace wengert
