#include "plan.h"

#include "error.h"

namespace ae {
namespace {

constexpr int kWovenPositions = 32;  // fewer do not pay for weights that are woven too

}  // namespace

bool Plan::compile(const Network &network, const uint8_t *bits, int layers, bool exact,
                   uint32_t head_number, int32_t first_number) {
  network_ = &network;
  const Graph &file = network.file;
  const uint32_t nodes = file.node_count(), signals = file.signal_count();
  const uint32_t heads = file.header().head_count;
  if (head_number >= heads || first_number >= static_cast<int32_t>(heads)) {
    return fail("plan wants head %u after %d, the network has %u", head_number, first_number, heads);
  }
  if (!node_bits_.resize(nodes) || !wanted_.resize(signals) || !early_.resize(signals) ||
      !carried_.resize(signals) || !needed_.resize(signals) || !buffer_of.resize(signals)) {
    return fail("no memory for a plan of %u nodes", nodes);
  }
  if (!read_bits(bits, layers)) return false;
  const int32_t answer = file.head(head_number);
  const int32_t first = first_number < 0 ? -1 : file.head(static_cast<uint32_t>(first_number));
  if (first >= 0) {
    trace_back(first);
    for (size_t i = 0; i < signals; ++i) early_[i] = wanted_[i];
  }
  trace_back(answer);
  trace_low_planes(answer, first);
  if (!lay_out_steps(exact, answer, first)) return false;
  outputs = outputs_of(answer);
  if (first >= 0) first_outputs = outputs_of(first);
  arena_bytes = place_buffers(buffers, &live_bytes);
  return arena_bytes != SIZE_MAX ? true : fail("no memory to place %zu buffers", buffers.size());
}

int Plan::outputs_of(int32_t answer) const {
  const FileSignal &last = network_->file.signal(static_cast<uint32_t>(answer));
  return last.height * last.width * last.channels;
}

bool Plan::read_bits(const uint8_t *bits, int layers) {
  const FileHeader &h = network_->file.header();
  if (layers != static_cast<int>(h.layer_count)) {
    return fail("plan has bits for %d layers, expected %u", layers, h.layer_count);
  }
  for (int i = 0; i < layers; ++i) {
    const auto node = static_cast<size_t>(network_->layer_node[static_cast<size_t>(i)]);
    const int width = bits[i];
    const bool known = width == 16 || width == 8 || width == 4;
    if (!known || !(h.bits & (1u << slot_of(width)))) {
      const FileNode &n = network_->file.node(static_cast<uint32_t>(node));
      return fail("plan wants %d bits for layer %s, which the network does not carry", width,
                  network_->file.name(n));
    }
    node_bits_[node] = static_cast<int8_t>(width);
  }
  return true;
}

// Whether what a node writes may have low bits that are not plain.
bool Plan::carried_by(const FileNode &n) const {
  const auto carried = [&](int32_t k) {
    return carried_[static_cast<size_t>(network_->file.inputs(n)[k])] != 0;
  };
  switch (static_cast<Op>(n.op)) {
    case Op::kConvolution:
    case Op::kDepthwise: {
      const int bits = node_bits_[static_cast<size_t>(n.output - 1)];
      return network_->layers[static_cast<size_t>(n.output - 1)].constants[slot_of(bits)].bits ==
             16;
    }
    case Op::kAverage:
    case Op::kAdd:
      return true;
    case Op::kMaxPool:
    case Op::kFlatten:
      return carried(0);
    case Op::kPad:
      return carried(0) || !n.fill_is_plain;
    case Op::kConcat: {
      const FileRescaler *parts = network_->file.at<FileRescaler>(n.constants[0]);
      for (int32_t k = 0; k < n.input_count; ++k) {
        if (carried(k) || !is_same(parts[k])) return true;
      }
      return false;
    }
  }
  return true;
}

void Plan::require_low(const FileNode &n, bool output_needed) {
  const int32_t *inputs = network_->file.inputs(n);
  for (int32_t k = 0; k < n.input_count; ++k) {
    bool reads = true;
    switch (static_cast<Op>(n.op)) {
      case Op::kConvolution:
      case Op::kDepthwise:
        reads = node_bits_[static_cast<size_t>(n.output - 1)] != 8 ||
                narrows(static_cast<uint32_t>(n.output - 1));
        break;
      case Op::kMaxPool:
      case Op::kFlatten:
      case Op::kPad:
        reads = output_needed;
        break;
      case Op::kConcat:
        reads = output_needed ||
                !is_same(network_->file.at<FileRescaler>(n.constants[0])[k]);
        break;
      default:
        break;
    }
    if (reads) needed_[static_cast<size_t>(inputs[k])] = 1;
  }
}

// Everything that an answer needs.
void Plan::trace_back(int32_t answer) {
  wanted_[static_cast<size_t>(answer)] = 1;
  for (uint32_t i = network_->file.node_count(); i-- > 0;) {
    const FileNode &n = network_->file.node(i);
    const int32_t *inputs = network_->file.inputs(n);
    for (int32_t k = 0; wanted_[i + 1] && k < n.input_count; ++k) {
      wanted_[static_cast<size_t>(inputs[k])] = 1;
    }
  }
}

// Whether a layer needs codes of its own: of 4 bits, or of 8 where stored high bytes, which are
// rounded, are not what it reads.
bool Plan::narrows(uint32_t i) const {
  const FileNode &n = network_->file.node(i);
  if (n.layer < 0 || node_bits_[i] == 16) return false;
  const auto input = static_cast<size_t>(network_->file.inputs(n)[0]);
  return node_bits_[i] == 4 || (network_->file.header().cuts && carried_[input]);
}

// A low plane is stored only where it says something and somebody reads it.
void Plan::trace_low_planes(int32_t answer, int32_t first) {
  const uint32_t nodes = network_->file.node_count();
  for (uint32_t i = 0; i < nodes; ++i) {
    carried_[i + 1] = carried_by(network_->file.node(i));
  }
  needed_[static_cast<size_t>(answer)] = 1;
  if (first >= 0) needed_[static_cast<size_t>(first)] = 1;
  for (uint32_t i = nodes; i-- > 0;) {
    if (wanted_[i + 1]) require_low(network_->file.node(i), needed_[i + 1] != 0);
  }
}

int32_t Plan::add_buffer(int32_t signal, bool low, uint8_t border, size_t step) {
  const size_t plane = network_->geometry[static_cast<size_t>(signal)].plane;
  const int at = static_cast<int>(step);
  buffers[buffer_count_] = {low ? 2 * plane : plane, 0, at, at};
  contents[buffer_count_] = {signal, low, border};
  return static_cast<int32_t>(buffer_count_++);
}

// The buffer that a signal is written to: its own, or that of the concatenation it is a part of.
int32_t Plan::add_target(int32_t signal, size_t step) {
  const int32_t into = network_->placements[static_cast<size_t>(signal)].into;
  const auto whole = static_cast<size_t>(into < 0 ? signal : into + 1);
  if (buffer_of[whole] < 0) {
    buffer_of[whole] = add_buffer(static_cast<int32_t>(whole), carried_[whole] && needed_[whole],
                                  network_->geometry[whole].zero_high, step);
  }
  return buffer_of[whole];
}

// The woven codes of what a step reads, or -1 where it reads planes.
int32_t Plan::add_woven(const Step &step, size_t *count) {
  const Network &network = *network_;
  const FileNode &n = network.file.node(static_cast<uint32_t>(step.node));
  const FileSignal &out = network.file.signal(static_cast<uint32_t>(n.output));
  const bool reads = step.products == Products::kExact &&
                     static_cast<Op>(n.op) == Op::kConvolution && n.groups == 1 &&
                     out.height * out.width >= kWovenPositions &&
                     network.layers[static_cast<size_t>(step.node)].segment_count > 0;
  if (!reads) return -1;
  int32_t &woven = woven_of[static_cast<size_t>(step.source)];
  if (woven < 0) {
    const Content &content = contents[static_cast<size_t>(step.source)];
    woven = add_buffer(content.signal, false, content.border, *count);
    buffers[static_cast<size_t>(woven)].bytes *= 2;
    steps[(*count)++] = {Action::kWeave, 0, Products::kExact, step.node, -1, step.source, -1,
                         woven, -1, 0};
  }
  return woven;
}

void Plan::add_node(uint32_t i, bool exact, size_t *count) {
  const Network &network = *network_;
  const FileNode &n = network.file.node(i);
  const int32_t addition = network.fusions[i].layer;
  const FileNode &work = addition >= 0 ? network.file.node(static_cast<uint32_t>(addition)) : n;
  const int32_t input = network.file.inputs(work)[0];
  Step step{};
  step.action = addition >= 0 ? Action::kFused : Action::kNode;
  step.node = work.output - 1;
  step.addition = addition >= 0 ? static_cast<int32_t>(i) : -1;
  step.bits = node_bits_[static_cast<size_t>(step.node)];
  step.source = buffer_of[static_cast<size_t>(input)];
  step.other = -1;
  if (narrows(static_cast<uint32_t>(step.node))) {
    const int32_t zero = network.file.signal(static_cast<uint32_t>(input)).zero;
    const int32_t border = (zero >> (16 - step.bits)) + (1 << (step.bits - 1));
    const int32_t narrow = add_buffer(input, false, static_cast<uint8_t>(border), *count);
    steps[*count] = {Action::kNarrow, 0, Products::kHigh, step.node, -1, step.source, -1,
                       narrow, -1, 0};
    buffers[static_cast<size_t>(step.source)].last = static_cast<int>((*count)++);
    step.source = narrow;
  }
  const bool low = step.source >= 0 && contents[static_cast<size_t>(step.source)].low;
  step.products = step.bits != 16 ? Products::kHigh
                  : !low          ? Products::kPlain
                  : exact         ? Products::kExact
                                  : Products::kFast;
  step.woven = step.source >= 0 ? add_woven(step, count) : -1;
  step.target = add_target(n.output, *count);
  step.channel = network.placements[static_cast<size_t>(n.output)].channel;
  const int now = static_cast<int>(*count);
  const int32_t *inputs = network.file.inputs(n);
  for (int32_t k = 0; k < n.input_count; ++k) {
    const int32_t read = buffer_of[static_cast<size_t>(inputs[k])];
    // The convolution of a fused step has no buffer of its own.
    if (read >= 0) buffers[static_cast<size_t>(read)].last = now;
    if (addition >= 0 && inputs[k] != work.output) step.other = read;
  }
  if (static_cast<Op>(n.op) == Op::kAdd && addition < 0) {
    step.other = buffer_of[static_cast<size_t>(inputs[1])];
  }
  if (step.source >= 0) buffers[static_cast<size_t>(step.source)].last = now;
  if (step.woven >= 0) buffers[static_cast<size_t>(step.woven)].last = now;
  buffers[static_cast<size_t>(step.target)].last = now;
  steps[(*count)++] = step;
}

bool Plan::lay_out_steps(bool exact, int32_t answer, int32_t first) {
  const uint32_t nodes = network_->file.node_count();
  size_t step_count = 1, buffer_count = 1;
  for (uint32_t i = 0; i < nodes; ++i) {
    const size_t narrow = wanted_[i + 1] && narrows(i), whole = works(i), woven = whole;
    step_count += narrow + woven + whole;
    buffer_count += narrow + woven + whole;
  }
  if (!steps.resize(step_count) || !buffers.resize(buffer_count) ||
      !contents.resize(buffer_count) || !woven_of.resize(buffer_count)) {
    return fail("no memory for a plan of %zu steps", step_count);
  }
  for (int32_t &buffer : buffer_of) buffer = -1;
  for (int32_t &buffer : woven_of) buffer = -1;
  size_t count = 0;
  const uint8_t border = network_->geometry[0].zero_high;
  buffer_of[0] = add_buffer(0, false, border, 0);
  steps[count++] = {Action::kLoad, 0, Products::kHigh, -1, -1, -1, -1, buffer_of[0], -1, 0};
  for (uint32_t i = 0; i < nodes; ++i) {
    if (works(i) && early_[i + 1]) add_node(i, exact, &count);
  }
  first_steps = count;
  if (first >= 0) first_head = buffer_of[static_cast<size_t>(first)];
  if (first_head >= 0) buffers[static_cast<size_t>(first_head)].last = static_cast<int>(count);
  for (uint32_t i = 0; i < nodes; ++i) {
    if (works(i) && !early_[i + 1]) add_node(i, exact, &count);
  }
  steps.shorten(count);
  buffers.shorten(buffer_count_);
  head = buffer_of[static_cast<size_t>(answer)];
  buffers[static_cast<size_t>(head)].last = static_cast<int>(count);
  return true;
}

Planes Plan::planes(int32_t buffer, uint8_t *arena) const {
  const auto at = static_cast<size_t>(buffer);
  const Geometry &g = geometry(buffer);
  return {arena + buffers[at].offset + g.origin,
          contents[at].low ? static_cast<ptrdiff_t>(g.plane) : 0, g.row, g.stored_channels};
}

}  // namespace ae
