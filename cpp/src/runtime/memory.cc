#include "runtime/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

namespace wengert::runtime {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;

Error TooLarge() {
  return Error(ErrorKind::kResourceExhausted,
               "OOM: the memory this computation needs does not fit in the address space");
}

struct Scratch {
  char* data = nullptr;
  size_t bytes = 0;
  ~Scratch() { std::free(data); }
};

}  // namespace

std::shared_ptr<Buffer> AllocateBuffer(size_t bytes) {
  if (bytes < kHugePage) return Buffer::Allocate(bytes);
  const size_t mapped = CheckedAdd(bytes, kHugePage - 1) / kHugePage * kHugePage;
  // One page more than needed, so that an aligned range can be cut out: only aligned ranges
  // are backed by huge pages.
  const size_t reserved = CheckedAdd(mapped, kHugePage);
  void* memory =
      mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw Error(ErrorKind::kResourceExhausted,
                "OOM when allocating " + std::to_string(bytes) + " bytes");
  }
  char* start = static_cast<char*>(memory);
  const size_t head = (kHugePage - reinterpret_cast<uintptr_t>(start) % kHugePage) % kHugePage;
  if (head > 0) munmap(start, head);
  char* data = start + head;
  const size_t tail = reserved - head - mapped;
  if (tail > 0) munmap(data + mapped, tail);
  madvise(data, mapped, MADV_HUGEPAGE);
  return Buffer::Borrow(data, bytes, [data, mapped] { munmap(data, mapped); });
}

char* ThreadScratch(size_t bytes) {
  thread_local Scratch scratch;
  if (scratch.bytes < bytes) {
    const size_t rounded = ArenaLayout::Rounded(std::max(bytes, scratch.bytes * 2));
    void* data = std::aligned_alloc(kAlignment, rounded);
    if (data == nullptr) throw std::bad_alloc();
    std::free(scratch.data);
    scratch.data = static_cast<char*>(data);
    scratch.bytes = rounded;
  }
  return scratch.data;
}

size_t CheckedMul(size_t a, size_t b) {
  size_t product;
  if (__builtin_mul_overflow(a, b, &product) ||
      product > static_cast<size_t>(std::numeric_limits<int64_t>::max())) {
    throw TooLarge();
  }
  return product;
}

size_t CheckedAdd(size_t a, size_t b) {
  size_t sum;
  if (__builtin_add_overflow(a, b, &sum) ||
      sum > static_cast<size_t>(std::numeric_limits<int64_t>::max())) {
    throw TooLarge();
  }
  return sum;
}

size_t ArenaLayout::Rounded(size_t bytes) {
  return CheckedAdd(bytes, kAlignment - 1) / kAlignment * kAlignment;
}

void ArenaLayout::Insert(size_t offset, size_t bytes) {
  by_offset_.emplace(offset, bytes);
  by_size_.emplace(bytes, offset);
}

void ArenaLayout::Erase(std::map<size_t, size_t>::iterator it) {
  by_size_.erase({it->second, it->first});
  by_offset_.erase(it);
}

size_t ArenaLayout::Allocate(size_t bytes) {
  bytes = std::max(Rounded(bytes), kAlignment);
  auto best = by_size_.lower_bound({bytes, 0});
  if (best != by_size_.end()) {
    const auto [free_bytes, offset] = *best;
    Erase(by_offset_.find(offset));
    if (free_bytes > bytes) Insert(offset + bytes, free_bytes - bytes);
    return offset;
  }
  // A free piece that ends the arena grows.
  if (!by_offset_.empty()) {
    auto last = std::prev(by_offset_.end());
    if (last->first + last->second == top_) {
      const size_t offset = last->first;
      Erase(last);
      top_ = CheckedAdd(offset, bytes);
      return offset;
    }
  }
  const size_t offset = top_;
  top_ = CheckedAdd(top_, bytes);
  return offset;
}

void ArenaLayout::Free(size_t offset, size_t bytes) {
  bytes = std::max(Rounded(bytes), kAlignment);
  auto next = by_offset_.lower_bound(offset);
  if (next != by_offset_.end() && next->first == offset + bytes) {
    bytes += next->second;
    auto gone = next++;
    Erase(gone);
  }
  if (next != by_offset_.begin()) {
    auto previous = std::prev(next);
    if (previous->first + previous->second == offset) {
      offset = previous->first;
      bytes += previous->second;
      Erase(previous);
    }
  }
  Insert(offset, bytes);
}

std::shared_ptr<Buffer> BufferCache::Get(size_t bytes) {
  for (std::shared_ptr<Buffer>& buffer : kept_) {
    if (buffer.use_count() == 1 && buffer->bytes() >= bytes) {
      // Orders this thread's writes after the last reads of the thread that dropped it.
      std::atomic_thread_fence(std::memory_order_acquire);
      return buffer;
    }
  }
  std::shared_ptr<Buffer> fresh = AllocateBuffer(bytes);
  if (kept_.size() < kKept) {
    kept_.push_back(fresh);
  } else {
    kept_[next_] = fresh;
    next_ = (next_ + 1) % kKept;
  }
  return fresh;
}

}  // namespace wengert::runtime
