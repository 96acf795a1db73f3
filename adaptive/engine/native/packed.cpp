#include "packed.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "arithmetic.h"
#include "crc.h"
#include "error.h"

namespace ae {
namespace {

constexpr int64_t kLargest = int64_t{1} << 32;  // elements of one signal, bytes of one plane
constexpr int64_t kTerms = int64_t{1} << 22;    // sums of more terms may leave 2^53

bool table_fits(uint64_t offset, uint64_t count, uint64_t each, uint64_t alignment, size_t size) {
  return offset % alignment == 0 && offset <= size && count <= (size - offset) / each;
}

bool between(int64_t value, int64_t least, int64_t greatest) {
  return least <= value && value <= greatest;
}

// Looks at the numbers of one variant; says of each what is wrong with it.
class Checker {
 public:
  Checker(const Graph &file, size_t size) : file_(file), size_(size) {}

  // The tables of the whole file.
  static bool file(const Packed &packed, size_t size) {
    const FileHeader &h = packed.header();
    const Checker whole(Graph(packed, 0), size);
    if (!whole.table(h.variants, h.variant_count, sizeof(FileVariant), 8, "variants") ||
        !whole.table(h.heads, h.head_count, sizeof(FileHead), 4, "heads") ||
        !whole.table(h.names, h.names_bytes, 1, 1, "names") ||
        !whole.table(h.manifest, h.manifest_bytes, 1, 1, "manifest")) {
      return false;
    }
    if (h.block != 16 || h.quad != 4) {
      return fail("tile of the weights is %u x %u, expected 16 x 4", h.block, h.quad);
    }
    if (h.bits < 1 || h.bits > 7) return fail("bits is %u, expected 1 to 7", h.bits);
    if (h.cuts > 1) return fail("cuts is %u, expected 0 or 1", h.cuts);
    if (!between(h.variant_count, 1, kMostVariants) || !between(h.head_count, 1, kMostHeads)) {
      return fail("file has %u variants and %u heads, expected 1 to %d and 1 to %d",
                  h.variant_count, h.head_count, kMostVariants, kMostHeads);
    }
    for (uint32_t v = 0; v < h.variant_count; ++v) {
      if (!Checker(Graph(packed, v), size).all()) return false;
      if (!answers_alike(Graph(packed, 0), Graph(packed, v))) {
        return fail("variant %u reads or answers in another shape than the first", v);
      }
    }
    return true;
  }

  // Callers know one shape of images and of answers.
  static bool answers_alike(const Graph &a, const Graph &b) {
    bool alike = same_shape(a.signal(0), b.signal(0));
    for (uint32_t i = 0; i < a.header().head_count; ++i) {
      alike = alike && same_shape(a.signal(static_cast<uint32_t>(a.head(i))),
                                  b.signal(static_cast<uint32_t>(b.head(i))));
    }
    return alike;
  }
  static bool same_shape(const FileSignal &a, const FileSignal &b) {
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
  }

  bool all() const {
    const FileHeader &h = file_.header();
    if (!file_.tables_fit(size_)) return fail("a table of a variant lies outside the file");
    if (file_.signal_count() < 2 || file_.node_count() < 1) {
      return fail("file has %u signals and %u nodes", file_.signal_count(), file_.node_count());
    }
    for (uint32_t i = 0; i < h.head_count; ++i) {
      if (!between(file_.head(i), 1, int64_t{file_.signal_count()} - 1)) {
        return fail("head %u is signal %d of %u", i, file_.head(i), file_.signal_count());
      }
    }
    for (uint32_t i = 0; i < file_.signal_count(); ++i) {
      if (!signal(i)) return false;
    }
    return nodes();
  }

 private:
  bool table(uint64_t offset, uint64_t count, uint64_t each, uint64_t alignment,
             const char *what) const {
    return table_fits(offset, count, each, alignment, size_)
               ? true
               : fail("%s lie outside the file, at %llu", what,
                      static_cast<unsigned long long>(offset));
  }

  bool signal(uint32_t i) const {
    const FileSignal &s = file_.signal(i);
    if (s.height < 1 || s.width < 1 || s.channels < 1 || s.height > (1 << 20) ||
        s.width > (1 << 20) || s.channels > (1 << 26) ||
        int64_t{s.height} * s.width > kLargest / s.channels) {
      return fail("signal %u is %d x %d x %d, expected positive sizes and at most 2^32 values", i,
                  s.height, s.width, s.channels);
    }
    if (!between(s.zero, kCodeMin, kCodeMax) || s.zero % 256) {
      return fail("signal %u: zero is %d, expected a code divisible by 256", i, s.zero);
    }
    return true;
  }

