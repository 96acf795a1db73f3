// A packed file made ready for one kernel set: what every plan shares and none changes.
#pragma once

#include "array.h"
#include "kernels.h"
#include "packed.h"

namespace ae {

// How a signal lies in its buffer: rows of pixels of channels padded to a multiple of 4, with a
// border of zero points as wide as the paddings of its readers.
struct Geometry {
  int32_t height, width, channels, stored_channels;
  int32_t top, left, bottom, right;
  ptrdiff_t row;     // bytes
  size_t plane;      // bytes, a multiple of 64 with room to read beyond the end
  ptrdiff_t origin;  // of position (0, 0)
  uint8_t zero_high;
};

// Slots of a layer's constants.
enum Slot { kAt16 = 0, kAt8 = 1, kAt4 = 2, kSlots = 3 };

inline int slot_of(int bits) { return bits == 16 ? kAt16 : bits == 8 ? kAt8 : kAt4; }

// What a node with weights needs beside the file.
struct Layer {
  int32_t run_count, run_quads;
  int32_t first_run;  // within Network::runs
  int32_t blocks;     // of one group; all groups of a depthwise layer
  ptrdiff_t panel;
  ptrdiff_t run_skip;  // bytes of weights behind a run that this variant does not read
  int32_t first_segment, segment_count;  // within Network::segments; none where planes are read
  bool wide;
  Constants constants[kSlots];
};

// A convolution computed together with the addition that alone reads it.
struct Fusion {
  int32_t into;   // node of the addition, or -1
  int32_t layer;  // for an addition: node of the convolution, or -1
};

// A signal that lies where a concatenation would copy it: its node writes it there.
struct Placement {
  int32_t into;     // node of the concatenation, or -1
  int32_t channel;  // first of its channels there
};

// Whether a part of a join keeps its codes.
bool is_same(const FileRescaler &r);

class Network {
 public:
  bool prepare(const Graph &graph, const Kernels &kernels);

  Graph file;
  const Kernels *kernels = nullptr;
  Array<Geometry> geometry;  // of each signal
  Array<Layer> layers;       // of each node; empty ones where there are no weights
  Array<Fusion> fusions;     // of each node
  Array<Placement> placements;  // of each signal
  Array<int32_t> layer_node;
  Array<int32_t> runs;
  Array<int32_t> segments;  // ends in quads; see Convolution

  // Whether a node has work of its own.
  bool works(uint32_t node) const { return fusions[node].into < 0 && !placed_whole_[node]; }
  // What a layer reads at a precision; one plane twice where there is no other.
  const int8_t *high_weights(const FileNode &node, int slot) const {
    return file.at<int8_t>(node.weights[slot]);
  }
  const int8_t *low_weights(const FileNode &node, int slot) const {
    return file.at<int8_t>(slot == kAt16 ? node.low_weights : node.weights[slot]);
  }
  const int32_t *runs_of(const Layer &layer) const { return runs.data() + layer.first_run; }

 private:
  bool measure();
  bool lay_out_runs();
  bool choose_constants();
  bool cut_segments();
  void find_fusions();
  void find_placements();
  int readers(int32_t signal) const;

  Array<uint8_t> placed_whole_;  // of each node: a concatenation with nothing left to copy
  Array<int32_t> derived_;  // what constants point at beside the file
};

}  // namespace ae
