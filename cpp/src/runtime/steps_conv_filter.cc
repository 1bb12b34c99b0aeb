// The gradient of a convolution with respect to the filter: rows are the taps and channels of the
// image, sums run over the windows of all images. Where the result has too few channels to fill a
// vector, rows and columns are exchanged.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/parallel.h"
#include "runtime/conv_tables.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

constexpr int64_t kTasks = 8;
constexpr int64_t kPanelBytes = 24576;                // see steps_conv.cc
constexpr int64_t kPackedBytes = 262144;              // of the windows, when exchanged
constexpr int64_t kPartialBytes = int64_t{64} << 20;  // of the sums that tasks keep for themselves

class ConvFilterStep : public Step {
 public:
  ConvFilterStep(StepContext& context, const ConvSpec& spec)
      : image_(context.in_slot(0)),
        result_(context.in_slot(1)),
        out_(context.out_slot()),
        type_(KernelType(context.out_dtype())),
        size_(static_cast<int64_t>(SizeOf(context.out_dtype()))),
        groups_(spec.groups) {
    const Dims &image = context.in_dims(0), &result = context.in_dims(1),
               &filter = context.out_dims();
    images_ = image[0];
    columns_ = filter[4];
    own_ = columns_ / groups_;
    depthwise_ = groups_ > 1 && filter[3] == 1 && columns_ == groups_;
    std::vector<AxisReads> axes[3];
    for (size_t a = 0; a < 3; ++a) axes[a] = {ImageReads(spec, a, filter[a], result[a + 1])};
    std::vector<WindowSet> sets = MakeWindows(axes, image.data() + 1, image[4], filter[3],
                                              filter.data(), result.data() + 1, columns_, &frame_);
    windows_ = std::move(sets[0]);
    for (size_t i = 0; i < windows_.depth.size(); ++i) {
      to_.push_back(static_cast<int64_t>(i) * columns_);
    }
    image_elements_ = image[1] * image[2] * image[3] * image[4];
    const kernels::KernelTable& table = kernels::Kernels();
    exchanged_ = groups_ == 1 && Exchange(table.gather_width[type_]);
    gemm_ = table.gather_gemm[type_];
    sum_ = table.depthwise_filter[type_];
    width_ = table.gather_width[type_];
    add_ = table.map[kernels::kMapAdd][type_];
    SetTasks(context);
    if (!exchanged_) return;
    pieces_ = MakePanelPieces(windows_.depth, width_);
    for (int64_t o = 0; o < columns_; ++o) {
      channel_.push_back(o);
      to_exchanged_.push_back(o * rows());
    }
  }

