// Tiling: a region of a program whose values are independent per row of a batch runs tile by
// tile, so that what lies between stays in the caches of one core.
#pragma once

#include <cstdint>
#include <vector>

#include "compile/program.h"

namespace wengert::compile {

// What a CustomKernel node that is a region does. Its inputs and outputs are those of `body`.
struct Tiling {
  struct Result {
    bool sum = false;  // rows are reduced by `op` over all tiles; else rows are written in place
    ReduceOp op = ReduceOp::kSum;
  };
  int64_t rows = 0;           // of the batch
  int64_t tile = 0;           // rows of a tile
  Program body;               // for `tile` rows
  Program rest;               // for the last rows % tile ones; no nodes when there are none
  std::vector<bool> by_rows;  // per input: the tile's rows of it; else the whole
  std::vector<Result> results;

  int64_t tiles() const { return (rows + tile - 1) / tile; }
};

// Regions of a program and how its nodes are ordered around them.
struct TileRegions {
  int64_t rows = 0;  // of the batch; 0: no region
  // In order: a list of nodes, a region where `region` is set.
  struct Part {
    bool region = false;
    std::vector<int> nodes;
  };
  std::vector<Part> parts;
  std::vector<bool> sums;  // by node: in a region, and a reduction over all rows
};

TileRegions FindTileRegions(const Program& program);

}  // namespace wengert::compile
