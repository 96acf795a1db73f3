#include "network.h"

#include "constants.h"
#include "error.h"
#include "segments.h"

namespace ae {
namespace {

constexpr int64_t kNarrowTerms = 40000;  // more products may sum beyond 32 bits
constexpr int64_t kLargestPlane = int64_t{1} << 31;
constexpr int kSlack = 64;  // bytes that may be read beyond the last one

int32_t largest(int32_t a, int64_t b) { return a > b ? a : static_cast<int32_t>(b); }

bool is_layer(const FileNode &node) { return node.layer >= 0; }
bool is_depthwise(const FileNode &node) { return static_cast<Op>(node.op) == Op::kDepthwise; }

// Rows or columns that windows reach beyond the far edge.
int64_t reach(int32_t out, int32_t stride, int32_t kernel, int32_t before, int32_t size) {
  return int64_t{out - 1} * stride + kernel - before - size;
}

}  // namespace

bool is_same(const FileRescaler &r) {
  return r.multiplier[0] == (1 << r.shift) && r.zero_in[0] == r.zero && !r.relu;
}

bool Network::prepare(const Graph &graph, const Kernels &set) {
  file = graph;
  kernels = &set;
  const FileHeader &h = file.header();
  if (!geometry.resize(file.signal_count()) || !layers.resize(file.node_count()) ||
      !fusions.resize(file.node_count()) || !placements.resize(file.signal_count()) ||
      !placed_whole_.resize(file.node_count()) || !layer_node.resize(h.layer_count)) {
    return fail("no memory for %u nodes", file.node_count());
  }
  for (uint32_t i = 0; i < file.node_count(); ++i) {
    const int32_t layer = file.node(i).layer;
    if (layer >= 0) layer_node[static_cast<size_t>(layer)] = static_cast<int32_t>(i);
  }
  if (!measure() || !lay_out_runs() || !choose_constants() || !cut_segments()) return false;
  find_fusions();
  find_placements();
  return true;
}

bool Network::measure() {
  for (uint32_t i = 0; i < file.signal_count(); ++i) {
    const FileSignal &s = file.signal(i);
    Geometry &g = geometry[i];
    g.height = s.height;
    g.width = s.width;
    g.channels = s.channels;
    g.stored_channels = (s.channels + 3) / 4 * 4;
    g.zero_high = static_cast<uint8_t>((s.zero + kPlaneOffset) >> 8);
  }
  for (uint32_t i = 0; i < file.node_count(); ++i) {
    const FileNode &n = file.node(i);
    if (!is_layer(n)) continue;
    Geometry &g = geometry[static_cast<size_t>(file.inputs(n)[0])];
    const FileSignal &out = file.signal(static_cast<uint32_t>(n.output));
    g.top = largest(g.top, n.pad_top);
    g.left = largest(g.left, n.pad_left);
    g.bottom = largest(g.bottom, reach(out.height, n.stride_y, n.kernel_y, n.pad_top, g.height));
    g.right = largest(g.right, reach(out.width, n.stride_x, n.kernel_x, n.pad_left, g.width));
  }
  for (uint32_t i = 0; i < file.signal_count(); ++i) {
    Geometry &g = geometry[i];
    const int64_t row = (int64_t{g.left} + g.width + g.right) * g.stored_channels;
    const int64_t height = int64_t{g.top} + g.height + g.bottom;
    if (row > kLargestPlane / height) {
      return fail("signal %u with its padding holds more than 2^31 values", i);
    }
    g.row = static_cast<ptrdiff_t>(row);
    g.plane = static_cast<size_t>((row * height + kSlack + 63) / 64 * 64);
    g.origin = static_cast<ptrdiff_t>(g.top * row + int64_t{g.left} * g.stored_channels);
  }
  return true;
}

// A dense convolution reads a whole row of its window at a time; one of groups, or of fewer channels
// than the weights have, pixel by pixel.
bool Network::lay_out_runs() {
  size_t total = 0;
  for (int fill = 0; fill < 2; ++fill) {
    if (fill && !runs.resize(total)) return fail("no memory for %zu runs", total);
    total = 0;
    for (uint32_t i = 0; i < file.node_count(); ++i) {
      const FileNode &n = file.node(i);
      if (!is_layer(n)) continue;
      if (is_depthwise(n)) {
        layers[i].run_count = 1;
        layers[i].run_quads = static_cast<int32_t>(quads(n));
        continue;
      }
      const Geometry &g = geometry[static_cast<size_t>(file.inputs(n)[0])];
      const int32_t depth = (g.channels / n.groups + 3) / 4;
      const int32_t skipped = (n.depth + 3) / 4 - depth;
      const bool rows = n.groups == 1 && skipped == 0;
      const int32_t columns = rows ? 1 : n.kernel_x;
      Layer &layer = layers[i];
      layer.run_count = n.kernel_y * columns;
      layer.run_quads = rows ? n.kernel_x * depth : depth;
      layer.run_skip = ptrdiff_t{skipped} * kBlock * kQuad;
      layer.first_run = static_cast<int32_t>(total);
      for (int32_t r = 0; fill && r < layer.run_count; ++r) {
        const int64_t offset = r / columns * int64_t{g.row} + r % columns * g.stored_channels;
        runs[total + static_cast<size_t>(r)] = static_cast<int32_t>(offset);
      }
      total += static_cast<size_t>(layer.run_count);
    }
  }
  return true;
}

bool Network::choose_constants() {
  const FileHeader &h = file.header();
  size_t channels = 0;
  for (uint32_t i = 0; i < file.node_count(); ++i) {
    const FileNode &n = file.node(i);
    if (!is_layer(n)) continue;
    const FileSignal &out = file.signal(static_cast<uint32_t>(n.output));
    layers[i].blocks = static_cast<int32_t>(blocks_per_group(n, out));
    channels += static_cast<size_t>(layers[i].blocks) * kBlock *
                static_cast<size_t>(is_depthwise(n) ? 1 : n.groups);
  }
  if (!derived_.resize(channels * kDerived * kSlots)) {
    return fail("no memory for the constants of %zu channels", channels);
  }
  int32_t *room = derived_.data();
  for (uint32_t i = 0; i < file.node_count(); ++i) {
    const FileNode &n = file.node(i);
    if (!is_layer(n)) continue;
    Layer &layer = layers[i];
    const FileSignal &in = file.signal(static_cast<uint32_t>(file.inputs(n)[0]));
    layer.panel = static_cast<ptrdiff_t>(quads(n) * kBlock * kQuad);
    const int64_t depth = is_depthwise(n) ? 1 : in.channels / n.groups;
    layer.wide = depth * n.kernel_y * n.kernel_x > kNarrowTerms;
    const int64_t count = int64_t{layer.blocks} * kBlock * (is_depthwise(n) ? 1 : n.groups);
    for (int slot = 0; slot < kSlots; ++slot) {
      if (!(h.bits & (1u << slot))) continue;
      layer.constants[slot] = derive_constants(*this, n, slot, count, room);
      room += kDerived * count;
    }
  }
  return true;
}

// Dense layers of 16 bits, for kernel sets that read woven codes.
bool Network::cut_segments() {
  const auto cuts = [&](const FileNode &n) {
    return kernels->most_segments > 0 && static_cast<Op>(n.op) == Op::kConvolution && n.groups == 1 &&
           (file.header().bits & (1u << kAt16)) && !layers[static_cast<size_t>(n.output - 1)].wide;
  };
  size_t most = 0;
  for (uint32_t i = 0; i < file.node_count(); ++i) {
    if (cuts(file.node(i))) most += most_segments(layers[i]);
  }
  if (!segments.resize(most)) return fail("no memory for %zu segments", most);
  int32_t total = 0;
  for (uint32_t i = 0; i < file.node_count(); ++i) {
    if (!cuts(file.node(i))) continue;
    layers[i].first_segment = total;
    const int32_t count = segments_of(*this, file.node(i), segments.data() + total);
    if (count <= kernels->most_segments) layers[i].segment_count = count;
    total += layers[i].segment_count;
  }
  return true;
}

// How many inputs of nodes a signal is.
int Network::readers(int32_t signal) const {
  int found = 0;
  for (uint32_t j = 0; j < file.node_count(); ++j) {
    const FileNode &node = file.node(j);
    for (int32_t k = 0; k < node.input_count; ++k) found += file.inputs(node)[k] == signal;
  }
  return found;
}

void Network::find_fusions() {
  for (uint32_t i = 0; i < file.node_count(); ++i) fusions[i] = {-1, -1};
  for (uint32_t i = 0; i < file.node_count(); ++i) {
    const FileNode &add = file.node(i);
    if (static_cast<Op>(add.op) != Op::kAdd) continue;
    const int32_t *inputs = file.inputs(add);
    // The later of the two is computed last: the other one is there by then.
    const int32_t signal = inputs[0] > inputs[1] ? inputs[0] : inputs[1];
    if (signal == 0 || inputs[0] == inputs[1] || file.is_head(signal)) continue;
    const auto source = static_cast<uint32_t>(signal - 1);
    if (static_cast<Op>(file.node(source).op) != Op::kConvolution) continue;
    if (readers(signal) != 1) continue;
    fusions[source].into = static_cast<int32_t>(i);
    fusions[i].layer = static_cast<int32_t>(source);
  }
}

// A convolution that a concatenation alone reads, and that keeps its codes there.
void Network::find_placements() {
  for (Placement &placement : placements) placement = {-1, 0};
  for (uint32_t i = 0; i < file.node_count(); ++i) {
    const FileNode &concat = file.node(i);
    if (static_cast<Op>(concat.op) != Op::kConcat) continue;
    const FileRescaler *parts = file.at<FileRescaler>(concat.constants[0]);
    placed_whole_[i] = 1;
    for (int32_t k = 0, channel = 0; k < concat.input_count; ++k) {
      const int32_t signal = file.inputs(concat)[k];
      const FileSignal &part = file.signal(static_cast<uint32_t>(signal));
      const bool fits = signal > 0 && !file.is_head(signal) &&
                        is_layer(file.node(static_cast<uint32_t>(signal - 1))) &&
                        is_same(parts[k]) && readers(signal) == 1;
      if (fits) placements[static_cast<size_t>(signal)] = {static_cast<int32_t>(i), channel};
      if (!fits) placed_whole_[i] = 0;
      channel += part.channels;
    }
  }
}

}  // namespace ae
