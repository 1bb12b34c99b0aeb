// Pooling.
#include <algorithm>
#include <cstring>

#include "kernels/parallel.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

class PoolStep : public Step {
 public:
  PoolStep(StepContext& context, const PoolSpec& spec)
      : kind_(spec.kind), out_(context.out_slot()), type_(KernelType(context.in_dtype(0))) {
    gradient_ = kind_ == PoolKind::kMaxGradient || kind_ == PoolKind::kAverageGradient;
    const Dims& image = gradient_ ? context.out_dims() : context.in_dims(0);
    const Dims& result = gradient_ ? context.in_dims(context.num_inputs() - 1) : context.out_dims();
    first_ = context.in_slot(0);
    second_ = context.in_slot(context.num_inputs() - 1);
    pool_ = kernels::Kernels().pool[static_cast<size_t>(kind_)][type_];
    images_ = image[0];
    args_.channels = image[4];
    for (size_t a = 0; a < 3; ++a) {
      args_.image_dims[a] = image[a + 1];
      args_.result_dims[a] = result[a + 1];
      args_.window[a] = spec.window[a];
      args_.stride[a] = spec.stride[a];
      args_.pad[a] = spec.pad[a];
    }
    planes_ = result[1] * result[2];
    const int64_t size = static_cast<int64_t>(SizeOf(context.in_dtype(0)));
    image_bytes_ = image[1] * image[2] * image[3] * image[4] * size;
    result_bytes_ = result[1] * result[2] * result[3] * result[4] * size;
    const int64_t out_size = static_cast<int64_t>(SizeOf(context.out_dtype()));
    out_bytes_ = gradient_ ? image_bytes_ : result_bytes_ / size * out_size;
    empty_ = result_bytes_ == 0;
    double window = 1;
    for (size_t a = 0; a < 3; ++a) {
      window *= static_cast<double>(std::min(spec.window[a], image[a + 1]));
    }
    cost_ns_ = 0.1 * window * static_cast<double>(images_) * static_cast<double>(result_bytes_) / 4;
  }

  void Run(Frame& frame) const override {
    char* out = frame.slots[static_cast<size_t>(out_)];
    const char* first = frame.slots[static_cast<size_t>(first_)];
    const char* second = frame.slots[static_cast<size_t>(second_)];
    if (images_ * out_bytes_ == 0) return;
    if (empty_) {  // only gradients have elements then
      std::memset(out, 0, static_cast<size_t>(images_ * out_bytes_));
      return;
    }
    const auto run = [&](int64_t n, int64_t begin, int64_t end) {
      kernels::PoolArgs args = args_;
      args.image = first + n * image_bytes_;
      args.second = second + n * (kind_ == PoolKind::kMaxGather ? image_bytes_ : result_bytes_);
      args.out = out + n * out_bytes_;
      args.begin = begin;
      args.end = end;
      pool_(args);
    };
    if (gradient_) {  // windows of one image may meet
      kernels::ParallelFor(images_, 1, cost_ns_, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
          std::memset(out + n * out_bytes_, 0, static_cast<size_t>(out_bytes_));
          run(n, 0, planes_);
        }
      });
      return;
    }
    const int64_t all = images_ * planes_;
    kernels::ParallelFor(
        all, std::max<int64_t>(1, all / 16), cost_ns_, [&](int64_t begin, int64_t end) {
          while (begin < end) {
            const int64_t n = begin / planes_, to = std::min(end, (n + 1) * planes_);
            run(n, begin - n * planes_, to - n * planes_);
            begin = to;
          }
        });
  }

  std::string Describe() const override {
    constexpr const char* kNames[] = {"max",        "argmax",  "max gradient",
                                      "max gather", "average", "average gradient"};
    return std::string("pool ") + kNames[static_cast<size_t>(kind_)] + " images " +
           std::to_string(images_) + " planes " + std::to_string(planes_) + " channels " +
           std::to_string(args_.channels);
  }

 private:
  PoolKind kind_;
  int first_ = -1, second_ = -1, out_;
  kernels::KDType type_;
  kernels::PoolFn pool_ = nullptr;
  kernels::PoolArgs args_{};
  int64_t images_ = 0, planes_ = 0, image_bytes_ = 0, result_bytes_ = 0, out_bytes_ = 0;
  bool gradient_ = false, empty_ = false;
  double cost_ns_ = 0;
};

}  // namespace

std::unique_ptr<Step> MakePool(StepContext& context) {
  return std::make_unique<PoolStep>(context, std::get<compile::Pool>(context.node().prim).spec);
}

}  // namespace wengert::runtime