  bool nodes() const {
    const FileHeader &h = file_.header();
    uint32_t layers = 0;
    // Node i writes signal i + 1: nothing is read before it is written, or written twice.
    if (file_.signal_count() != file_.node_count() + 1) {
      return fail("%u signals for %u nodes, expected one more", file_.signal_count(), file_.node_count());
    }
    for (uint32_t i = 0; i < file_.node_count(); ++i) {
      const FileNode &n = file_.node(i);
      if (n.name > h.names_bytes || n.name_bytes >= h.names_bytes - n.name ||
          file_.name(n)[n.name_bytes] != '\0' || std::strlen(file_.name(n)) != n.name_bytes) {
        return fail("node %u has no name", i);
      }
      if (n.output != static_cast<int32_t>(i) + 1) return fail("node %u writes signal %d", i, n.output);
      if (n.input_count < 1 || n.first_input < 0 ||
          static_cast<uint32_t>(n.first_input) > file_.input_count() ||
          static_cast<uint32_t>(n.input_count) > file_.input_count() - static_cast<uint32_t>(n.first_input)) {
        return fail("node %s has no inputs in the file", file_.name(n));
      }
      for (int32_t k = 0; k < n.input_count; ++k) {
        const int32_t input = file_.inputs(n)[k];
        if (input < 0 || input > static_cast<int32_t>(i)) {
          return fail("node %s reads signal %d, expected an earlier one", file_.name(n), input);
        }
      }
      if (n.layer != -1 && n.layer != static_cast<int32_t>(layers++)) {
        return fail("node %s is layer %d, out of order", file_.name(n), n.layer);
      }
      if (!node(n)) return false;
    }
    if (layers != h.layer_count || layers < 1) {
      return fail("file has %u layers, its header says %u", layers, h.layer_count);
    }
    return true;
  }

  bool node(const FileNode &n) const {
    const FileSignal &in = file_.signal(static_cast<uint32_t>(file_.inputs(n)[0]));
    const FileSignal &out = file_.signal(static_cast<uint32_t>(n.output));
    switch (static_cast<Op>(n.op)) {
      case Op::kConvolution:
      case Op::kDepthwise:
        return n.input_count == 1 && n.layer >= 0 ? layer(n, in, out) : misplaced(n);
      case Op::kMaxPool:
        return plain(n, 1) && window(n, in, out) && same_channels(n, in, out);
      case Op::kAverage:
        return plain(n, 1) && window(n, in, out) && same_channels(n, in, out) &&
               unpadded(n) && requantiser(n, n.constants[0], 1, 16);
      case Op::kAdd:
        return plain(n, 2) && equal(n, in, out) &&
               equal(n, file_.signal(static_cast<uint32_t>(file_.inputs(n)[1])), out) &&
               rescalers(n, 1);
      case Op::kConcat:
        return plain(n, n.input_count) && concat(n, out) && rescalers(n, n.input_count);
      case Op::kFlatten:
        return plain(n, 1) &&
               (out.height == 1 && out.width == 1 &&
                        out.channels == int64_t{in.height} * in.width * in.channels
                    ? true
                    : shape(n));
      case Op::kPad:
        return plain(n, 1) && pad(n, in, out);
    }
    return fail("node %s is operation %d, which this engine does not know", file_.name(n), n.op);
  }

  bool misplaced(const FileNode &n) const {
    return fail("node %s has %d inputs and layer %d, which its operation has not", file_.name(n),
                n.input_count, n.layer);
  }
  bool shape(const FileNode &n) const {
    return fail("shapes around node %s do not fit", file_.name(n));
  }
  bool plain(const FileNode &n, int inputs) const {
    return n.input_count == inputs && n.layer == -1 ? true : misplaced(n);
  }
  bool equal(const FileNode &n, const FileSignal &a, const FileSignal &b) const {
    return same_shape(a, b) ? true : shape(n);
  }
  bool same_channels(const FileNode &n, const FileSignal &a, const FileSignal &b) const {
    return a.channels == b.channels ? true : shape(n);
  }
  bool unpadded(const FileNode &n) const {
    return n.pad_top || n.pad_left || n.pad_bottom || n.pad_right ? shape(n) : true;
  }

  static bool span_fits(int32_t in, int32_t before, int32_t after, int32_t kernel, int32_t stride,
                        int32_t out) {
    if (!between(before, 0, 1 << 11) || !between(after, 0, 1 << 11) ||
        !between(kernel, 1, 1 << 20) || !between(stride, 1, 1 << 20)) {
      return false;
    }
    const int64_t room = int64_t{in} + before + after - kernel;
    return room >= 0 && room / stride + 1 == out;
  }

