// The loops over output positions and blocks of channels that every kernel set shares.
//
// A kernel set gives `rows<P, N>()`, how many positions a tile of N blocks holds, `blocks<P>()`, how
// many blocks at most, and `tile<P, M, N>(convolution, tile, block)`.
#pragma once

#include "../kernels.h"

namespace ae {

// Where the positions of one tile read and write, and weights to fetch meanwhile: as many bytes as
// a block has in one plane.
template <int M>
struct Tile {
  const uint8_t *source[M];
  uint8_t *target[M];
  const uint8_t *other[M];
  const int8_t *ahead;
};

// Walks over output positions, row by row.
class Cursor {
 public:
  Cursor(const Convolution &c, int position)
      : c_(&c), x_(position % c.target_width) {
    const ptrdiff_t y = position / c.target_width;
    source_ = c.source + y * c.step_y + x_ * c.step_x;
    target_ = c.target.at + y * c.target.row + x_ * c.target.column;
    other_ = c.adds ? c.other.at + y * c.other.row + x_ * c.other.column : nullptr;
  }

  // The next M positions, for `blocks` blocks that end before `behind`.
  template <int M>
  void fill(Tile<M> &tile, int blocks, int behind) {
    tile.ahead = ahead(tile_++, blocks, behind);
    for (int i = 0; i < M; ++i) {
      tile.source[i] = source_;
      tile.target[i] = target_;
      tile.other[i] = other_;
      source_ += c_->step_x;
      target_ += c_->target.column;
      if (c_->adds) other_ += c_->other.column;
      if (++x_ == c_->target_width) next_row();
    }
  }

 private:
  // As many blocks of each plane, or of what the next layer reads first.
  const int8_t *ahead(int tile, int blocks, int behind) const {
    const bool both = c_->products != Products::kHigh;
    const int few = both ? 2 * blocks : blocks;  // tiles that fetch
    const int at = behind + (both ? tile / 2 : tile), beyond = at - c_->blocks;
    if (tile < few && beyond < 0) {
      return (both && tile % 2 ? c_->weight_low : c_->weight_high) + at * c_->panel;
    }
    if (tile < few && (beyond + 1) * c_->panel <= c_->following_bytes) {
      return c_->following + beyond * c_->panel;
    }
    return c_->weight_high;
  }

  void next_row() {
    x_ = 0;
    source_ += c_->step_y - c_->target_width * c_->step_x;
    target_ += c_->target.row - c_->target_width * c_->target.column;
    if (c_->adds) other_ += c_->other.row - c_->target_width * c_->other.column;
  }

  const Convolution *c_;
  int tile_ = 0;
  int x_;
  const uint8_t *source_;
  uint8_t *target_;
  const uint8_t *other_;
};

template <class Set, Products P, int M, int N>
static inline void next_tile(const Convolution &c, Cursor &cursor, int block) {
  Tile<M> tile;
  cursor.fill(tile, N, block + N);
  Set::template tile<P, M, N>(c, tile, block);
}

// Positions fewer than a tile holds, in smaller tiles; where there are more before them, tiles
// overlap these rather than being cut.
template <class Set, Products P, int N>
static void walk_rest(const Convolution &c, Range positions, int left, int block) {
  constexpr int M = Set::template rows<P, N>();
  const int all = positions.end - positions.begin;
  const auto at_end = [&](int count) { return Cursor(c, positions.end - count); };
  if constexpr (M > 4) {
    if (left > 4 && left > M - 4 && all >= M) {
      Cursor cursor = at_end(M);
      return next_tile<Set, P, M, N>(c, cursor, block);
    }
    Cursor cursor = at_end(left);
    for (; left > 4; left -= 4) next_tile<Set, P, 4, N>(c, cursor, block);
    if (left > 2 && all >= 4) {
      cursor = at_end(4);
      return next_tile<Set, P, 4, N>(c, cursor, block);
    }
  }
  Cursor cursor = at_end(left);
  if constexpr (M > 2) {
    for (; left >= 2; left -= 2) next_tile<Set, P, 2, N>(c, cursor, block);
  }
  for (; left > 0; --left) next_tile<Set, P, 1, N>(c, cursor, block);
}

// All positions of N blocks.
template <class Set, Products P, int N>
static void walk_positions(const Convolution &c, Range positions, int block) {
  constexpr int M = Set::template rows<P, N>();
  Cursor cursor(c, positions.begin);
  int left = positions.end - positions.begin;
  for (; left >= M; left -= M) next_tile<Set, P, M, N>(c, cursor, block);
  if (left > 0) walk_rest<Set, P, N>(c, positions, left, block);
}

template <class Set, Products P>
static void walk_blocks(const Convolution &c, Range positions, Range blocks) {
  constexpr int most = Set::template blocks<P>();
  for (int block = blocks.begin; block < blocks.end;) {
    const int left = blocks.end - block;
    if constexpr (most >= 4) {
      if (left >= 4) {
        walk_positions<Set, P, 4>(c, positions, block);
        block += 4;
        continue;
      }
      if (left == 3) {
        walk_positions<Set, P, 3>(c, positions, block);
        block += 3;
        continue;
      }
    }
    if constexpr (most >= 2) {
      if (left >= 2) {
        walk_positions<Set, P, 2>(c, positions, block);
        block += 2;
        continue;
      }
    }
    walk_positions<Set, P, 1>(c, positions, block);
    ++block;
  }
}

template <class Set>
static void walk(const Convolution &c, Range positions, Range blocks) {
  switch (c.products) {
    case Products::kHigh:
      return walk_blocks<Set, Products::kHigh>(c, positions, blocks);
    case Products::kPlain:
      return walk_blocks<Set, Products::kPlain>(c, positions, blocks);
    case Products::kFast:
      return walk_blocks<Set, Products::kFast>(c, positions, blocks);
    case Products::kExact:
      return walk_blocks<Set, Products::kExact>(c, positions, blocks);
  }
}

}  // namespace ae
