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
  // The name must not be that of another operation.
  void Add(Operation* op);

 private:
  struct Entry {
    uint64_t hash = 0;    // 0: free
    uint64_t offset = 0;  // into text_
    uint32_t length = 0;
    int32_t count = 0;
    Operation* op = nullptr;
  };
  const Entry* Lookup(std::string_view name) const;
  Entry& Insert(std::string_view name);
  void Grow();

  std::vector<Entry> entries_;  // power of two, at most half full
  size_t size_ = 0;
  std::string text_;  // lower-case names, end to end
  // Operations whose names differ from another's in case only.
  std::unordered_map<std::string, Operation*> twins_;
};

}  // namespace wengert
