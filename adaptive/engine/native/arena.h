// Places buffers that are alive at different times over one another.
#pragma once

#include <cstddef>

#include "array.h"

namespace ae {

struct Buffer {
  size_t bytes, offset;
  int first, last;  // steps between which it is alive, both included
};

// Chooses the offsets; returns the bytes of the arena, the least found among several orders of
// placing. `live` receives the most that is alive at any step, below which no arena can be.
size_t place_buffers(Array<Buffer> &buffers, size_t *live);

}  // namespace ae
