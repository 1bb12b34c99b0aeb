// Convolution, and its gradient with respect to the image: both are windows over a source, the
// image or the gradient of the result, times packed panels of the filter.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/parallel.h"
#include "runtime/conv_tables.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

constexpr int64_t kTasks = 16;  // of one step at most, whatever the number of threads
constexpr int64_t kPanelBytes =
    24576;  // of a panel while its rows are met: half a first-level cache
constexpr int64_t kSourceBytes = 131072;  // of the source read by the windows taken together

class ConvStep : public Step {
 public:
  ConvStep(StepContext& context, const ConvSpec& spec)
      : forward_(spec.kind == ConvKind::kResult),
        source_(context.in_slot(forward_ ? 0 : 1)),
        filter_(context.in_slot(forward_ ? 1 : 0)),
        out_(context.out_slot()),
        type_(KernelType(context.out_dtype())),
        size_(static_cast<int64_t>(SizeOf(context.out_dtype()))),
        groups_(spec.groups) {
    const Dims& source = context.in_dims(forward_ ? 0 : 1);
    const Dims& filter = context.in_dims(forward_ ? 1 : 0);
    const Dims& out = context.out_dims();
    images_ = out[0];
    out_image_ = NumElements(out) / std::max<int64_t>(1, images_);
    columns_ = out[4] / groups_;
    depthwise_ = groups_ > 1 && filter[3] == 1 && filter[4] == groups_;
    const int64_t channels = depthwise_ ? 1 : source[4] / groups_;
    std::vector<AxisReads> axes[3];
    for (size_t a = 0; a < 3; ++a) {
      axes[a] = forward_ ? std::vector<AxisReads>{ImageReads(spec, a, filter[a], out[a + 1])}
                         : ResultReads(spec, a, out[a + 1], filter[a]);
    }
    sets_ = MakeWindows(axes, source.data() + 1, source[4], channels, filter.data(), out.data() + 1,
                        out[4], &frame_);
    source_image_ = source[1] * source[2] * source[3] * source[4];
    SetPanels(filter, channels);
    SetTasks(context, channels);
  }

