#include "execute.h"

#include <cstring>
#include <initializer_list>

#include "kernels/finish.h"

namespace ae {
namespace {

constexpr int kGrain = 48;         // output positions of a chunk: a multiple of every tile's rows
constexpr int kChunksAThread = 4;  // so that a thread that is held up leaves work to the others

int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Surrounds a signal with its zero point.
void fill_border(const Geometry &g, const Planes &p, uint8_t high) {
  if (!(g.top || g.bottom || g.left || g.right)) return;
  for (int plane = 0; plane < (p.low ? 2 : 1); ++plane) {
    uint8_t *at = p.at - g.origin + (plane ? p.low : 0);
    const int value = plane ? kPlainLow : high;
    const ptrdiff_t left = ptrdiff_t{g.left} * g.stored_channels;
    const ptrdiff_t right = ptrdiff_t{g.right} * g.stored_channels;
    std::memset(at, value, static_cast<size_t>(g.top * g.row + left));
    at += g.top * g.row + left;
    for (int y = 0; y + 1 < g.height; ++y, at += g.row) {
      std::memset(at + ptrdiff_t{g.width} * g.stored_channels, value,
                  static_cast<size_t>(right + left));
    }
    std::memset(at + ptrdiff_t{g.width} * g.stored_channels, value,
                static_cast<size_t>(right + g.bottom * g.row));
  }
}

Rescale rescaler(const FileRescaler &r, bool swapped, bool two) {
  Rescale out{};
  out.multiplier[0] = r.multiplier[swapped ? 1 : 0];
  out.multiplier[1] = two ? r.multiplier[swapped ? 0 : 1] : 0;
  out.shift = r.shift;
  out.zero = r.zero;
  out.least = r.relu ? r.zero : kCodeMin;
  const int32_t first = r.multiplier[0] * r.zero_in[0];
  const int32_t second = two ? r.multiplier[1] * r.zero_in[1] : 0;
  out.offset = ((1 << r.shift) >> 1) - first - second;
  return out;
}

// A step, its arguments, and how its work is cut into chunks.
struct Task {
  const Job *job;
  const Step *step;
  const FileNode *node;
  Convolution convolution;
  Depthwise depthwise;
  MaxPool max_pool;
  Average average;
  Join join;
  Narrow narrow;
  Weave weave;
  int positions, grain;          // or rows
  int blocks, block_grain;
  int groups;
};

const FileNode &node_of(const Job &job, const Step &step) {
  return job.network->file.node(static_cast<uint32_t>(step.node));
}

void cut(Task &task, int positions, int multiple, int blocks) {
  const int threads = task.job->pool->threads();
  task.positions = positions;
  task.blocks = blocks;
  task.grain = positions;
  task.block_grain = blocks;
  if (threads == 1) return;
  const int wanted = threads * kChunksAThread;
  const int even = ceil_div(positions, wanted * multiple) * multiple;
  task.grain = even < positions ? even : positions;
  const int chunks = ceil_div(positions, task.grain);
  if (chunks >= wanted || blocks < 8) return;
  task.block_grain = ceil_div(ceil_div(blocks, ceil_div(wanted, chunks)), 4) * 4;
}

int chunk_count(const Task &t) {
  return t.groups * ceil_div(t.positions, t.grain) * ceil_div(t.blocks, t.block_grain);
}

Range part(int chunk, int grain, int end) {
  const int begin = chunk * grain;
  return {begin, end - begin < grain ? end : begin + grain};
}

// Cuts chunk number `chunk` out of a task: its group, positions and blocks.
int cut_out(const Task &t, int chunk, Range *positions, Range *blocks) {
  const int across = ceil_div(t.positions, t.grain), down = ceil_div(t.blocks, t.block_grain);
  *positions = part(chunk % across, t.grain, t.positions);
  *blocks = part(chunk / across % down, t.block_grain, t.blocks);
  return chunk / across / down;
}

// Finds the weights of the convolution that comes next, which are fetched before it begins.
void look_ahead(const Job &job, const Step &step, Convolution &c) {
  c.following = nullptr;
  c.following_bytes = 0;
  const Step *const end = job.plan->steps.end();
  for (const Step *next = &step + 1; next != end && next - &step <= 2; ++next) {
    const auto node = static_cast<size_t>(next->node);
    const FileNode &n = job.network->file.node(static_cast<uint32_t>(next->node));
    if (static_cast<Op>(n.op) != Op::kConvolution) continue;
    const Layer &layer = job.network->layers[node];
    c.following = job.network->high_weights(n, slot_of(next->bits));
    c.following_bytes = layer.panel * layer.blocks;
    return;
  }
}

void aim_convolution(Task &task) {
  const Job &job = *task.job;
  const Step &step = *task.step;
  const Network &network = *job.network;
  const FileNode &n = *task.node;
  const Layer &layer = network.layers[static_cast<size_t>(step.node)];
  const FileSignal &out = network.file.signal(static_cast<uint32_t>(n.output));
  const Planes source = job.plan->planes(step.source, job.arena);
  const int slot = slot_of(step.bits);
  Convolution &c = task.convolution;
  c.source = source.at - n.pad_top * source.row - n.pad_left * source.column;
  c.source_low = source.low;
  c.woven = nullptr;
  c.segments = network.segments.data() + layer.first_segment;
  c.segment_count = layer.segment_count;
  c.scratch = nullptr;
  if (step.woven >= 0) {
    c.woven = job.plan->planes(step.woven, job.arena).at;
    c.woven += job.plan->geometry(step.woven).origin + 2 * (c.source - source.at);
  }
  c.step_y = n.stride_y * source.row;
  c.step_x = n.stride_x * source.column;
  c.runs = network.runs_of(layer);
  c.run_count = layer.run_count;
  c.run_quads = layer.run_quads;
  c.run_skip = layer.run_skip;
  c.weight_high = network.high_weights(n, slot);
  c.weight_low = network.low_weights(n, slot);
  c.panel = layer.panel;
  c.blocks = layer.blocks;
  look_ahead(job, step, c);
  c.products = step.products;
  c.wide = layer.wide;
  c.source_zero = job.plan->contents[static_cast<size_t>(step.source)].border;
  c.constants = layer.constants[slot];
  c.target = job.plan->planes(step.target, job.arena);
  c.target.at += step.channel;
  c.target_width = out.width;
  c.channels = out.channels / n.groups;
  c.adds = step.action == Action::kFused;
  c.addition = {};
  if (c.adds) {
    const FileNode &add = network.file.node(static_cast<uint32_t>(step.addition));
    c.other = job.plan->planes(step.other, job.arena);
    const bool swapped = network.file.inputs(add)[0] != n.output;
    c.addition = rescaler(*network.file.at<FileRescaler>(add.constants[0]), swapped, true);
  }
  task.groups = n.groups;
  cut(task, out.height * out.width, kGrain, layer.blocks);
}

void shift_constants(Constants &k, ptrdiff_t by) {
  k.high += by, k.cross += by, k.cross_plain += by, k.low += by;
  k.bias += by, k.multiplier += by, k.pre_shift += by, k.shift += by;
  k.start += by, k.lift += by, k.rounding += by, k.high_shift += by;
  k.bias_high += by, k.bias_middle += by, k.bias_low += by;
}

void do_convolution(void *context, int chunk) {
  const Task &t = *static_cast<const Task *>(context);
  Range positions, blocks;
  const int group = cut_out(t, chunk, &positions, &blocks);
  const Kernels &set = t.convolution.wide ? kPortable : *t.job->network->kernels;
  if (t.groups == 1) return set.convolve(t.convolution, positions, blocks);
  Convolution c = t.convolution;
  const FileNode &n = *t.node;
  const Geometry &in = t.job->plan->geometry(t.step->source);
  const ptrdiff_t planes = group * t.blocks * c.panel;
  const ptrdiff_t channel = ptrdiff_t{group} * c.channels;
  c.source += ptrdiff_t{group} * (in.channels / n.groups);
  c.weight_high += planes;
  c.weight_low += planes;
  shift_constants(c.constants, ptrdiff_t{group} * t.blocks * kBlock);
  c.target.at += channel;
  if (c.adds) c.other.at += channel;
  set.convolve(c, positions, blocks);
}

void aim_depthwise(Task &task) {
  const Job &job = *task.job;
  const Step &step = *task.step;
  const Network &network = *job.network;
  const FileNode &n = *task.node;
  const Layer &layer = network.layers[static_cast<size_t>(step.node)];
  const FileSignal &out = network.file.signal(static_cast<uint32_t>(n.output));
  const int slot = slot_of(step.bits);
  Depthwise &d = task.depthwise;
  d.source = job.plan->planes(step.source, job.arena);
  d.source.at -= n.pad_top * d.source.row + n.pad_left * d.source.column;
  d.source_zero = job.plan->contents[static_cast<size_t>(step.source)].border;
  d.kernel_y = n.kernel_y, d.kernel_x = n.kernel_x;
  d.stride_y = n.stride_y, d.stride_x = n.stride_x;
  d.weight_high = network.high_weights(n, slot);
  d.weight_low = network.low_weights(n, slot);
  d.panel = layer.panel;
  d.products = step.products;
  d.constants = layer.constants[slot];
  d.target = job.plan->planes(step.target, job.arena);
  d.target.at += step.channel;
  d.target_width = out.width;
  d.channels = out.channels;
  cut(task, out.height, 1, layer.blocks);
}

void do_depthwise(void *context, int chunk) {
  const Task &t = *static_cast<const Task *>(context);
  Range rows, blocks;
  cut_out(t, chunk, &rows, &blocks);
  t.job->network->kernels->depthwise(t.depthwise, rows, blocks);
}

void aim_max_pool(Task &task) {
  const FileNode &n = *task.node;
  const Geometry &in = task.job->plan->geometry(task.step->source);
  const Geometry &out = task.job->plan->geometry(task.step->target);
  task.max_pool = {task.job->plan->planes(task.step->source, task.job->arena),
                   task.job->plan->planes(task.step->target, task.job->arena),
                   in.height, in.width, out.width, out.channels,
                   n.kernel_y, n.kernel_x, n.stride_y, n.stride_x, n.pad_top, n.pad_left};
  cut(task, out.height, 1, 1);
}

void do_max_pool(void *context, int chunk) {
  const Task &t = *static_cast<const Task *>(context);
  Range rows, blocks;
  cut_out(t, chunk, &rows, &blocks);
  t.job->network->kernels->max_pool(t.max_pool, rows);
}

void aim_average(Task &task) {
  const Job &job = *task.job;
  const FileNode &n = *task.node;
  const Geometry &out = job.plan->geometry(task.step->target);
  const auto input = static_cast<uint32_t>(job.network->file.inputs(n)[0]);
  const int64_t area = int64_t{n.kernel_y} * n.kernel_x;
  const int64_t zero = job.network->file.signal(input).zero + kPlaneOffset;
  const FileRequantiser &r = *job.network->file.at<FileRequantiser>(n.constants[0]);
  const int64_t bias = *reinterpret_cast<const int64_t *>(&r + 1);
  const int32_t *rest = reinterpret_cast<const int32_t *>(reinterpret_cast<const int64_t *>(&r + 1) + 1);
  task.average = {job.plan->planes(task.step->source, job.arena),
                  job.plan->planes(task.step->target, job.arena),
                  out.width, out.channels, n.kernel_y, n.kernel_x, n.stride_y, n.stride_x,
                  bias - area * zero, rest[0], rest[1], rest[2], r.zero};
  cut(task, out.height, 1, 1);
}

void do_average(void *context, int chunk) {
  const Task &t = *static_cast<const Task *>(context);
  Range rows, blocks;
  cut_out(t, chunk, &rows, &blocks);
  t.job->network->kernels->average(t.average, rows);
}

void do_join(void *context, int chunk) {
  const Task &t = *static_cast<const Task *>(context);
  Range rows, blocks;
  cut_out(t, chunk, &rows, &blocks);
  t.job->network->kernels->join(t.join, rows);
}

void run_add(Task &task) {
  const Job &job = *task.job;
  const Geometry &out = job.plan->geometry(task.step->target);
  const auto &r = *job.network->file.at<FileRescaler>(task.node->constants[0]);
  task.join = {job.plan->planes(task.step->source, job.arena),
               job.plan->planes(task.step->other, job.arena),
               job.plan->planes(task.step->target, job.arena),
               out.width, out.channels, true, false, rescaler(r, false, true)};
  cut(task, out.height, 1, 1);
  job.pool->run(do_join, &task, chunk_count(task));
}

void run_concat(Task &task) {
  const Job &job = *task.job;
  const FileNode &n = *task.node;
  const auto *parts = job.network->file.at<FileRescaler>(n.constants[0]);
  Planes target = job.plan->planes(task.step->target, job.arena);
  for (int32_t k = 0; k < n.input_count; ++k) {
    const auto signal = static_cast<size_t>(job.network->file.inputs(n)[k]);
    const int32_t channels = job.network->geometry[signal].channels;
    if (job.network->placements[signal].into >= 0) {
      target.at += channels;
      continue;
    }
    const int32_t buffer = job.plan->buffer_of[signal];
    const Geometry &in = job.plan->geometry(buffer);
    const Planes source = job.plan->planes(buffer, job.arena);
    task.join = {source, source, target, in.width, in.channels, false, is_same(parts[k]),
                 rescaler(parts[k], false, false)};
    cut(task, in.height, 1, 1);
    job.pool->run(do_join, &task, chunk_count(task));
    target.at += channels;
  }
}

void do_narrow(void *context, int chunk) {
  const Task &t = *static_cast<const Task *>(context);
  Range rows, blocks;
  cut_out(t, chunk, &rows, &blocks);
  t.job->network->kernels->narrow(t.narrow, rows);
}

void run_narrow(Task &task) {
  const Job &job = *task.job;
  const Geometry &g = job.plan->geometry(task.step->source);
  const int bits = task.step[1].bits;  // of the layer it is for, which comes next
  task.narrow = {job.plan->planes(task.step->source, job.arena),
                 job.plan->planes(task.step->target, job.arena), g.width, g.channels, bits,
                 job.network->file.header().cuts ? 0 : 1 << (15 - bits)};
  cut(task, g.height, 1, 1);
  job.pool->run(do_narrow, &task, chunk_count(task));
}

void do_weave(void *context, int chunk) {
  const Task &t = *static_cast<const Task *>(context);
  Range lines, blocks;
  cut_out(t, chunk, &lines, &blocks);
  t.job->network->kernels->weave(t.weave, lines);
}

void run_weave(Task &task) {
  const Job &job = *task.job;
  const Geometry &g = job.plan->geometry(task.step->source);
  const Planes source = job.plan->planes(task.step->source, job.arena);
  const uint8_t *high = source.at - g.origin;
  task.weave = {high, high + source.low,
                job.plan->planes(task.step->target, job.arena).at - g.origin};
  cut(task, static_cast<int>(g.plane / kLine), 1, 1);
  job.pool->run(do_weave, &task, chunk_count(task));
}

// Copies `count` neighbouring values with their low bytes.
void copy(const Planes &from, const uint8_t *source, const Planes &to, uint8_t *target, int count) {
  const auto size = static_cast<size_t>(count);
  std::memcpy(target, source, size);
  if (!to.low) return;
  if (from.low) {
    std::memcpy(target + to.low, source + from.low, size);
  } else {
    std::memset(target + to.low, kPlainLow, size);
  }
}

void run_flatten(const Task &task) {
  const Geometry &in = task.job->plan->geometry(task.step->source);
  const Planes from = task.job->plan->planes(task.step->source, task.job->arena);
  const Planes to = task.job->plan->planes(task.step->target, task.job->arena);
  uint8_t *target = to.at;
  for (int y = 0; y < in.height; ++y) {
    for (int x = 0; x < in.width; ++x, target += in.channels) {
      copy(from, from.at + y * from.row + x * from.column, to, target, in.channels);
    }
  }
}

void run_pad(const Task &task) {
  const Job &job = *task.job;
  const FileNode &n = *task.node;
  const Geometry &in = job.plan->geometry(task.step->source);
  const Geometry &out = job.plan->geometry(task.step->target);
  const Planes from = job.plan->planes(task.step->source, job.arena);
  const Planes to = job.plan->planes(task.step->target, job.arena);
  const int32_t *fill = job.network->file.at<int32_t>(n.fill);
  for (int y = 0; y < out.height; ++y) {
    const int v = y - n.pad_top;
    for (int x = 0; x < out.width; ++x) {
      const int u = x - n.pad_left;
      uint8_t *target = to.at + y * to.row + x * to.column;
      if (v >= 0 && v < in.height && u >= 0 && u < in.width) {
        copy(from, from.at + v * from.row + u * from.column, to, target, in.channels);
      } else {
        for (int i = 0; i < in.channels; ++i) store_code(target + i, to.low, fill[i]);
      }
    }
  }
}

void run_node(Task &task) {
  Pool &pool = *task.job->pool;
  switch (static_cast<Op>(task.node->op)) {
    case Op::kConvolution:
      aim_convolution(task);
      return pool.run(do_convolution, &task, chunk_count(task));
    case Op::kDepthwise:
      aim_depthwise(task);
      return pool.run(do_depthwise, &task, chunk_count(task));
    case Op::kMaxPool:
      aim_max_pool(task);
      return pool.run(do_max_pool, &task, chunk_count(task));
    case Op::kAverage:
      aim_average(task);
      return pool.run(do_average, &task, chunk_count(task));
    case Op::kAdd:
      return run_add(task);
    case Op::kConcat:
      return run_concat(task);
    case Op::kFlatten:
      return run_flatten(task);
    case Op::kPad:
      return run_pad(task);
  }
}

}  // namespace

void load_image(const Job &job, const uint8_t *image) {
  const Step &step = job.plan->steps[0];
  const Geometry &g = job.plan->geometry(step.target);
  const Planes p = job.plan->planes(step.target, job.arena);
  fill_border(g, p, g.zero_high);
  // A pixel is its own high byte.
  for (int y = 0; y < g.height; ++y) {
    uint8_t *target = p.at + y * p.row;
    const auto row = static_cast<size_t>(g.width) * static_cast<size_t>(g.channels);
    if (g.channels == g.stored_channels) {
      std::memcpy(target, image, row);
      image += row;
      continue;
    }
    // What lies beyond a pixel's channels is never looked at; only the last must not be overrun.
    const int whole = g.channels == 3 ? g.width - (y + 1 == g.height) : 0;
    for (int x = 0; x < whole; ++x) std::memcpy(target + 4 * x, image + 3 * x, 4);
    for (int x = whole; x < g.width; ++x) {
      std::memcpy(target + x * p.column, image + x * ptrdiff_t{g.channels},
                  static_cast<size_t>(g.channels));
    }
    image += row;
  }
}

void run_step(const Job &job, const Step &step) {
  Task task;
  task.job = &job;
  task.step = &step;
  task.node = &node_of(job, step);
  task.groups = 1;
  if (step.action == Action::kWeave) return run_weave(task);  // borders and all
  const Planes target = job.plan->planes(step.target, job.arena);
  fill_border(job.plan->geometry(step.target), target,
              job.plan->contents[static_cast<size_t>(step.target)].border);
  step.action == Action::kNarrow ? run_narrow(task) : run_node(task);
}

void read_codes(const Job &job, int32_t buffer, int32_t *codes) {
  const Geometry &g = job.plan->geometry(buffer);
  const Planes p = job.plan->planes(buffer, job.arena);
  for (int y = 0; y < g.height; ++y) {
    for (int x = 0; x < g.width; ++x) {
      const uint8_t *at = p.at + y * p.row + x * p.column;
      for (int i = 0; i < g.channels; ++i) *codes++ = load_code(at + i, p.low);
    }
  }
}

int64_t macs_of(const Network &network, const Step &step) {
  if (step.node < 0 || step.action == Action::kNarrow || step.action == Action::kWeave) return 0;
  const FileNode &n = network.file.node(static_cast<uint32_t>(step.node));
  if (n.layer < 0) return 0;
  const FileSignal &in = network.file.signal(static_cast<uint32_t>(network.file.inputs(n)[0]));
  const FileSignal &out = network.file.signal(static_cast<uint32_t>(n.output));
  return int64_t{out.height} * out.width * out.channels * (in.channels / n.groups) * n.kernel_y *
         n.kernel_x;
}

int64_t bytes_of(const Job &job, const Step &step) {
  int64_t bytes = 0;
  if (step.action == Action::kWeave) {
    return 4 * static_cast<int64_t>(job.plan->geometry(step.source).plane);
  }
  for (const int32_t buffer : {step.source, step.other, step.target}) {
    if (buffer < 0) continue;
    const Geometry &g = job.plan->geometry(buffer);
    const int64_t values = int64_t{g.height} * g.width * g.channels;
    const bool low = job.plan->contents[static_cast<size_t>(buffer)].low;
    // An 8-bit layer does not touch the low plane of what it reads.
    const bool both = low && (buffer != step.source || step.products != Products::kHigh);
    bytes += both ? 2 * values : values;
  }
  if (step.node < 0 || step.action == Action::kNarrow) return bytes;
  const FileNode &n = job.network->file.node(static_cast<uint32_t>(step.node));
  const Layer &layer = job.network->layers[static_cast<size_t>(step.node)];
  const int64_t groups = static_cast<Op>(n.op) == Op::kConvolution ? n.groups : 1;
  const int64_t plane = layer.panel * layer.blocks * groups;
  return bytes + (step.bits == 16 ? 2 : 1) * plane;
}

}  // namespace ae
