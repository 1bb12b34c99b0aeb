// Names of one graph: how often each is in use (ignoring case), and the operations by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace wengert {

class Operation;

// One open-addressing table for both questions: graph building asks them several times per
// operation, and a look-up that misses the cache once is what bounds its speed.
class NameTable {
 public:
  // Times the name was taken; 0 when unused. Never inserts.
  int Count(std::string_view name) const;
  // The counter of the name, inserted as 0 when new. Valid until the next insertion.
  int& CountOf(std::string_view name);
  // The operation of exactly this name, or null.
  Operation* Find(std::string_view name) const;
  // The place of a name that an operation shall have, for Add.
  uint32_t PlaceOf(std::string_view name);
  // True when an operation of exactly this name has been added.
  bool Taken(uint32_t place, const std::string& name) const;
  // `name`, at its place, is that of `op` and must not be that of another operation.
  void Add(uint32_t place, const std::string& name, Operation* op);

 private:
  struct Entry {
    uint64_t offset = 0;  // into text_
    uint32_t length = 0;
    int32_t count = 0;
    Operation* op = nullptr;
  };
  // Small, so that the table of a large graph stays in cache; entries lie in order of insertion,
  // where the new ones, which are asked for most, are together.
  struct Bucket {
    uint32_t hash = 0;
    uint32_t entry = 0;  // 1 and up; 0: free
  };
  class LowerCase;
  // The bucket of the name, or the free one where it would be.
  size_t Find(const LowerCase& name) const;
  Entry& Insert(std::string_view name);
  void Grow();

  std::vector<Bucket> buckets_;  // power of two, at most half full
  std::vector<Entry> entries_;
  std::string text_;  // lower-case names, end to end
  // Operations whose names differ from another's in case only.
  std::unordered_map<std::string, Operation*> twins_;
};

}  // namespace wengert
