#include "segments.h"

namespace ae {
namespace {

// Quads whose sums fit whatever their weights are: |(c - a) 256 wl + (l - 128) w| is at most
// 255 x 256 x 128 + 128 x 32768.
constexpr int32_t kAlways = INT32_MAX / (kQuad * (255 * 256 * 128 + 128 * 32768));
constexpr int64_t kNever = int64_t{1} << 40;

// Between which ends what a product is more than 2^16 times its high x high lies.
struct Ends {
  int64_t least = 0, greatest = 0;

  void add(const Ends &other) {
    least += other.least;
    greatest += other.greatest;
  }
  bool fits() const { return least >= INT32_MIN && greatest <= INT32_MAX; }
};

// `a` is what is subtracted from the high byte of a code.
Ends ends_of(int32_t high, int32_t low, int32_t a) {
  const int64_t down = int64_t{-a} * 256 * low, up = int64_t{255 - a} * 256 * low;
  const int64_t weight = 256 * high + low, first = -128 * weight, last = 127 * weight;
  if (weight < INT16_MIN) return {-kNever, kNever};  // only files that were tampered with have it
  return {(down < up ? down : up) + (first < last ? first : last),
          (down < up ? up : down) + (first < last ? last : first)};
}

// One channel's weights, quad by quad, in the order in which a window is read.
class Channel {
 public:
  Channel(const Network &network, const FileNode &node, int32_t channel)
      : layer_(network.layers[static_cast<size_t>(node.output - 1)]),
        a_(network.geometry[static_cast<size_t>(network.file.inputs(node)[0])].zero_high) {
    const ptrdiff_t at = channel / kBlock * layer_.panel + channel % kBlock * kQuad;
    high_ = network.high_weights(node, kAt16) + at;
    low_ = network.low_weights(node, kAt16) + at;
  }

  // The quads from `begin` on that fit together, at most up to `end`.
  int32_t reach(int32_t begin, int32_t end) const {
    Ends sum;
    for (int32_t quad = begin; quad < end; ++quad) {
      const ptrdiff_t at = ptrdiff_t{quad} * kBlock * kQuad + quad / layer_.run_quads * layer_.run_skip;
      for (int i = 0; i < kQuad; ++i) sum.add(ends_of(high_[at + i], low_[at + i], a_));
      if (!sum.fits()) return quad;
    }
    return end;
  }

 private:
  const Layer &layer_;
  const int32_t a_;
  const int8_t *high_, *low_;
};

int32_t cut(const Network &network, const FileNode &node, int32_t longest, int32_t *ends) {
  const Layer &layer = network.layers[static_cast<size_t>(node.output - 1)];
  const int32_t quads = layer.run_count * layer.run_quads, channels = layer.blocks * kBlock;
  int32_t count = 0;
  for (int32_t begin = 0; begin < quads;) {
    int32_t end = quads - begin < longest ? quads : begin + longest;
    for (int32_t i = 0; i < channels; ++i) end = Channel(network, node, i).reach(begin, end);
    if (end == begin) return 0;
    ends[count++] = begin = end;
  }
  return count;
}

}  // namespace

size_t most_segments(const Layer &layer) {
  static_assert(kAlways >= 32 && kSegmentQuads >= kAlways, "segments are worth their while");
  return static_cast<size_t>(layer.run_count) * static_cast<size_t>(layer.run_quads) / kAlways + 1;
}

int32_t segments_of(const Network &network, const FileNode &node, int32_t *ends) {
  const int32_t count = cut(network, node, kWovenQuads, ends);
  return count <= 1 ? count : cut(network, node, kSegmentQuads, ends);
}

}  // namespace ae
