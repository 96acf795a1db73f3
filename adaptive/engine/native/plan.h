// A precision plan made ready to run: steps, what each reads and writes, and where it lies.
#pragma once

#include "arena.h"
#include "network.h"

namespace ae {

enum class Action : int8_t {
  kLoad,    // the image into its buffer
  kNarrow,  // codes brought to fewer bits for one layer
  kWeave,   // both planes brought together
  kNode,    // a node of the graph
  kFused,   // a convolution and the addition behind it
};

struct Step {
  Action action;
  int8_t bits;  // 0 where the plan has no say
  Products products;
  int32_t node;      // the convolution where it is fused
  int32_t addition;  // node, where it is fused
  int32_t source, other, target;  // buffers; -1 where there is none
  int32_t woven;                  // buffer of the source's woven codes, or -1
  int32_t channel;                // of the target, where its first one goes
};

// What a buffer holds: a signal, with or without its low plane.
struct Content {
  int32_t signal;
  bool low;
  uint8_t border;  // high byte of what surrounds it
};

class Plan {
 public:
  // False with an error set if the bits do not fit the network. `first` is a head that answers
  // before what only `head` needs is run, or -1.
  bool compile(const Network &network, const uint8_t *bits, int layers, bool exact, uint32_t head,
               int32_t first);

  const Network &network() const { return *network_; }

  Planes planes(int32_t buffer, uint8_t *arena) const;
  const Geometry &geometry(int32_t buffer) const {
    return network_->geometry[static_cast<size_t>(contents[static_cast<size_t>(buffer)].signal)];
  }

  Array<Step> steps;
  Array<Buffer> buffers;
  Array<Content> contents;
  Array<int32_t> buffer_of;  // of each signal, -1 where it is never whole
  Array<int32_t> woven_of;   // of each buffer: its woven codes, or -1
  int32_t head = -1;         // buffer that answers
  int outputs = 0;
  int32_t first_head = -1;  // buffer that answers after the first steps, -1 where none does
  int first_outputs = 0;
  size_t first_steps = 0;
  size_t arena_bytes = 0, live_bytes = 0;

 private:
  bool read_bits(const uint8_t *bits, int layers);
  void trace_back(int32_t answer);
  void trace_low_planes(int32_t answer, int32_t first);
  bool lay_out_steps(bool exact, int32_t answer, int32_t first);
  int32_t add_buffer(int32_t signal, bool low, uint8_t border, size_t step);
  int32_t add_target(int32_t signal, size_t step);
  void add_node(uint32_t node, bool exact, size_t *step);
  int32_t add_woven(const Step &step, size_t *count);
  bool carried_by(const FileNode &node) const;
  bool works(uint32_t node) const { return wanted_[node + 1] && network_->works(node); }
  int outputs_of(int32_t answer) const;
  bool narrows(uint32_t node) const;
  void require_low(const FileNode &node, bool output_needed);

  const Network *network_ = nullptr;
  Array<int8_t> node_bits_;
  // Of each signal: a head needs it, the first one does; low bits are not plain; somebody reads
  // them.
  Array<uint8_t> wanted_, early_, carried_, needed_;
  size_t buffer_count_ = 0;
};

}  // namespace ae
