// Pieces shared by the ops that draw random numbers.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "ops/random_philox.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {

// Parts of RegisterRandomOps, by file.
void RegisterGammaOps(OpRegistry& r);
void RegisterChoiceOps(OpRegistry& r);

namespace random {

// Output 0 has the shape that input 0 says.
void ShapeOfInput(ShapeContext& c);
Dims OutputDims(LoweringContext& c);

// The stream of one op: each run takes the next stretch.
struct Stream {
  explicit Stream(const Philox& first) : start(first), generator(first) {}
  std::mutex mutex;
  const Philox start;
  Philox generator;

  Philox Reserve(uint64_t blocks);
  void Restart();
};

// The stream of the operation that is lowered, one in a session (or an executable without
// one) whatever is fetched. Its seeds are the attributes seed and seed2; both 0 ask for
// numbers that differ from run to run.
std::shared_ptr<Stream> StreamOf(LoweringContext& c);

// How a stateless op is given its generator: a seed, or a key and a counter.
enum class Source { kSeed, kKeyCounter };
Philox ReadGenerator(Source source, const Array* in);
// Philox is the only algorithm; 3 leaves the choice to the library.
void CheckAlgorithm(LoweringContext& c, int input);

// Uniform or normal numbers one at a time; of each pair the second comes first.
class Numbers {
 public:
  Numbers(Philox* generator, std::array<double, 2> (*draw)(const Philox::Block&))
      : generator_(generator), draw_(draw) {}
  double operator()() {
    if (left_ == 0) {
      pair_ = draw_(generator_->Next());
      left_ = 2;
    }
    return pair_[static_cast<size_t>(--left_)];
  }

 private:
  Philox* generator_;
  std::array<double, 2> (*draw_)(const Philox::Block&);
  std::array<double, 2> pair_{};
  int left_ = 0;
};

// Words of 32 bits one at a time.
class Words {
 public:
  explicit Words(Philox generator) : generator_(generator) {}
  uint32_t operator()() {
    if (used_ == 4) {
      block_ = generator_.Next();
      used_ = 0;
    }
    return block_[static_cast<size_t>(used_++)];
  }
  double Uniform() {
    const uint32_t a = (*this)(), b = (*this)();
    return UniformPair({a, b, a, b})[0];
  }

 private:
  Philox generator_;
  Philox::Block block_{};
  int used_ = 4;
};

}  // namespace random
}  // namespace wengert
