#include "segments.h"

namespace ae {
namespace {

// Quads whose sums fit whatever their weights are: |(c - a) 256 wl + (l - 128) w| is at most
// 255 x 256 x 128 + 128 x 32768.
constexpr int32_t kAlways = INT32_MAX / (kQuad * (255 * 256 * 128 + 128 * 32768));
static_assert(kAlways >= 32 && kSegmentQuads >= kAlways, "segments are worth their while");
static_assert(kWovenQuads < kAlways * kQuad, "the sums of one place in a quad fit 32 bits");

// Of each weight of a quad of a block: between which ends what its products are more than 2^16
// times high x high lies, summed over quads.
struct Ends {
  int32_t least[kBlock * kQuad] = {}, greatest[kBlock * kQuad] = {};

  // `a` is what is subtracted from the high byte of a code. False if a weight leaves 16 bits, which
  // only those of files that were tampered with do.
  bool add(const int8_t *high, const int8_t *low, int32_t a) {
    int32_t smallest = 0;
    for (int i = 0; i < kBlock * kQuad; ++i) {
      const int32_t weight = 256 * high[i] + low[i];
      const int32_t down = -a * 256 * low[i], up = (255 - a) * 256 * low[i];
      const int32_t first = -128 * weight, last = 127 * weight;
      least[i] += (down < up ? down : up) + (first < last ? first : last);
      greatest[i] += (down < up ? up : down) + (first < last ? last : first);
      smallest = weight < smallest ? weight : smallest;
    }
    return smallest >= INT16_MIN;
  }

  bool fit() const {
    for (int i = 0; i < kBlock * kQuad; i += kQuad) {
      int64_t low = 0, high = 0;
      for (int j = i; j < i + kQuad; ++j) low += least[j], high += greatest[j];
      if (low < INT32_MIN || high > INT32_MAX) return false;
    }
    return true;
  }
};

// The quads of a block from `begin` on that fit together, at most up to `end`.
int32_t reach(const Network &network, const FileNode &node, int32_t block, int32_t begin,
              int32_t end) {
  const Layer &layer = network.layers[static_cast<size_t>(node.output - 1)];
  const int32_t a = network.geometry[static_cast<size_t>(network.file.inputs(node)[0])].zero_high;
  Ends sums;
  for (int32_t quad = begin; quad < end; ++quad) {
    const ptrdiff_t at = block * layer.panel + ptrdiff_t{quad} * kBlock * kQuad +
                         quad / layer.run_quads * layer.run_skip;
    const bool taken = sums.add(network.high_weights(node, kAt16) + at,
                                network.low_weights(node, kAt16) + at, a);
    if (!taken || !sums.fit()) return quad;
  }
  return end;
}

int32_t cut(const Network &network, const FileNode &node, int32_t longest, int32_t *ends) {
  const Layer &layer = network.layers[static_cast<size_t>(node.output - 1)];
  const int32_t quads = layer.run_count * layer.run_quads;
  int32_t count = 0;
  for (int32_t begin = 0; begin < quads;) {
    int32_t end = quads - begin < longest ? quads : begin + longest;
    for (int32_t i = 0; i < layer.blocks; ++i) end = reach(network, node, i, begin, end);
    if (end == begin) return 0;
    ends[count++] = begin = end;
  }
  return count;
}

}  // namespace

size_t most_segments(const Layer &layer) {
  return static_cast<size_t>(layer.run_count) * static_cast<size_t>(layer.run_quads) / kAlways + 1;
}

int32_t segments_of(const Network &network, const FileNode &node, int32_t *ends) {
  const Layer &layer = network.layers[static_cast<size_t>(node.output - 1)];
  if (layer.run_count * layer.run_quads <= kWovenQuads) {
    const int32_t count = cut(network, node, kWovenQuads, ends);
    if (count <= 1) return count;
  }
  return cut(network, node, kSegmentQuads, ends);
}

}  // namespace ae
