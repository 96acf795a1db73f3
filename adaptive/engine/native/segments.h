// Where sums of 16-bit layers are cut for kernel sets that read woven codes.
#pragma once

#include "network.h"

namespace ae {

// At most so many segments.
size_t most_segments(const Layer &layer);

// Writes the ends, in quads, of segments that every channel's sums allow; returns how many, 0 where
// there can be none.
int32_t segments_of(const Network &network, const FileNode &node, int32_t *ends);

}  // namespace ae
