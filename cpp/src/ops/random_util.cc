#include "ops/random_util.h"

#include <map>
#include <random>
#include <string>

#include "wengert/random.h"

namespace wengert::random {

void ShapeOfInput(ShapeContext& c) {
  c.set_output(0, c.input_as_shape(0));
}

Dims OutputDims(LoweringContext& c) {
  if (c.dims(0).size() != 1) {
    c.Fail("shape must be a vector of {int32,int64}, got shape " + ToString(c.dims(0)));
  }
  Dims dims = c.ints(0);
  for (int64_t d : dims) {
    if (d < 0) c.Fail("Dimension " + std::to_string(d) + " must be >= 0");
  }
  NumElements(dims);
  return dims;
}

Philox Stream::Reserve(uint64_t blocks) {
  std::lock_guard<std::mutex> lock(mutex);
  const Philox start = generator;
  generator.Skip(blocks);
  return start;
}

void Stream::Restart() {
  std::lock_guard<std::mutex> lock(mutex);
  generator = start;
}

namespace {

std::shared_ptr<Stream> MakeStream(const Operation& op) {
  uint64_t seed = static_cast<uint64_t>(op.int_attr("seed"));
  uint64_t seed2 = static_cast<uint64_t>(op.int_attr("seed2"));
  if (seed == 0 && seed2 == 0) {
    std::random_device device;
    seed = static_cast<uint64_t>(device()) << 32 | device();
    seed2 = static_cast<uint64_t>(device()) << 32 | device();
  }
  return std::make_shared<Stream>(Philox(seed, seed2));
}

// Streams by the resource that stands for their operation in a session, for as long as that
// lives.
class StreamTable {
 public:
  std::shared_ptr<Stream> Find(const std::shared_ptr<Resource>& owner, const Operation& op) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (const auto found = streams_.find(owner); found != streams_.end()) return found->second;
    if (streams_.size() >= most_) {
      for (auto it = streams_.begin(); it != streams_.end();) {
        it = it->first.expired() ? streams_.erase(it) : std::next(it);
      }
      most_ = 2 * streams_.size() + 64;
    }
    return streams_[owner] = MakeStream(op);
  }
  void Restart() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [owner, stream] : streams_) stream->Restart();
  }

 private:
  std::mutex mutex_;
  std::map<std::weak_ptr<Resource>, std::shared_ptr<Stream>, std::owner_less<>> streams_;
  size_t most_ = 64;
};

StreamTable& Streams() {
  static StreamTable* table = new StreamTable;
  return *table;
}

}  // namespace

std::shared_ptr<Stream> StreamOf(LoweringContext& c) {
  // Names are unique in a graph, and a session may call functions of other graphs.
  const std::string name = "random stream of " + c.op.name() + " in " +
                           std::to_string(reinterpret_cast<uintptr_t>(&c.op.graph()));
  const Value handle = c.b.NamedResource(name, DType::kUInt64, Shape());
  return Streams().Find(c.evaluate(handle).resources().at(0), c.op);
}

Philox ReadGenerator(Source source, const Array* in) {
  if (source == Source::kSeed) {
    if (in[0].size() != 2) {
      throw InvalidArgument("seed must have shape [2], not " + ToString(in[0].dims()));
    }
    return Philox::FromSeeds(static_cast<uint64_t>(in[0].AsInt(0)),
                             static_cast<uint64_t>(in[0].AsInt(1)));
  }
  if (in[0].size() < 1 || in[1].size() < 2) {
    throw InvalidArgument("key must have shape [1] and counter shape [2], not " +
                          ToString(in[0].dims()) + " and " + ToString(in[1].dims()));
  }
  return Philox::FromKeyCounter(static_cast<uint64_t>(in[0].AsInt(0)),
                                static_cast<uint64_t>(in[1].AsInt(0)),
                                static_cast<uint64_t>(in[1].AsInt(1)));
}

void CheckAlgorithm(LoweringContext& c, int input) {
  const std::vector<int64_t> algorithm = c.ints(input);
  if (algorithm.size() != 1 || (algorithm[0] != 1 && algorithm[0] != 3)) {
    c.Fail("Unsupported algorithm id: " +
           (algorithm.empty() ? std::string("none") : std::to_string(algorithm[0])));
  }
}

}  // namespace wengert::random

void wengert::RestartRandomStreams() {
  random::Streams().Restart();
}
