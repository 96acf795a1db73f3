#include "arena.h"

#include <cstdint>

namespace ae {
namespace {

bool meet(const Buffer &a, const Buffer &b) { return a.first <= b.last && b.first <= a.last; }

using Before = bool (*)(const Buffer &, const Buffer &);

bool larger(const Buffer &a, const Buffer &b) { return a.bytes > b.bytes; }
bool earlier(const Buffer &a, const Buffer &b) {
  return a.first != b.first ? a.first < b.first : a.bytes > b.bytes;
}
bool longer(const Buffer &a, const Buffer &b) {
  const int x = a.last - a.first, y = b.last - b.first;
  return x != y ? x > y : a.bytes > b.bytes;
}
bool heavier(const Buffer &a, const Buffer &b) {
  return a.bytes * static_cast<size_t>(a.last - a.first + 1) >
         b.bytes * static_cast<size_t>(b.last - b.first + 1);
}

// Places buffer `order[n]` at the lowest gap between those already placed that meet it in time.
size_t place_one(const Array<Buffer> &buffers, const Array<int> &order, Array<size_t> &offsets,
                 size_t n, size_t limit) {
  const Buffer &one = buffers[static_cast<size_t>(order[n])];
  size_t at = 0;
  for (bool moved = true; moved && at + one.bytes < limit;) {
    moved = false;
    for (size_t k = 0; k < n; ++k) {
      const auto other = static_cast<size_t>(order[k]);
      const size_t begin = offsets[other], end = begin + buffers[other].bytes;
      if (meet(one, buffers[other]) && at < end && begin < at + one.bytes) {
        at = end;
        moved = true;
      }
    }
  }
  offsets[static_cast<size_t>(order[n])] = at;
  return at + one.bytes;
}

size_t place_in_order(const Array<Buffer> &buffers, const Array<int> &order,
                      Array<size_t> &offsets, size_t limit) {
  size_t top = 0;
  for (size_t n = 0; n < order.size() && top < limit; ++n) {
    const size_t end = place_one(buffers, order, offsets, n, limit);
    top = end > top ? end : top;
  }
  return top;
}

void sort(const Array<Buffer> &buffers, Array<int> &order, Before before) {
  for (size_t i = 0; i < order.size(); ++i) {
    const int one = static_cast<int>(i);
    size_t at = i;
    for (; at > 0 && before(buffers[i], buffers[static_cast<size_t>(order[at - 1])]); --at) {
      order[at] = order[at - 1];
    }
    order[at] = one;
  }
}

size_t most_alive(const Array<Buffer> &buffers) {
  size_t most = 0;
  for (const Buffer &at : buffers) {  // the most is alive where one begins
    size_t sum = 0;
    for (const Buffer &b : buffers) sum += b.first <= at.first && at.first <= b.last ? b.bytes : 0;
    most = sum > most ? sum : most;
  }
  return most;
}

}  // namespace

size_t place_buffers(Array<Buffer> &buffers, size_t *live) {
  constexpr int kTries = 32;
  const Before orders[] = {larger, earlier, longer, heavier};
  Array<int> order, best_order;
  Array<size_t> offsets;
  *live = most_alive(buffers);
  if (!order.resize(buffers.size()) || !offsets.resize(buffers.size())) return SIZE_MAX;
  size_t best = SIZE_MAX;
  const auto attempt = [&] {
    const size_t top = place_in_order(buffers, order, offsets, best);
    if (top >= best) return;
    best = top;
    for (size_t i = 0; i < buffers.size(); ++i) buffers[i].offset = offsets[i];
  };
  for (Before before : orders) {
    sort(buffers, order, before);
    attempt();
    if (best == *live) return best;
  }
  // Shuffles from a fixed seed: the same plan has the same arena everywhere.
  uint32_t state = 1;
  for (int t = 0; t < kTries && best > *live; ++t) {
    for (size_t i = order.size(); i > 1; --i) {
      state = state * 1664525u + 1013904223u;
      const size_t k = (state >> 8) % i;
      const int swapped = order[i - 1];
      order[i - 1] = order[k];
      order[k] = swapped;
    }
    attempt();
  }
  return best;
}

}  // namespace ae
