// The gradient of a convolution with respect to an image of few channels: every window of the
// result gives all it read its share, product of a row of the result with packed panels of the
// filter, whose columns are taps and channels that lie together in the image. The windows over the
// result of steps_conv.cc would leave most of a vector empty.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/parallel.h"
#include "runtime/conv_tables.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

constexpr int64_t kTasks = 16;
constexpr int64_t kPanelBytes = 24576;    // see steps_conv.cc
constexpr int64_t kResultBytes = 131072;  // of the result read by the windows taken together
constexpr int64_t kStrip = 16;            // rows of windows taken together
constexpr int64_t kAddCost = 8;           // of adding a vector to memory, in products

struct Stretch {
  int64_t first = 0, columns = 0;  // of all taps and channels
};

// Taps and channels in stretches that are contiguous in the image.
std::vector<Stretch> Stretches(const std::vector<int64_t>& depth) {
  std::vector<Stretch> stretches;
  for (size_t i = 0; i < depth.size(); ++i) {
    if (i == 0 || depth[i] != depth[i - 1] + 1) stretches.push_back({static_cast<int64_t>(i), 0});
    ++stretches.back().columns;
  }
  return stretches;
}

int64_t Vectors(int64_t columns, int64_t width) {
  return (columns + width / 2 - 1) / (width / 2);
}

WindowSet ImageWindows(const ConvSpec& spec, const Dims& image, const Dims& filter,
                       const Dims& result, Frame3* frame) {
  std::vector<AxisReads> axes[3];
  for (size_t a = 0; a < 3; ++a) axes[a] = {ImageReads(spec, a, filter[a], result[a + 1])};
  return std::move(MakeWindows(axes, image.data() + 1, image[4], filter[3], filter.data(),
                               result.data() + 1, result[4], frame)[0]);
}

class ConvImageStep : public Step {
 public:
  ConvImageStep(StepContext& context, const ConvSpec& spec)
      : filter_(context.in_slot(0)),
        result_(context.in_slot(1)),
        out_(context.out_slot()),
        size_(static_cast<int64_t>(SizeOf(context.out_dtype()))) {
    const Dims &filter = context.in_dims(0), &result = context.in_dims(1),
               &image = context.out_dims();
    const kernels::KernelTable& table = kernels::Kernels();
    const kernels::KDType type = KernelType(context.out_dtype());
    gemm_ = table.gather_gemm[type];
    width_ = table.gather_width[type];
    images_ = image[0];
    depth_ = filter[4];
    WindowSet windows = ImageWindows(spec, image, filter, result, &frame_);
    stretches_ = Stretches(windows.depth);
    for (const Stretch& stretch : stretches_) {
      to_.push_back(windows.depth[static_cast<size_t>(stretch.first)]);
      panel_.push_back(panel_elements_);
      panel_elements_ += PanelElements(stretch.columns, depth_, width_);
    }
    Order(windows, spec, filter, result);
    channel_.resize(static_cast<size_t>(depth_));
    std::iota(channel_.begin(), channel_.end(), 0);
    image_elements_ = image[1] * image[2] * image[3] * image[4];
    result_elements_ = result[1] * result[2] * result[3] * result[4];
    parts_ = std::clamp<int64_t>(images_, 1, kTasks);
    block_ = std::max<int64_t>(96, kResultBytes / std::max<int64_t>(1, depth_ * size_));
    k_block_ = std::max<int64_t>(32, kPanelBytes / (width_ * size_));
    panels_ = context.Workspace(static_cast<size_t>(std::max<int64_t>(1, panel_elements_) * size_));
    if (frame_.copied) {
      sums_ =
          context.Workspace(static_cast<size_t>(NumElements({parts_, frame_.elements(), size_})));
    }
    cost_ns_ = 0.03 * static_cast<double>(size_) / 4 * static_cast<double>(images_) *
               static_cast<double>(result_elements_) * static_cast<double>(windows.depth.size());
  }

