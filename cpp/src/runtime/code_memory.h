// Memory for generated machine code: written first, then made executable and read-only, so that it
// is never writable and executable at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace wengert::runtime {

class CodeMemory {
 public:
  // A copy of `code` that can be called. Null where the system does not allow it.
  static std::unique_ptr<const CodeMemory> Make(const std::vector<uint8_t>& code);
  ~CodeMemory();
  CodeMemory(const CodeMemory&) = delete;
  CodeMemory& operator=(const CodeMemory&) = delete;
  const uint8_t* data() const { return data_; }

 private:
  CodeMemory(uint8_t* data, size_t bytes) : data_(data), bytes_(bytes) {}
  uint8_t* data_;
  size_t bytes_;
};

}  // namespace wengert::runtime
