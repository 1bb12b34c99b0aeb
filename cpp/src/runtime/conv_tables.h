// What the steps of a convolution compute once: which elements of the source each window reads,
// as tables of offsets, and the copy of the source with zeros around it where windows reach
// beyond its bounds.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/steps.h"
#include "wengert/shape.h"
#include "wengert/window.h"

namespace wengert::runtime {

// One axis of a source read by windows: window q sees positions q * step + shifts[t], multiplied
// with taps[t] of the filter, and belongs to position first + q * every of the output.
struct AxisReads {
  int64_t count = 0, step = 1, first = 0, every = 1;
  std::vector<int64_t> taps, shifts;
};

// Windows over the image, one per position of the result.
AxisReads ImageReads(const ConvSpec& spec, size_t axis, int64_t filter, int64_t result);
// Windows over the result, one per position of the image; those of one remainder of the stride use
// the same taps and come together.
std::vector<AxisReads> ResultReads(const ConvSpec& spec, size_t axis, int64_t image,
                                   int64_t filter);

// The part of a source that windows see, [low, low + length) along each axis.
struct Frame3 {
  Spatial low{0, 0, 0}, length{0, 0, 0}, source{0, 0, 0};
  int64_t channels = 0;
  bool copied = false;  // it reaches beyond the source
  int64_t elements() const { return length[0] * length[1] * length[2] * channels; }
  // Fills rows [begin, end) (of length[0] * length[1]) of the copy of one image.
  void CopyRows(const char* image, char* copy, int64_t size, int64_t begin, int64_t end) const;
  // The inverse: what the copy holds of the image; the rest of it gets 0.
  void CopyBack(const char* copy, char* image, int64_t size) const;
  int64_t rows() const { return length[0] * length[1]; }
};

// Windows along all three axes that use the same taps.
struct WindowSet {
  std::vector<int64_t> row;    // per window: offset in the source's frame
  std::vector<int64_t> depth;  // per tap and channel of a group: offset from there
  std::vector<int64_t> out;    // per window: offset in the output
  std::vector<int64_t> taps;   // numbers of the taps in the filter
};

// `dims`: of the source, without batch; `axes`: reads[axis][set]. Frame and tables for windows that
// read `group_channels` channels and write `out_channels` per position of `out_dims`.
std::vector<WindowSet> MakeWindows(const std::vector<AxisReads> (&axes)[3], const int64_t* dims,
                                   int64_t channels, int64_t group_channels,
                                   const int64_t* filter_dims, const int64_t* out_dims,
                                   int64_t out_channels, Frame3* frame);

// Elements of panels of k rows for n columns.
int64_t PanelElements(int64_t n, int64_t k, int64_t width);

// Panels as kernels::GatherGemm wants them: element (p, j) is source[at(p) + j * step].
// `at`: element offsets of the k rows.
void PackPanels(const char* source, const int64_t* at, int64_t k, int64_t n, int64_t step,
                int64_t width, int64_t size, char* panels);

// Panels whose rows are windows and whose columns are all taps and channels: where the columns that
// lie together in the image go. What is beyond the last column is left as it is.
struct PanelPiece {
  int64_t panel, width, column;  // first column of its panel, length of a row there, place in it
  int64_t from, count;           // offset from the window, length
};
using PanelPieces = std::vector<PanelPiece>;
PanelPieces MakePanelPieces(const std::vector<int64_t>& depth, int64_t width);
// `row`: offsets of the k windows.
void PackWindows(const char* source, const int64_t* row, int64_t k, const PanelPieces& pieces,
                 int64_t size, char* panels);

// The gradient with respect to an image of few channels; null where steps_conv.cc is as good.
std::unique_ptr<Step> MakeConvImage(StepContext& context, const ConvSpec& spec);

}  // namespace wengert::runtime