  void Run(Frame& frame) const override {
    const char* image = frame.slots[static_cast<size_t>(image_)];
    const char* result = frame.slots[static_cast<size_t>(result_)];
    char* out = frame.slots[static_cast<size_t>(out_)];
    const int64_t k = rows(), filter = k * columns_;
    if (filter == 0) return;
    char* partial = Memory(frame, partial_);
    char* copies = Memory(frame, copies_);
    char* packed = Memory(frame, packed_);
    std::memset(out, 0, static_cast<size_t>(filter * size_));
    if (images_ == 0 || windows_.row.empty()) return;
    kernels::ParallelFor(parts_ * splits_, 1, cost_ns_, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t part = task / splits_, split = task % splits_;
        const int64_t first = split * k / splits_, last = (split + 1) * k / splits_;
        char* sums = out;
        if (exchanged_) {
          sums = partial + part * filter * size_;
          std::memset(sums, 0, static_cast<size_t>(filter * size_));
        } else if (part > 0) {
          sums = partial + (part - 1) * filter * size_;
          std::memset(sums + first * columns_ * size_, 0,
                      static_cast<size_t>((last - first) * columns_ * size_));
        }
        if (packed_elements_ > 0) {  // what is beyond the columns stays 0
          std::memset(packed + task * packed_elements_ * size_, 0,
                      static_cast<size_t>(packed_elements_ * size_));
        }
        char* copy = copies + task * frame_.elements() * size_;
        for (int64_t n = part * images_ / parts_; n < (part + 1) * images_ / parts_; ++n) {
          const char* from = image + n * image_elements_ * size_;
          if (frame_.copied) {
            frame_.CopyRows(from, copy, size_, 0, frame_.rows());
            from = copy;
          }
          AddImage(from, result + n * result_elements() * size_, first, last,
                   packed + task * packed_elements_ * size_, sums);
        }
      }
    });
    if (exchanged_) {
      AddExchanged(partial, out);
      return;
    }
    if (parts_ == 1) return;
    kernels::ParallelFor(
        filter, 4096, 0.1 * static_cast<double>(filter * parts_), [&](int64_t begin, int64_t end) {
          char* to = out + begin * size_;
          for (int64_t part = 1; part < parts_; ++part) {
            add_(to, to, partial + ((part - 1) * filter + begin) * size_, nullptr, end - begin);
          }
        });
  }

  std::string Describe() const override {
    return std::string(depthwise_ ? "depthwise" : "conv") + " filter windows " +
           std::to_string(windows_.row.size()) + " rows " + std::to_string(rows()) + " columns " +
           std::to_string(columns_) + " images " + std::to_string(images_) +
           (frame_.copied ? " padded" : "") + (exchanged_ ? " exchanged" : "");
  }

 private:
  // Whether products with few channels as rows take fewer of vectors; packing counted.
  bool Exchange(int64_t width) const {
    const auto vectors = [width](int64_t n) { return (n + width / 2 - 1) / (width / 2); };
    const auto tiles = [](int64_t m) { return (m + 3) / 4 * 4; };
    const int64_t pieces = static_cast<int64_t>(MakePanelPieces(windows_.depth, width).size());
    const int64_t exchanged = tiles(columns_) * vectors(rows()) + 2 * pieces + 2 * vectors(rows());
    return 5 * exchanged < 4 * (tiles(rows()) + 6) * vectors(columns_);
  }

  // out[t, o] = sum over parts of partial[part][o, t]
  void AddExchanged(char* partial, char* out) const {
    const int64_t filter = rows() * columns_;
    for (int64_t part = 1; part < parts_; ++part) {
      add_(partial, partial, partial + part * filter * size_, nullptr, filter);
    }
    for (int64_t t = 0; t < rows(); ++t) {
      for (int64_t o = 0; o < columns_; ++o) {
        std::memcpy(out + (t * columns_ + o) * size_, partial + (o * rows() + t) * size_,
                    static_cast<size_t>(size_));
      }
    }
  }

  static char* Memory(const Frame& frame, int slot) {
    return slot < 0 ? nullptr : frame.slots[static_cast<size_t>(slot)];
  }
  int64_t rows() const { return static_cast<int64_t>(windows_.depth.size()); }
  int64_t result_elements() const { return static_cast<int64_t>(windows_.row.size()) * columns_; }

  // Parts of the images, each with sums of its own, times parts of the rows.
  void SetTasks(StepContext& context) {
    const int64_t filter = std::max<int64_t>(1, rows() * columns_ * size_);
    parts_ = std::min(
        {std::max<int64_t>(1, images_), kTasks, std::max<int64_t>(1, kPartialBytes / filter)});
    splits_ =
        depthwise_ || exchanged_ ? 1 : std::min(kTasks / parts_, std::max<int64_t>(1, rows() / 8));
    splits_ = std::max<int64_t>(1, splits_);
    block_ = std::max<int64_t>(64, kPanelBytes / (width_ * size_));
    if (exchanged_) block_ = std::max<int64_t>(64, kPackedBytes / (rows() * size_));
    block_ = std::min(block_, std::max<int64_t>(1, static_cast<int64_t>(windows_.row.size())));
    packed_elements_ = depthwise_ ? 0 : PanelElements(exchanged_ ? rows() : own_, block_, width_);
    const int64_t tasks = parts_ * splits_;
    const int64_t kept = exchanged_ ? parts_ : parts_ - 1;
    if (kept > 0) partial_ = context.Workspace(static_cast<size_t>(kept * filter));
    if (frame_.copied) {
      copies_ =
          context.Workspace(static_cast<size_t>(NumElements({tasks, frame_.elements(), size_})));
    }
    if (packed_elements_ > 0) {
      packed_ =
          context.Workspace(static_cast<size_t>(NumElements({tasks, packed_elements_, size_})));
    }
    cost_ns_ = static_cast<double>(rows()) * static_cast<double>(windows_.row.size()) *
               static_cast<double>(images_) * static_cast<double>(own_) * 0.03 *
               static_cast<double>(size_) / 4 *
               (depthwise_ ? 4.0 * static_cast<double>(groups_) : 1);
  }

  // Rows [first, last) of the sums over one image.
  void AddImage(const char* image, const char* result, int64_t first, int64_t last, char* packed,
                char* sums) const {
    const int64_t windows = static_cast<int64_t>(windows_.row.size());
    if (depthwise_) {
      for (int64_t q = 0; q < windows; q += block_) {
        const int64_t count = std::min(block_, windows - q);
        sum_({image, windows_.row.data() + q, windows_.depth.data(), result + q * columns_ * size_,
              sums, count, columns_, rows()});
      }
      return;
    }
    if (exchanged_) {
      for (int64_t q = 0; q < windows; q += block_) {
        const int64_t count = std::min(block_, windows - q);
        PackWindows(image, windows_.row.data() + q, count, pieces_, size_, packed);
        gemm_({result, channel_.data(), windows_.out.data() + q, packed, sums, to_exchanged_.data(),
               columns_, rows(), 0, count, count, true});
      }
      return;
    }
    const int64_t channels = frame_.channels / groups_;
    for (int64_t g = 0; g < groups_; ++g) {
      for (int64_t q = 0; q < windows; q += block_) {
        const int64_t count = std::min(block_, windows - q);
        PackPanels(result + g * own_ * size_, windows_.out.data() + q, count, own_, 1, width_,
                   size_, packed);
        gemm_({image + g * channels * size_, windows_.depth.data() + first, windows_.row.data() + q,
               packed, sums + g * own_ * size_, to_.data() + first, last - first, own_, 0, count,
               count, true});
      }
    }
  }

  int image_, result_, out_, partial_ = -1, copies_ = -1, packed_ = -1;
  kernels::KDType type_;
  int64_t size_, groups_, images_ = 0, columns_ = 0, own_ = 0, image_elements_ = 0;
  int64_t width_ = 0, parts_ = 1, splits_ = 1, block_ = 1, packed_elements_ = 0;
  bool depthwise_ = false, exchanged_ = false;
  Frame3 frame_;
  WindowSet windows_;
  std::vector<int64_t> to_;  // rows of the sums
  PanelPieces pieces_;       // when exchanged, also the next two
  std::vector<int64_t> channel_, to_exchanged_;
  kernels::GatherGemmFn gemm_ = nullptr;
  kernels::DepthwiseSumFn sum_ = nullptr;
  kernels::MapFn add_ = nullptr;
  double cost_ns_ = 0;
};

}  // namespace

std::unique_ptr<Step> MakeConvFilter(StepContext& context, const ConvSpec& spec) {
  return std::make_unique<ConvFilterStep>(context, spec);
}

}  // namespace wengert::runtime