  bool window(const FileNode &n, const FileSignal &in, const FileSignal &out) const {
    const bool fits =
        span_fits(in.height, n.pad_top, n.pad_bottom, n.kernel_y, n.stride_y, out.height) &&
        span_fits(in.width, n.pad_left, n.pad_right, n.kernel_x, n.stride_x, out.width);
    if (!fits) return shape(n);
    if (static_cast<Op>(n.op) == Op::kMaxPool) {
      // Each window holds a value that is there.
      const bool lies_within = n.pad_top < n.kernel_y && n.pad_left < n.kernel_x &&
                               int64_t{out.height - 1} * n.stride_y - n.pad_top < in.height &&
                               int64_t{out.width - 1} * n.stride_x - n.pad_left < in.width;
      return lies_within ? true : shape(n);
    }
    return true;
  }

  bool layer(const FileNode &n, const FileSignal &in, const FileSignal &out) const {
    if (!window(n, in, out)) return false;
    if (n.groups < 1 || in.channels % n.groups || out.channels % n.groups) return shape(n);
    if (static_cast<Op>(n.op) == Op::kDepthwise &&
        (n.groups != in.channels || n.groups != out.channels)) {
      return shape(n);
    }
    const int64_t area = int64_t{n.kernel_y} * n.kernel_x;
    const int64_t depth = in.channels / n.groups;
    if (area > kTerms / depth) {
      return fail("node %s sums more than 2^22 products", file_.name(n));
    }
    const bool depthwise = static_cast<Op>(n.op) == Op::kDepthwise;
    if (depthwise && area > (1 << 14)) return fail("node %s has too large a window", file_.name(n));
    const int64_t blocks = blocks_per_group(n, out) * (depthwise ? 1 : n.groups);
    const bool whole = depthwise || n.depth == depth;
    if (!whole && !(n.depth > depth && depth % 4 == 0 && area <= kTerms / n.depth)) {
      return fail("node %s has weights for %d channels, expected %lld or more", file_.name(n),
                  n.depth, static_cast<long long>(depth));
    }
    const int64_t plane = quads(n) * 64;  // of a block
    if (blocks > kLargest / plane) return shape(n);
    const uint32_t bits = file_.header().bits;
    const char *name = file_.name(n);
    const auto bytes = static_cast<uint64_t>(blocks * plane);
    for (int p = 0; p < 3; ++p) {
      if (!(bits & (1u << p))) continue;
      if (!table(n.weights[p], bytes, 1, 64, name)) return false;
      if (!requantiser(n, n.constants[p], blocks * 16, 16 >> p)) return false;
    }
    return (bits & 1) == 0 || table(n.low_weights, bytes, 1, 64, name);
  }

  // Constants for `count` channels; outputs have `width` bits, or 16 where the layer is a head.
  bool requantiser(const FileNode &n, uint64_t offset, int64_t count, int width) const {
    const char *name = file_.name(n);
    if (!table(offset, 1, sizeof(FileRequantiser), 8, name) ||
        !table(offset + sizeof(FileRequantiser), static_cast<uint64_t>(count), 20, 8, name)) {
      return false;
    }
    const FileRequantiser &r = *file_.at<FileRequantiser>(offset);
    if ((r.bits != width && r.bits != 16) || !between(r.zero, kCodeMin, kCodeMax) ||
        r.zero % (1 << (16 - r.bits))) {
      return fail("node %s answers at %d bits around %d", name, r.bits, r.zero);
    }
    const int64_t *bias = file_.at<int64_t>(offset + sizeof(FileRequantiser));
    const int32_t *multiplier = reinterpret_cast<const int32_t *>(bias + count);
    const int32_t *pre_shift = multiplier + count, *shift = pre_shift + count;
    for (int64_t i = 0; i < count; ++i) {
      if (!between(bias[i], -(int64_t{1} << 52), int64_t{1} << 52) ||
          multiplier[i] < (1 << 30) || !between(pre_shift[i], 0, 62) || !between(shift[i], 1, 62)) {
        return fail("node %s: constants of channel %lld are out of range", name,
                    static_cast<long long>(i));
      }
    }
    return true;
  }

  bool rescalers(const FileNode &n, int count) const {
    if (!table(n.constants[0], static_cast<uint64_t>(count), sizeof(FileRescaler), 8,
               file_.name(n))) {
      return false;
    }
    const FileRescaler *r = file_.at<FileRescaler>(n.constants[0]);
    for (int i = 0; i < count; ++i) {
      if (!between(r[i].multiplier[0], 0, 1 << 14) || !between(r[i].multiplier[1], 0, 1 << 14) ||
          !between(r[i].zero_in[0], kCodeMin, kCodeMax) ||
          !between(r[i].zero_in[1], kCodeMin, kCodeMax) || !between(r[i].shift, 0, 22) ||
          !between(r[i].zero, kCodeMin, kCodeMax)) {
        return fail("node %s: constants of input %d are out of range", file_.name(n), i);
      }
    }
    return true;
  }

