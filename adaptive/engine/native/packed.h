// The packed file: a header, tables of fixed records, constants, and weights in the kernels' layout.
// adaptive/engine/pack.py writes it; everything is little-endian and every offset is from the
// file's first byte.
//
// Weights are planes of bytes, each [group][block of 16 output channels][K / 4][16][4] with K in the
// order ky, kx, channel (padded to 4); of a depthwise layer [block][kx][ky / 4][16][4]. There is one
// for each precision (16 bits: high bytes, rounded) and one of the low bytes at 16 bits. 8 bits
// share the plane of 16 where they are rounded; where they are cut (radix) they have their own.
//
// A variant is the network at one width. All have the same nodes and read the first channels of the
// same weights; signals and constants are their own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ae {

constexpr char kMagic[8] = {'A', 'D', 'P', 'T', 'P', 'A', 'C', 'K'};
constexpr uint32_t kFormat = 2;
constexpr int kMostVariants = 16, kMostHeads = 64;

enum class Op : int32_t {
  kConvolution = 1,
  kDepthwise = 2,
  kMaxPool = 3,
  kAverage = 4,
  kAdd = 5,
  kConcat = 6,
  kFlatten = 7,
  kPad = 8,
};

struct FileHeader {
  char magic[8];
  uint32_t format;
  uint32_t crc;  // CRC-32 of everything behind this field
  uint64_t file_bytes;
  uint32_t variant_count, head_count, layer_count, names_bytes;
  uint64_t variants, heads, names, manifest;
  uint32_t manifest_bytes;
  uint32_t bits;         // set of precisions carried: 1 for 16, 2 for 8, 4 for 4
  uint32_t block, quad;  // tile of the weights: 16 and 4
  uint32_t cuts;         // 1 where narrower codes are cut, 0 where they are rounded
  uint32_t reserved;
  uint8_t checksum[32];  // of the artifact
};
static_assert(sizeof(FileHeader) == 128, "the header is laid out as pack.py writes it");

struct FileVariant {
  uint32_t signal_count, node_count, input_count, reserved;
  uint64_t signals, nodes, inputs;
};
static_assert(sizeof(FileVariant) == 40, "a variant is laid out as pack.py writes it");

struct FileHead {
  int32_t signal;  // that answers; signal 0 is the image
};

struct FileSignal {
  int32_t height, width, channels;
  int32_t zero;  // code of the zero point
};
static_assert(sizeof(FileSignal) == 16, "a signal is laid out as pack.py writes it");

struct FileNode {
  int32_t op, output, first_input, input_count;
  int32_t kernel_y, kernel_x, stride_y, stride_x;
  int32_t pad_top, pad_left, pad_bottom, pad_right;
  int32_t groups, relu, layer;  // layer -1: no weights
  int32_t fill_is_plain;        // padding codes have no low bits
  uint32_t name, name_bytes;    // within names
  uint64_t constants[3];        // at 16, 8 and 4 bits; nodes without weights use the first
  uint64_t weights[3];          // planes of 16 (high bytes), 8 and 4 bits
  uint64_t low_weights;         // low bytes at 16 bits
  uint64_t fill;                // padding codes, int32 for each channel
  int32_t depth;                // channels that the weights of one position have in the file
  int32_t reserved;
};
static_assert(sizeof(FileNode) == 144, "a node is laid out as pack.py writes it");

// Constants of a layer at one precision, of an average (one channel), and of a sum or join.
struct FileRequantiser {
  int32_t bits, zero;  // of the output; zero as a 16-bit code
  // then int64 bias[n], int32 multiplier[n], int32 pre_shift[n], int32 shift[n]
};
struct FileRescaler {
  int32_t multiplier[2], zero_in[2];
  int32_t shift, zero, relu, reserved;
};
static_assert(sizeof(FileRescaler) == 32, "a rescaler is laid out as pack.py writes it");

// A file whose every offset and number was checked.
class Packed {
 public:
  Packed() = default;
  Packed(const Packed &) = delete;
  Packed &operator=(const Packed &) = delete;
  ~Packed();

  // Both return false with an error set if anything is out of place.
  bool open_file(const char *path);
  bool open_memory(const void *bytes, size_t size);

  const FileHeader &header() const { return *at<FileHeader>(0); }
  template <class T>
  const T *at(uint64_t offset) const {
    return reinterpret_cast<const T *>(bytes_ + offset);
  }

 private:
  bool check();

  const uint8_t *bytes_ = nullptr;
  size_t size_ = 0;
  bool mapped_ = false;
};

// One variant of a file: a graph of its own.
class Graph {
 public:
  Graph() = default;
  Graph(const Packed &packed, uint32_t variant) : packed_(&packed), variant_(variant) {}

  const FileHeader &header() const { return packed_->header(); }
  uint32_t signal_count() const { return tables().signal_count; }
  uint32_t node_count() const { return tables().node_count; }
  uint32_t input_count() const { return tables().input_count; }
  const FileSignal &signal(uint32_t i) const { return at<FileSignal>(tables().signals)[i]; }
  const FileNode &node(uint32_t i) const { return at<FileNode>(tables().nodes)[i]; }
  const int32_t *inputs(const FileNode &node) const {
    return at<int32_t>(tables().inputs) + node.first_input;
  }
  const char *name(const FileNode &node) const { return at<char>(header().names) + node.name; }
  int32_t head(uint32_t i) const { return at<FileHead>(header().heads)[i].signal; }
  bool is_head(int32_t signal) const;
  bool tables_fit(size_t file_bytes) const;
  template <class T>
  const T *at(uint64_t offset) const {
    return packed_->at<T>(offset);
  }

 private:
  const FileVariant &tables() const { return at<FileVariant>(header().variants)[variant_]; }

  const Packed *packed_ = nullptr;
  uint32_t variant_ = 0;
};

// Sizes that follow from a node and what it writes.
int64_t blocks_per_group(const FileNode &node, const FileSignal &output);
int64_t quads(const FileNode &node);  // of a block, as the file holds them

}  // namespace ae
