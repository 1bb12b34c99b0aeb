// Memory of runs: buffers on huge pages where that pays, thread scratch, the arena layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "wengert/array.h"

namespace wengert::runtime {

// As Buffer::Allocate; from 2 MB on, on huge pages of its own.
std::shared_ptr<Buffer> AllocateBuffer(size_t bytes);

// At least `bytes` of memory of this thread, 64-byte aligned, valid until the next call.
char* ThreadScratch(size_t bytes);

// a * b and a + b; throw ResourceExhausted when they do not fit.
size_t CheckedMul(size_t a, size_t b);
size_t CheckedAdd(size_t a, size_t b);

// Offsets in one block of memory that grows: best fit, neighbours merged when freed.
class ArenaLayout {
 public:
  size_t Allocate(size_t bytes);  // rounded up to 64
  void Free(size_t offset, size_t bytes);
  size_t size() const { return top_; }
  static size_t Rounded(size_t bytes);

 private:
  void Insert(size_t offset, size_t bytes);
  void Erase(std::map<size_t, size_t>::iterator it);
  size_t top_ = 0;
  std::map<size_t, size_t> by_offset_;
  std::set<std::pair<size_t, size_t>> by_size_;  // (bytes, offset)
};

// Memory that is needed from step `first` to step `last`, both inclusive.
struct Lifetime {
  size_t bytes = 0;
  int first = 0, last = 0;
  size_t offset = 0;
};

// Memory that is free until it is written at step `birth`.
struct Host {
  size_t bytes = 0;
  int birth = 0;
};

// Which host each lifetime can stand in, in front of all else in it; -1: none.
std::vector<int> AssignHosts(const std::vector<Lifetime>& lifetimes,
                             const std::vector<Host>& hosts);

// Chooses the offsets, so that no two lifetimes share memory at one step; the bytes they span.
size_t PlaceLifetimes(std::vector<Lifetime>* lifetimes);

// Result memory that is handed out again once its last user dropped it.
class BufferCache {
 public:
  std::shared_ptr<Buffer> Get(size_t bytes);

 private:
  static constexpr size_t kKept = 3;
  std::vector<std::shared_ptr<Buffer>> kept_;
  size_t next_ = 0;
};

}  // namespace wengert::runtime
