// The loops over output positions and blocks of channels that every kernel set shares.
//
// A kernel set gives `rows<P, N>()`, how many positions a tile of N blocks holds, `blocks<P>()`, how
// many blocks at most, and `tile<P, M, N>(convolution, tile, block)`.
#pragma once

#include "../kernels.h"

namespace ae {

// Where the positions of one tile read and write.
template <int M>
struct Tile {
  const uint8_t *source[M];
  uint8_t *target[M];
  const uint8_t *other[M];
};

template <int M>
static inline void place(const Convolution &c, int position, Tile<M> &tile) {
  ptrdiff_t y = position / c.target_width, x = position % c.target_width;
  for (int i = 0; i < M; ++i) {
    tile.source[i] = c.source + y * c.step_y + x * c.step_x;
    tile.target[i] = c.target.at + y * c.target.row + x * c.target.column;
    tile.other[i] = c.adds ? c.other.at + y * c.other.row + x * c.other.column : nullptr;
    if (++x == c.target_width) {
      x = 0;
      ++y;
    }
  }
}

template <class Set, Products P, int M, int N>
static inline void one_tile(const Convolution &c, int position, int block) {
  Tile<M> tile;
  place(c, position, tile);
  Set::template tile<P, M, N>(c, tile, block);
}

// All positions of N blocks. The last tile overlaps the one before it rather than being cut.
template <class Set, Products P, int N>
static void walk_positions(const Convolution &c, Range positions, int block) {
  constexpr int M = Set::template rows<P, N>();
  int at = positions.begin;
  if (positions.end - at >= M) {
    for (; at < positions.end; at += M) {
      const int last = positions.end - M;
      one_tile<Set, P, M, N>(c, at < last ? at : last, block);
    }
    return;
  }
  if constexpr (M > 4) {
    for (; positions.end - at >= 4; at += 4) one_tile<Set, P, 4, N>(c, at, block);
  }
  if constexpr (M > 2) {
    for (; positions.end - at >= 2; at += 2) one_tile<Set, P, 2, N>(c, at, block);
  }
  for (; at < positions.end; ++at) one_tile<Set, P, 1, N>(c, at, block);
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
