#include "ops/random_philox.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace wengert::random {
namespace {

constexpr double kPi = 3.14159265358979323846;

float UnitFloat(uint32_t bits) {
  return static_cast<float>(bits & 0x7fffffu) / 8388608.0f;
}

double UnitDouble(uint32_t low_part, uint32_t other) {
  const uint64_t mantissa = static_cast<uint64_t>(low_part & 0xfffffu) << 32 | other;
  return static_cast<double>(mantissa) / 4503599627370496.0;
}

// Box-Muller: two uniform numbers make two normal ones.
void NormalPair(uint32_t b0, uint32_t b1, float* out) {
  const float u = std::max(UnitFloat(b0), 1.0e-7f);
  const float angle = static_cast<float>(2.0 * kPi * UnitFloat(b1));
  const float radius = std::sqrt(-2.0f * std::log(u));
  out[0] = std::sin(angle) * radius;
  out[1] = std::cos(angle) * radius;
}

void NormalPair(uint32_t b0, uint32_t b1, uint32_t b2, uint32_t b3, double* out) {
  const double u = std::max(UnitDouble(b0, b1), 1.0e-7);
  const double angle = 2.0 * kPi * UnitDouble(b2, b3);
  const double radius = std::sqrt(-2.0 * std::log(u));
  out[0] = std::sin(angle) * radius;
  out[1] = std::cos(angle) * radius;
}

// Hands out a block word by word.
class Words {
 public:
  explicit Words(Philox* generator) : generator_(generator) {}
  uint32_t operator()() {
    if (used_ == 4) {
      block_ = generator_->Next();
      used_ = 0;
    }
    return block_[used_++];
  }

 private:
  Philox* generator_;
  Philox::Block block_{};
  int used_ = 4;
};

// --- one group of numbers: 4 of up to 32 bits or 2 of 64 ----------------------------------

void UniformGroup(const Philox::Block& bits, float* out) {
  for (int i = 0; i < 4; ++i) out[i] = UnitFloat(bits[i]);
}

void UniformGroup(const Philox::Block& bits, double* out) {
  for (int i = 0; i < 2; ++i) out[i] = UnitDouble(bits[2 * i], bits[2 * i + 1]);
}

void UniformGroup(const Philox::Block& bits, Half* out) {
  for (int i = 0; i < 4; ++i) out[i] = ToHalf(static_cast<float>(bits[i] & 0x3ffu) / 1024.0f);
}

void UniformGroup(const Philox::Block& bits, BFloat16* out) {
  for (int i = 0; i < 4; ++i) out[i] = ToBFloat16(static_cast<float>(bits[i] & 0x7fu) / 128.0f);
}

void Store(const float* values, float* out) {
  std::copy(values, values + 4, out);
}
void Store(const float* values, Half* out) {
  std::transform(values, values + 4, out, ToHalf);
}
void Store(const float* values, BFloat16* out) {
  std::transform(values, values + 4, out, ToBFloat16);
}

template <class T>
void NormalGroup(const Philox::Block& bits, T* out) {
  if constexpr (std::is_same_v<T, double>) {
    NormalPair(bits[0], bits[1], bits[2], bits[3], out);
  } else {
    float values[4];
    NormalPair(bits[0], bits[1], values);
    NormalPair(bits[2], bits[3], values + 2);
    Store(values, out);
  }
}

template <class T>
void TruncatedGroup(Words words, T* out) {
  constexpr bool kDouble = std::is_same_v<T, double>;
  constexpr int kCount = kDouble ? 2 : 4;
  using Real = std::conditional_t<kDouble, double, float>;
  Real values[kCount];
  for (int filled = 0; filled < kCount;) {
    const uint32_t b0 = words(), b1 = words();
    Real pair[2];
    if constexpr (kDouble) {
      const uint32_t b2 = words(), b3 = words();
      NormalPair(b0, b1, b2, b3, pair);
    } else {
      NormalPair(b0, b1, pair);
    }
    for (const Real value : pair) {
      if (std::abs(value) < Real(2) && filled < kCount) values[filled++] = value;
    }
  }
  if constexpr (kDouble) {
    std::copy(values, values + 2, out);
  } else {
    Store(values, out);
  }
}

template <class T>
void IntegerGroup(const Philox::Block& bits, uint64_t low, uint64_t range, T* out) {
  if constexpr (sizeof(T) == 8) {
    for (int i = 0; i < 2; ++i) {
      const uint64_t word = static_cast<uint64_t>(bits[2 * i + 1]) << 32 | bits[2 * i];
      out[i] = static_cast<T>(range == 0 ? word : low + word % range);
    }
  } else {
    const uint32_t low32 = static_cast<uint32_t>(low), range32 = static_cast<uint32_t>(range);
    for (int i = 0; i < 4; ++i) {
      out[i] = static_cast<T>(range32 == 0 ? bits[i] : low32 + bits[i] % range32);
    }
  }
}

// Calls group(i, out) for the groups that cover the array; the last one may be cut.
template <class T, class F>
void ForGroups(Array& array, F&& group) {
  constexpr int64_t kCount = sizeof(T) == 8 ? 2 : 4;
  T* out = array.data<T>();
  const int64_t n = array.size();
  for (int64_t begin = 0; begin < n; begin += kCount) {
    if (n - begin >= kCount) {
      group(begin / kCount, out + begin);
      continue;
    }
    T last[kCount];
    group(begin / kCount, last);
    std::copy(last, last + (n - begin), out + begin);
  }
}

template <class T>
void FillReal(Distribution distribution, Philox generator, Array& out) {
  switch (distribution) {
    case Distribution::kUniform:
      ForGroups<T>(out, [&](int64_t, T* to) { UniformGroup(generator.Next(), to); });
      return;
    case Distribution::kNormal:
      ForGroups<T>(out, [&](int64_t, T* to) { NormalGroup(generator.Next(), to); });
      return;
    case Distribution::kTruncatedNormal: {
      // Each group has a stretch of the stream of its own, since it may draw any number of times.
      constexpr uint64_t kStretch = sizeof(T) == 8 ? 128 : 256;
      ForGroups<T>(out, [&](int64_t i, T* to) {
        Philox own = generator;
        own.Skip(static_cast<uint64_t>(i) * kStretch);
        TruncatedGroup(Words(&own), to);
      });
      return;
    }
    case Distribution::kInteger:
      break;
  }
  throw InvalidArgument("random integers of dtype " + std::string(Name(out.dtype())));
}

template <class T>
void FillInteger(Distribution distribution, Philox generator, Array& out, uint64_t low,
                 uint64_t range) {
  if (distribution != Distribution::kInteger) {
    throw InvalidArgument("random real numbers of dtype " + std::string(Name(out.dtype())));
  }
  ForGroups<T>(out, [&](int64_t, T* to) { IntegerGroup(generator.Next(), low, range, to); });
}

}  // namespace