  void Run(Frame& frame) const override {
    char* out = frame.slots[static_cast<size_t>(out_)];
    const char* source = frame.slots[static_cast<size_t>(source_)];
    char* panels = frame.slots[static_cast<size_t>(panels_)];
    char* copies = copies_ < 0 ? nullptr : frame.slots[static_cast<size_t>(copies_)];
    if (out_image_ == 0 || images_ == 0) return;
    PackFilter(frame.slots[static_cast<size_t>(filter_)], panels);
    const bool shared = splits_ > 1;  // several tasks read the copy of one image
    if (frame_.copied && shared) {
      const int64_t rows = frame_.rows();
      kernels::ParallelFor(images_ * rows, std::max<int64_t>(1, images_ * rows / kTasks),
                           0.1 * static_cast<double>(images_ * frame_.elements()),
                           [&](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i) {
                               frame_.CopyRows(source + i / rows * source_image_ * size_,
                                               copies + i / rows * frame_.elements() * size_, size_,
                                               i % rows, i % rows + 1);
                             }
                           });
    }
    kernels::ParallelFor(parts_ * splits_, 1, cost_ns_, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t part = task / splits_, split = task % splits_;
        char* copy = copies + part * frame_.elements() * size_;
        for (int64_t n = part * images_ / parts_; n < (part + 1) * images_ / parts_; ++n) {
          const char* image = source + n * source_image_ * size_;
          if (frame_.copied) {
            if (!shared) frame_.CopyRows(image, copy, size_, 0, frame_.rows());
            image = copy;
          }
          for (size_t s = 0; s < sets_.size(); ++s) {
            const int64_t windows = static_cast<int64_t>(sets_[s].row.size());
            Multiply(s, split * windows / splits_, (split + 1) * windows / splits_, image, panels,
                     out + n * out_image_ * size_);
          }
        }
      }
    });
  }

  std::string Describe() const override {
    std::string text = depthwise_ ? "depthwise " : "conv ";
    text += forward_ ? "result" : "image";
    text += " windows " + std::to_string(sets_.empty() ? 0 : sets_[0].row.size()) + " depth " +
            std::to_string(sets_.empty() ? 0 : sets_[0].depth.size()) + " columns " +
            std::to_string(columns_) + " images " + std::to_string(images_);
    if (frame_.copied) text += " padded";
    return text;
  }

 private:
  // Where in the filter the rows of the panels of each set begin.
  void SetPanels(const Dims& filter, int64_t channels) {
    const kernels::KernelTable& table = kernels::Kernels();
    gemm_ = table.gather_gemm[type_];
    product_ = table.depthwise[type_];
    width_ = table.gather_width[type_];
    const int64_t o = filter[4], tap = filter[3] * o;
    group_ = o / groups_;
    row_step_ = forward_ ? o : 1;
    column_step_ = forward_ ? 1 : o;
    for (const WindowSet& set : sets_) {
      std::vector<int64_t> rows;
      for (int64_t t : set.taps) {
        for (int64_t c = 0; c < channels; ++c) rows.push_back(t * tap + c * row_step_);
      }
      const int64_t k = static_cast<int64_t>(rows.size());
      panel_of_set_.push_back(panel_elements_);
      panel_elements_ += depthwise_ ? k * o : groups_ * PanelElements(columns_, k, width_);
      work_ += static_cast<double>(k) * static_cast<double>(set.row.size());
      filter_rows_.push_back(std::move(rows));
    }
    work_ *= static_cast<double>(images_) * static_cast<double>(columns_ * groups_);
    cost_ns_ = work_ * 0.03 * static_cast<double>(size_) / 4 * (depthwise_ ? 4 : 1);
  }

  void SetTasks(StepContext& context, int64_t channels) {
    parts_ = std::min(images_, kTasks);
    splits_ = images_ >= kTasks / 2 ? 1 : kTasks / 2 / std::max<int64_t>(1, images_);
    splits_ = std::max<int64_t>(1, splits_);
    const int64_t read = std::max<int64_t>(1, channels * groups_) * size_;
    windows_ = std::max<int64_t>(96, kSourceBytes / read);
    depth_ = std::max<int64_t>(32, kPanelBytes / (width_ * size_));
    panels_ = context.Workspace(static_cast<size_t>(std::max<int64_t>(1, panel_elements_) * size_));
    if (frame_.copied) {
      copies_ =
          context.Workspace(static_cast<size_t>(NumElements({parts_, frame_.elements(), size_})));
    }
  }

  void PackFilter(const char* filter, char* panels) const {
    const int64_t sets = static_cast<int64_t>(sets_.size());
    const int64_t groups = depthwise_ ? 1 : groups_;
    kernels::ParallelFor(
        sets * groups, 1, static_cast<double>(panel_elements_), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const size_t s = static_cast<size_t>(i / groups);
            const int64_t g = i % groups, k = static_cast<int64_t>(filter_rows_[s].size());
            char* to = panels + panel_of_set_[s] * size_;
            if (depthwise_) {
              const int64_t bytes = groups_ * size_;
              for (int64_t p = 0; p < k; ++p) {
                std::memcpy(to + p * bytes, filter + sets_[s].taps[static_cast<size_t>(p)] * bytes,
                            static_cast<size_t>(bytes));
              }
              continue;
            }
            PackPanels(filter + g * group_ * size_, filter_rows_[s].data(), k, columns_,
                       column_step_, width_, size_,
                       to + g * PanelElements(columns_, k, width_) * size_);
          }
        });
  }

  // Windows [begin, end) of set `s` of one image.
  void Multiply(size_t s, int64_t begin, int64_t end, const char* source, const char* panels,
                char* out) const {
    const WindowSet& set = sets_[s];
    const int64_t k = static_cast<int64_t>(set.depth.size());
    const char* panel = panels + panel_of_set_[s] * size_;
    for (int64_t q = begin; q < end; q += windows_) {
      const int64_t m = std::min(windows_, end - q);
      if (depthwise_) {
        product_({source, set.row.data() + q, set.depth.data(), panel, out, set.out.data() + q, m,
                  groups_, k});
        continue;
      }
      const int64_t channels = frame_.channels / groups_;
      for (int64_t g = 0; g < groups_; ++g) {
        const char* b = panel + g * PanelElements(columns_, k, width_) * size_;
        const int64_t blocks = std::max<int64_t>(1, (k + depth_ - 1) / depth_);
        for (int64_t block = 0; block < blocks; ++block) {
          gemm_({source + g * channels * size_, set.row.data() + q, set.depth.data(), b,
                 out + g * columns_ * size_, set.out.data() + q, m, columns_, block * k / blocks,
                 (block + 1) * k / blocks, k, block > 0});
        }
      }
    }
  }

  bool forward_, depthwise_ = false;
  int source_, filter_, out_, panels_ = -1, copies_ = -1;
  kernels::KDType type_;
  int64_t size_, groups_, images_ = 0, columns_ = 0, out_image_ = 0, source_image_ = 0;
  int64_t group_ = 0, row_step_ = 1, column_step_ = 1, width_ = 0, panel_elements_ = 0;
  int64_t parts_ = 1, splits_ = 1, windows_ = 1, depth_ = 1;
  Frame3 frame_;
  std::vector<WindowSet> sets_;
  std::vector<std::vector<int64_t>> filter_rows_;  // per set
  std::vector<int64_t> panel_of_set_;              // elements
  kernels::GatherGemmFn gemm_ = nullptr;
  kernels::DepthwiseProductFn product_ = nullptr;
  double work_ = 0, cost_ns_ = 0;
};

}  // namespace

std::unique_ptr<Step> MakeConv(StepContext& context) {
  const ConvSpec& spec = std::get<compile::Conv>(context.node().prim).spec;
  if (spec.kind == ConvKind::kFilter) return MakeConvFilter(context, spec);
  if (spec.kind == ConvKind::kImage) {
    if (std::unique_ptr<Step> step = MakeConvImage(context, spec)) return step;
  }
  return std::make_unique<ConvStep>(context, spec);
}

}  // namespace wengert::runtime
