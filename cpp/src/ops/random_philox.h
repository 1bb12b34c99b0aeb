// Philox 4x32-10, the counter-based generator of TensorFlow's random ops, and the
// distributions made from it, bit for bit the streams of TensorFlow on a CPU.
#pragma once

#include <array>
#include <cstdint>

#include "wengert/array.h"

namespace wengert::random {

class Philox {
 public:
  using Block = std::array<uint32_t, 4>;

  Philox() = default;
  // As stateful ops seed it.
  Philox(uint64_t seed, uint64_t seed2)
      : counter_{0, 0, Low(seed2), High(seed2)}, key_{Low(seed), High(seed)} {}
  static Philox FromKeyCounter(uint64_t key, uint64_t counter0, uint64_t counter1);
  // As stateless ops seed it: the two seeds are scrambled by a round of the generator.
  static Philox FromSeeds(uint64_t seed0, uint64_t seed1);

  uint64_t key() const { return Join(key_[0], key_[1]); }
  uint64_t counter(int i) const { return Join(counter_[2 * i], counter_[2 * i + 1]); }

  // The next 128 random bits.
  Block Next();
  // Leaves out `count` blocks.
  void Skip(uint64_t count);

 private:
  static uint32_t Low(uint64_t v) { return static_cast<uint32_t>(v); }
  static uint32_t High(uint64_t v) { return static_cast<uint32_t>(v >> 32); }
  static uint64_t Join(uint32_t low, uint32_t high) {
    return static_cast<uint64_t>(high) << 32 | low;
  }
  Block counter_{};
  std::array<uint32_t, 2> key_{};
};

enum class Distribution {
  kUniform,          // [0, 1)
  kNormal,           // mean 0, standard deviation 1
  kTruncatedNormal,  // the same, redrawn beyond 2
  kInteger,          // [low, low + range); range 0: any integer of the dtype
};

// Two numbers from a block: uniform in [0, 1), and standard normal.
std::array<double, 2> UniformPair(const Philox::Block& bits);
std::array<double, 2> NormalPair(const Philox::Block& bits);

// Fills `out` (float16, bfloat16, float32, float64; integers of 32 and 64 bits).
void Fill(Distribution distribution, Philox generator, Array& out, uint64_t low = 0,
          uint64_t range = 0);

// Blocks that a stateful op sets aside for a call that draws `count` numbers.
inline uint64_t ReservedBlocks(int64_t count) {
  return static_cast<uint64_t>(count) * 256;
}

}  // namespace wengert::random