Philox Philox::FromKeyCounter(uint64_t key, uint64_t counter0, uint64_t counter1) {
  Philox p;
  p.key_ = {Low(key), High(key)};
  p.counter_ = {Low(counter0), High(counter0), Low(counter1), High(counter1)};
  return p;
}

Philox Philox::FromSeeds(uint64_t seed0, uint64_t seed1) {
  Philox scrambler;
  scrambler.key_ = {0x3ec8f720u, 0x02461e29u};
  scrambler.counter_ = {Low(seed0), High(seed0), Low(seed1), High(seed1)};
  const Block mix = scrambler.Next();
  Philox p;
  p.key_ = {mix[0], mix[1]};
  p.counter_ = {0, 0, mix[2], mix[3]};
  return p;
}

Philox::Block Philox::Next() {
  Block c = counter_;
  uint32_t k0 = key_[0], k1 = key_[1];
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * c[0];
    const uint64_t p1 = static_cast<uint64_t>(0xCD9E8D57u) * c[2];
    c = {High(p1) ^ c[1] ^ k0, Low(p1), High(p0) ^ c[3] ^ k1, Low(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  Skip(1);
  return c;
}

void Philox::Skip(uint64_t count) {
  const uint64_t low = counter(0);
  const uint64_t sum = low + count;
  counter_[0] = Low(sum);
  counter_[1] = High(sum);
  if (sum >= low) return;
  const uint64_t high = counter(1) + 1;
  counter_[2] = Low(high);
  counter_[3] = High(high);
}

std::array<double, 2> UniformPair(const Philox::Block& bits) {
  std::array<double, 2> out;
  UniformGroup(bits, out.data());
  return out;
}

std::array<double, 2> NormalPair(const Philox::Block& bits) {
  std::array<double, 2> out;
  NormalGroup(bits, out.data());
  return out;
}

void Fill(Distribution distribution, Philox generator, Array& out, uint64_t low, uint64_t range) {
  switch (out.dtype()) {
    case DType::kFloat32:
      return FillReal<float>(distribution, generator, out);
    case DType::kFloat64:
      return FillReal<double>(distribution, generator, out);
    case DType::kFloat16:
      return FillReal<Half>(distribution, generator, out);
    case DType::kBFloat16:
      return FillReal<BFloat16>(distribution, generator, out);
    case DType::kInt32:
      return FillInteger<int32_t>(distribution, generator, out, low, range);
    case DType::kUInt32:
      return FillInteger<uint32_t>(distribution, generator, out, low, range);
    case DType::kInt64:
      return FillInteger<int64_t>(distribution, generator, out, low, range);
    case DType::kUInt64:
      return FillInteger<uint64_t>(distribution, generator, out, low, range);
    default:
      throw InvalidArgument("random numbers of dtype " + std::string(Name(out.dtype())));
  }
}

}  // namespace wengert::random
