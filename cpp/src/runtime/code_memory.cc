#include "runtime/code_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace wengert::runtime {

std::unique_ptr<const CodeMemory> CodeMemory::Make(const std::vector<uint8_t>& code) {
  if (code.empty()) return nullptr;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t bytes = (code.size() + page - 1) / page * page;
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  std::memcpy(data, code.data(), code.size());
  if (mprotect(data, bytes, PROT_READ | PROT_EXEC) != 0) {
    munmap(data, bytes);
    return nullptr;
  }
  return std::unique_ptr<const CodeMemory>(new CodeMemory(static_cast<uint8_t*>(data), bytes));
}

CodeMemory::~CodeMemory() {
  munmap(data_, bytes_);
}

}  // namespace wengert::runtime