  void Run(Frame& frame) const override {
    char* out = frame.slots[static_cast<size_t>(out_)];
    const char* result = frame.slots[static_cast<size_t>(result_)];
    const char* filter = frame.slots[static_cast<size_t>(filter_)];
    char* panels = frame.slots[static_cast<size_t>(panels_)];
    char* sums = sums_ < 0 ? nullptr : frame.slots[static_cast<size_t>(sums_)];
    if (images_ * image_elements_ == 0) return;
    for (size_t r = 0; r < stretches_.size(); ++r) {
      PackPanels(filter + stretches_[r].first * depth_ * size_, channel_.data(), depth_,
                 stretches_[r].columns, depth_, width_, size_, panels + panel_[r] * size_);
    }
    kernels::ParallelFor(parts_, 1, cost_ns_, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        char* own = sums + part * frame_.elements() * size_;
        for (int64_t n = part * images_ / parts_; n < (part + 1) * images_ / parts_; ++n) {
          char* image = out + n * image_elements_ * size_;
          char* to = frame_.copied ? own : image;
          std::memset(to, 0, static_cast<size_t>(frame_.elements() * size_));
          AddWindows(result + n * result_elements_ * size_, panels, to);
          if (frame_.copied) frame_.CopyBack(to, image, size_);
        }
      }
    });
  }

  std::string Describe() const override {
    return "conv image by result windows " + std::to_string(row_.size()) + " depth " +
           std::to_string(depth_) + " stretches " + std::to_string(stretches_.size()) +
           " columns " + std::to_string(stretches_.empty() ? 0 : stretches_[0].columns) +
           " images " + std::to_string(images_) + (frame_.copied ? " padded" : "");
  }

 private:
  // Windows one after the other do not meet: what was stored is not read at once.
  void Order(const WindowSet& windows, const ConvSpec& spec, const Dims& filter,
             const Dims& result) {
    const int64_t rows = result[1] * result[2], width = result[3];
    const int64_t reach = (filter[2] - 1) * spec.dilation[2] + 1;
    const int64_t apart = std::clamp<int64_t>((reach + spec.stride[2] - 1) / spec.stride[2], 1,
                                              std::max<int64_t>(1, width));
    row_.reserve(windows.row.size());
    from_.reserve(windows.row.size());
    for (int64_t strip = 0; strip < rows; strip += kStrip) {
      for (int64_t phase = 0; phase < apart; ++phase) {
        for (int64_t x = phase; x < width; x += apart) {
          for (int64_t y = strip; y < std::min(rows, strip + kStrip); ++y) {
            row_.push_back(windows.row[static_cast<size_t>(y * width + x)]);
            from_.push_back(windows.out[static_cast<size_t>(y * width + x)]);
          }
        }
      }
    }
  }

  void AddWindows(const char* result, const char* panels, char* image) const {
    const int64_t windows = static_cast<int64_t>(row_.size());
    const int64_t blocks = std::max<int64_t>(1, (depth_ + k_block_ - 1) / k_block_);
    for (int64_t q = 0; q < windows; q += block_) {
      const int64_t m = std::min(block_, windows - q);
      for (size_t r = 0; r < stretches_.size(); ++r) {
        for (int64_t block = 0; block < blocks; ++block) {
          gemm_({result, from_.data() + q, channel_.data(), panels + panel_[r] * size_,
                 image + to_[r] * size_, row_.data() + q, m, stretches_[r].columns,
                 block * depth_ / blocks, (block + 1) * depth_ / blocks, depth_, true});
        }
      }
    }
  }

  int filter_, result_, out_, panels_ = -1, sums_ = -1;
  int64_t size_, width_ = 0, images_ = 0, depth_ = 0, image_elements_ = 0, result_elements_ = 0;
  int64_t parts_ = 1, block_ = 1, k_block_ = 1, panel_elements_ = 0;
  Frame3 frame_;
  std::vector<Stretch> stretches_;
  std::vector<int64_t> to_, panel_;  // per stretch: offset in the image, in the panels
  std::vector<int64_t> row_, from_;  // per window: offset in the image, in the result
  std::vector<int64_t> channel_;     // 0, 1, ..
  kernels::GatherGemmFn gemm_ = nullptr;
  double cost_ns_ = 0;
};

}  // namespace

std::unique_ptr<Step> MakeConvImage(StepContext& context, const ConvSpec& spec) {
  const Dims &filter = context.in_dims(0), &result = context.in_dims(1),
             &image = context.out_dims();
  if (spec.groups != 1 || image[0] < 4) return nullptr;  // parts are images
  Frame3 frame;
  const WindowSet windows = ImageWindows(spec, image, filter, result, &frame);
  const int64_t width = kernels::Kernels().gather_width[KernelType(context.out_dtype())];
  double mine = 0, other;  // products of vectors per image
  for (const Stretch& stretch : Stretches(windows.depth)) {
    mine += static_cast<double>(filter[4] + kAddCost) * static_cast<double>(windows.row.size()) *
            static_cast<double>(Vectors(stretch.columns, width));
  }
  other = static_cast<double>(filter[4]) * static_cast<double>(Vectors(filter[3], width));
  for (size_t a = 0; a < 3; ++a) {
    double reads = 0;
    for (const AxisReads& set : ResultReads(spec, a, image[a + 1], filter[a])) {
      reads += static_cast<double>(set.count) * static_cast<double>(set.taps.size());
    }
    other *= reads;
  }
  if (!(mine < 0.8 * other)) return nullptr;
  return std::make_unique<ConvImageStep>(context, spec);
}

}  // namespace wengert::runtime