  bool concat(const FileNode &n, const FileSignal &out) const {
    int64_t channels = 0;
    for (int32_t k = 0; k < n.input_count; ++k) {
      const FileSignal &in = file_.signal(static_cast<uint32_t>(file_.inputs(n)[k]));
      if (in.height != out.height || in.width != out.width) return shape(n);
      channels += in.channels;
    }
    return channels == out.channels ? true : shape(n);
  }

  bool pad(const FileNode &n, const FileSignal &in, const FileSignal &out) const {
    const bool fits = between(n.pad_top, 0, 1 << 11) && between(n.pad_bottom, 0, 1 << 11) &&
                      between(n.pad_left, 0, 1 << 11) && between(n.pad_right, 0, 1 << 11) &&
                      in.height + n.pad_top + n.pad_bottom == out.height &&
                      in.width + n.pad_left + n.pad_right == out.width;
    if (!fits || !same_channels(n, in, out)) return shape(n);
    if (!table(n.fill, static_cast<uint64_t>(in.channels), 4, 4, file_.name(n))) return false;
    const int32_t *fill = file_.at<int32_t>(n.fill);
    for (int32_t i = 0; i < in.channels; ++i) {
      if (!between(fill[i], kCodeMin, kCodeMax)) {
        return fail("node %s: fill of channel %d is %d, expected a code", file_.name(n), i,
                    fill[i]);
      }
    }
    return true;
  }

  const Graph file_;
  const size_t size_;
};

}  // namespace

int64_t blocks_per_group(const FileNode &node, const FileSignal &output) {
  const bool depthwise = static_cast<Op>(node.op) == Op::kDepthwise;
  return (output.channels / (depthwise ? 1 : node.groups) + 15) / 16;
}

int64_t quads(const FileNode &node) {
  if (static_cast<Op>(node.op) == Op::kDepthwise) {
    return int64_t{node.kernel_x} * ((node.kernel_y + 3) / 4);
  }
  return int64_t{node.kernel_y} * node.kernel_x * ((node.depth + 3) / 4);
}

bool Graph::is_head(int32_t signal) const {
  for (uint32_t i = 0; i < header().head_count; ++i) {
    if (head(i) == signal) return true;
  }
  return false;
}

bool Graph::tables_fit(size_t size) const {
  const FileVariant &t = tables();
  return table_fits(t.signals, t.signal_count, sizeof(FileSignal), 4, size) &&
         table_fits(t.nodes, t.node_count, sizeof(FileNode), 8, size) &&
         table_fits(t.inputs, t.input_count, sizeof(int32_t), 4, size);
}

Packed::~Packed() {
  if (mapped_) munmap(const_cast<uint8_t *>(bytes_), size_);
}

bool Packed::open_memory(const void *bytes, size_t size) {
  bytes_ = static_cast<const uint8_t *>(bytes);
  size_ = size;
  if (reinterpret_cast<uintptr_t>(bytes_) % 64) {
    return fail("packed network lies at an address not divisible by 64");
  }
  return check();
}

bool Packed::open_file(const char *path) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail("%s: %s", path, std::strerror(errno));
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
    ::close(file);
    return fail("%s: not a packed network, expected a file written by adaptive pack", path);
  }
  size_ = static_cast<size_t>(status.st_size);
  void *mapped = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
  ::close(file);
  if (mapped == MAP_FAILED) return fail("%s: %s", path, std::strerror(errno));
  bytes_ = static_cast<const uint8_t *>(mapped);
  mapped_ = true;
  if (check()) return true;
  char reason[384];
  std::strncpy(reason, last_error(), sizeof reason - 1);
  reason[sizeof reason - 1] = '\0';
  return fail("%s: %s", path, reason);
}

bool Packed::check() {
  if (size_ < sizeof(FileHeader) || std::memcmp(bytes_, kMagic, sizeof kMagic) != 0) {
    return fail("not a packed network, expected a file written by adaptive pack");
  }
  const FileHeader &h = header();
  if (h.format != kFormat) return fail("format is %u, this engine reads %u", h.format, kFormat);
  if (h.file_bytes != size_) {
    return fail("file has %llu bytes, its header says %llu", static_cast<unsigned long long>(size_),
                static_cast<unsigned long long>(h.file_bytes));
  }
  constexpr size_t behind = offsetof(FileHeader, file_bytes);
  if (crc32(bytes_ + behind, size_ - behind) != h.crc) {
    return fail("checksum does not match, the file is damaged or cut short");
  }
  return Checker::file(*this, size_);
}

}  // namespace ae
