#include "constants.h"

namespace ae {
namespace {

constexpr int64_t kSplitTerms = 30000;  // so many may still take a bias of 30 bits
constexpr int64_t kLargestPart = int64_t{1} << 30;
constexpr int64_t kSaturated = INT32_MAX - (1 << 16);  // what a saturated sum reaches at least

int64_t magnitude_of(int64_t value) { return value < 0 ? -value : value; }

// The derived arrays, in the order they lie in.
struct Derived {
  int32_t *high, *cross, *cross_plain, *low;
  int32_t *start, *lift, *bias_high, *bias_middle, *bias_low;
  int32_t *rounding, *high_shift;

  Derived(int32_t *room, int64_t count) {
    int32_t **const all[kDerived] = {&high, &cross,     &cross_plain, &low,
                                     &start, &lift,     &bias_high,   &bias_middle,
                                     &bias_low, &rounding, &high_shift};
    for (int i = 0; i < kDerived; ++i) *all[i] = room + i * count;
  }
};

// What the weights of one channel sum up to.
struct Totals {
  int32_t high = 0, low = 0;
  int least = 0;  // of the high bytes
  int64_t magnitude = 0;  // of the high bytes

  Totals(const int8_t *wh, const int8_t *wl, const Layer &layer) {
    const ptrdiff_t run = ptrdiff_t{layer.run_quads} * kBlock * kQuad;
    for (int32_t r = 0; r < layer.run_count; ++r, wh += run + layer.run_skip, wl += run + layer.run_skip) {
      for (ptrdiff_t q = 0; q < run; q += kBlock * kQuad) {
        for (int j = 0; j < kQuad; ++j) {
          high += wh[q + j];
          low += wl[q + j];
          magnitude += magnitude_of(wh[q + j]);
          least = wh[q + j] < least ? wh[q + j] : least;
        }
      }
    }
  }
};

// Chooses one channel's way through the vectors, or finds that it has none.
class Channel {
 public:
  Channel(Constants &k, const Derived &d, int64_t i, int32_t stored) : k_(k), d_(d), i_(i) {
    pre_ = k.pre_shift[i];
    half_bias_ = add64(k.bias[i], (int64_t{1} << pre_) >> 1);
    lift_ = k.shift[i] < 33 ? 33 - k.shift[i] : 0;
    shift_ = k.shift[i] + lift_;
    // Less than 2^30, so that the upper half of a product fits beside it.
    const int64_t zero = k.zero + stored;
    fits_ = shift_ < 62 && zero << (shift_ - 32) < kLargestPart / 2;
  }

  // The sum with its bias stays within `bound`.
  void narrow(int64_t bound) {
    k_.narrow = k_.narrow && fits_ && pre_ < 30 && bound < int64_t{INT32_MAX / 2} >> lift_;
    k_.deep = k_.deep || pre_ > 0 || lift_ > 0;
    d_.start[i_] = add32(d_.high[i_], static_cast<int32_t>(half_bias_));
    d_.lift[i_] = lift_;
  }

  void split() {
    // Saturated, a sum must still pass both ends of the codes.
    const int64_t farthest = k_.greatest > -k_.least ? k_.greatest : -k_.least;
    const bool passes = kSaturated * k_.multiplier[i_] >> shift_ > farthest;
    k_.split = k_.split && fits_ && lift_ == 0 && (pre_ >= 16 || passes) &&
               magnitude_of(half_bias_ >> 16) < kLargestPart;
    k_.deep = k_.deep || pre_ > 16;
    d_.bias_high[i_] = static_cast<int32_t>(half_bias_ >> 16);
    d_.bias_middle[i_] = static_cast<int32_t>(half_bias_ >> 8 & 255);
    d_.bias_low[i_] = static_cast<int32_t>(half_bias_ & 255);
  }

  void scale(int32_t stored) {
    const int64_t half = int64_t{1} << (shift_ - 33);
    d_.rounding[i_] = static_cast<int32_t>(half + ((k_.zero + stored) * (int64_t{1} << (shift_ - 32))));
    d_.high_shift[i_] = shift_ - 32;
  }

 private:
  Constants &k_;
  const Derived &d_;
  const int64_t i_;
  int pre_, lift_, shift_;
  int64_t half_bias_;
  bool fits_;
};

// What the file holds, and what concerns all channels.
Constants read_constants(const Network &network, const FileNode &node, int slot, int64_t count) {
  Constants k{};
  const FileRequantiser &r = *network.file.at<FileRequantiser>(node.constants[slot]);
  k.bias = reinterpret_cast<const int64_t *>(&r + 1);
  k.multiplier = reinterpret_cast<const int32_t *>(k.bias + count);
  k.pre_shift = k.multiplier + count;
  k.shift = k.pre_shift + count;
  k.bits = r.bits;
  k.zero = r.zero >> (16 - r.bits);
  const int32_t limit = r.bits == 16 ? kCodeMax : (1 << (r.bits - 1)) - 1;
  k.least = node.relu ? 0 : -(1 << (r.bits - 1)) - k.zero;
  k.greatest = limit - k.zero;
  return k;
}

}  // namespace

Constants derive_constants(const Network &network, const FileNode &node, int slot,
                           int64_t channels, int32_t *room) {
  Constants k = read_constants(network, node, slot, channels);
  const Derived d(room, channels);
  k.high = d.high, k.cross = d.cross, k.cross_plain = d.cross_plain, k.low = d.low;
  k.start = d.start, k.lift = d.lift, k.rounding = d.rounding, k.high_shift = d.high_shift;
  k.bias_high = d.bias_high, k.bias_middle = d.bias_middle, k.bias_low = d.bias_low;
  const int32_t stored = k.bits == 16 ? kPlaneOffset : 1 << (k.bits - 1);
  k.stored_least = k.least + k.zero + stored;

  const auto input = static_cast<size_t>(network.file.inputs(node)[0]);
  const Layer &layer = network.layers[static_cast<size_t>(node.output - 1)];
  const int32_t zero_code = network.file.signal(static_cast<uint32_t>(input)).zero;
  const int32_t zero = slot == kAt4 ? (zero_code >> 12) + 8 : network.geometry[input].zero_high;
  const int32_t offset = network.kernels->source_offset;
  const int32_t a = zero - offset, b = kPlainLow - offset;
  const int8_t *wh = network.high_weights(node, slot), *wl = network.low_weights(node, slot);
  k.pairs = true;
  k.narrow = slot != kAt16 && !layer.wide;
  k.split = slot == kAt16 && int64_t{layer.panel / kBlock} < kSplitTerms;
  for (int64_t i = 0; i < channels; ++i) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(i / kBlock) * layer.panel +
                         static_cast<ptrdiff_t>(i % kBlock) * kQuad;
    const Totals sums(wh + at, wl + at, layer);
    k.pairs = k.pairs && sums.least > -128;
    d.high[i] = mul32(-a, sums.high);
    d.cross_plain[i] = mul32(-a, sums.low);
    d.cross[i] = add32(d.cross_plain[i], mul32(-b, sums.high));
    d.low[i] = mul32(-b, sums.low);
    Channel channel(k, d, i, stored);
    slot == kAt16 ? channel.split() : channel.narrow(sums.magnitude * 255 + magnitude_of(k.bias[i]));
    if (k.narrow || k.split) channel.scale(stored);
  }
  return k;
}

}  // namespace ae
