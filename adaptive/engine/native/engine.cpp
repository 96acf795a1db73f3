// The C interface: opens files, compiles plans, runs them one at a time.
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <atomic>
#include <cstring>
#include <new>

#include "adaptive_engine.h"
#include "dispatch.h"
#include "error.h"
#include "execute.h"

struct ae_engine {
  ae::Packed file;
  ae::Network networks[ae::kMostVariants];  // at each width, the whole one first
  ae::Pool pool;
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  uint8_t *arena = nullptr;
  size_t arena_bytes = 0;
  cpu_set_t cores;
  uint32_t binding = 0;  // number of this set of cores, 0 where threads run anywhere
};

struct ae_plan {
  ae::Plan plan;
  ae_engine *engine;
};

namespace {

constexpr size_t kAlignment = 64;

template <class T>
T *make() {
  void *memory = std::calloc(1, sizeof(T));
  return memory ? new (memory) T() : nullptr;
}

template <class T>
void unmake(T *object) {
  object->~T();
  std::free(object);
}

int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1000000000 + t.tv_nsec;
}

bool prepare(ae_engine *engine, const ae::Kernels &kernels) {
  for (uint32_t v = 0; v < engine->file.header().variant_count; ++v) {
    if (!engine->networks[v].prepare(ae::Graph(engine->file, v), kernels)) return false;
  }
  return true;
}

// The network is not opened yet: `read` opens it.
template <class Read>
ae_engine *open_with(const ae_options *given, Read read) {
  const ae_options options = given ? *given : ae_options{};
  const ae::Kernels *kernels = ae::choose_kernels(options.isa);
  if (!kernels) return nullptr;
  ae_engine *engine = make<ae_engine>();
  if (!engine) {
    ae::fail("no memory for an engine");
    return nullptr;
  }
  bool cores_fit = options.core_count >= 0 && (options.core_count == 0 || options.cores);
  CPU_ZERO(&engine->cores);
  for (int i = 0; cores_fit && i < options.core_count; ++i) {
    cores_fit = options.cores[i] >= 0 && options.cores[i] < CPU_SETSIZE;
    if (cores_fit) CPU_SET(static_cast<size_t>(options.cores[i]), &engine->cores);
  }
  static std::atomic<uint32_t> bindings{0};
  if (options.core_count > 0) engine->binding = bindings.fetch_add(1) + 1;
  const int threads = options.threads == 0 ? 1 : options.threads;
  const bool ready = (cores_fit || ae::fail("cores hold a number this machine cannot have")) &&
                     read(engine->file) && prepare(engine, *kernels) &&
                     engine->pool.start(threads, options.cores, options.core_count);
  if (ready) return engine;
  ae_close(engine);
  return nullptr;
}

// The calling thread runs on the engine's cores too, from its first run on.
void bind_caller(const ae_engine *engine) {
  static thread_local uint32_t bound_to = 0;
  if (engine->binding == 0 || bound_to == engine->binding) return;
  sched_setaffinity(0, sizeof engine->cores, &engine->cores);
  bound_to = engine->binding;
}

bool grow_arena(ae_engine *engine, size_t bytes) {
  if (bytes <= engine->arena_bytes) return true;
  void *arena = nullptr;
  if (posix_memalign(&arena, kAlignment, bytes) != 0) {
    return ae::fail("no memory for %zu bytes of activations", bytes);
  }
  std::memset(arena, ae::kPlainLow, bytes);
  std::free(engine->arena);
  engine->arena = static_cast<uint8_t *>(arena);
  engine->arena_bytes = bytes;
  return true;
}

class Locked {
 public:
  explicit Locked(ae_engine *engine) : engine_(engine) { pthread_mutex_lock(&engine_->lock); }
  ~Locked() { pthread_mutex_unlock(&engine_->lock); }
  Locked(const Locked &) = delete;
  Locked &operator=(const Locked &) = delete;

 private:
  ae_engine *engine_;
};

bool fits(const ae_engine *engine, const ae_plan *plan) {
  if (!engine || !plan) return ae::fail("engine or plan is NULL");
  return plan->engine == engine ? true : ae::fail("plan belongs to another engine");
}

ptrdiff_t image_bytes(const ae::Plan &plan) {
  const ae::FileSignal &size = plan.network().file.signal(0);
  return ptrdiff_t{size.height} * size.width * size.channels;
}

void run_steps(const ae::Job &job, size_t from, size_t to) {
  for (size_t s = from; s < to; ++s) ae::run_step(job, job.plan->steps[s]);
}

ae_plan *compile(ae_engine *engine, const uint8_t *bits, int layers, ae_mode mode, int width,
                 int first_head, int head) {
  const auto widths = static_cast<int>(engine->file.header().variant_count);
  if (width < 0 || width >= widths || head < 0) {
    ae::fail("plan wants width %d of %d and head %d", width, widths, head);
    return nullptr;
  }
  ae_plan *plan = make<ae_plan>();
  if (!plan) {
    ae::fail("no memory for a plan");
    return nullptr;
  }
  plan->engine = engine;
  const Locked locked(engine);
  if (plan->plan.compile(engine->networks[width], bits, layers, mode == AE_EXACT,
                         static_cast<uint32_t>(head), first_head) &&
      grow_arena(engine, plan->plan.arena_bytes)) {
    return plan;
  }
  unmake(plan);
  return nullptr;
}

const char *operation(const ae::Network &network, const ae::Step &step) {
  static const char *const names[] = {"",        "convolution", "depthwise", "max_pool", "average",
                                      "add",     "concat",      "flatten",   "pad"};
  switch (step.action) {
    case ae::Action::kLoad:
      return "load";
    case ae::Action::kNarrow:
      return "narrow";
    case ae::Action::kWeave:
      return "weave";
    case ae::Action::kFused:
      return "convolution+add";
    case ae::Action::kNode:
      break;
  }
  return names[network.file.node(static_cast<uint32_t>(step.node)).op];
}

}  // namespace

extern "C" {

int ae_abi_version(void) { return AE_ABI_VERSION; }

const char *ae_last_error(void) { return ae::last_error(); }

const char *ae_isa_names(void) { return ae::kernel_names(); }

ae_engine *ae_open(const char *path, const ae_options *options) {
  return open_with(options, [&](ae::Packed &file) { return file.open_file(path); });
}

ae_engine *ae_open_memory(const void *bytes, size_t size, const ae_options *options) {
  return open_with(options, [&](ae::Packed &file) { return file.open_memory(bytes, size); });
}

void ae_close(ae_engine *engine) {
  if (!engine) return;
  std::free(engine->arena);
  unmake(engine);
}

void ae_describe(const ae_engine *engine, ae_network *network) {
  const ae::Graph &file = engine->networks[0].file;
  const ae::FileHeader &h = file.header();
  const ae::FileSignal &image = file.signal(0);
  const ae::FileSignal &head = file.signal(static_cast<uint32_t>(file.head(0)));
  *network = {image.height, image.width, image.channels,
              head.height * head.width * head.channels, static_cast<int>(h.layer_count),
              (h.bits & 1) != 0, (h.bits & 2) != 0, (h.bits & 4) != 0,
              static_cast<int>(h.variant_count), static_cast<int>(h.head_count)};
}

const char *ae_layer_name(const ae_engine *engine, int layer) {
  const ae::Network &network = engine->networks[0];
  if (layer < 0 || static_cast<size_t>(layer) >= network.layer_node.size()) return "";
  const int32_t node = network.layer_node[static_cast<size_t>(layer)];
  return network.file.name(network.file.node(static_cast<uint32_t>(node)));
}

const char *ae_isa(const ae_engine *engine) { return engine->networks[0].kernels->name; }

const char *ae_manifest(const ae_engine *engine, size_t *size) {
  const ae::FileHeader &h = engine->file.header();
  *size = h.manifest_bytes;
  return engine->file.at<char>(h.manifest);
}

ae_plan *ae_plan_new(ae_engine *engine, const uint8_t *bits, int layers, ae_mode mode) {
  return ae_plan_at(engine, bits, layers, mode, 0, 0);
}

ae_plan *ae_plan_at(ae_engine *engine, const uint8_t *bits, int layers, ae_mode mode, int width,
                    int head) {
  return compile(engine, bits, layers, mode, width, -1, head);
}

ae_plan *ae_plan_onward(ae_engine *engine, const uint8_t *bits, int layers, ae_mode mode, int width,
                        int first_head, int head) {
  if (first_head < 0 || first_head == head) {
    ae::fail("plan goes on from head %d to %d, expected another one", first_head, head);
    return nullptr;
  }
  return compile(engine, bits, layers, mode, width, first_head, head);
}

void ae_plan_free(ae_plan *plan) {
  if (plan) unmake(plan);
}

size_t ae_plan_arena_bytes(const ae_plan *plan) { return plan->plan.arena_bytes; }
size_t ae_plan_live_bytes(const ae_plan *plan) { return plan->plan.live_bytes; }
int ae_plan_outputs(const ae_plan *plan) { return plan->plan.outputs; }
int ae_plan_first_outputs(const ae_plan *plan) { return plan->plan.first_outputs; }
int ae_plan_steps(const ae_plan *plan) { return static_cast<int>(plan->plan.steps.size()); }

int ae_run(ae_engine *engine, const ae_plan *plan, const uint8_t *images, int count,
           int32_t *codes) {
  if (!fits(engine, plan)) return -1;
  const Locked locked(engine);
  bind_caller(engine);
  const ae::Plan &p = plan->plan;
  const ptrdiff_t image = image_bytes(p);
  const ae::Job job{&p.network(), &p, &engine->pool, engine->arena};
  for (int i = 0; i < count; ++i) {
    ae::load_image(job, images + i * image);
    run_steps(job, 1, p.steps.size());
    ae::read_codes(job, p.head, codes + ptrdiff_t{i} * p.outputs);
  }
  return 0;
}

int ae_run_onward(ae_engine *engine, const ae_plan *plan, const uint8_t *images, int count,
                  ae_unsure unsure, void *context, int32_t *first, int32_t *codes,
                  uint8_t *went_on) {
  if (!fits(engine, plan)) return -1;
  const ae::Plan &p = plan->plan;
  if (p.first_head < 0 || !unsure) {
    ae::fail(unsure ? "plan has no first head" : "unsure is NULL");
    return -1;
  }
  const Locked locked(engine);
  bind_caller(engine);
  const ptrdiff_t image = image_bytes(p);
  const ae::Job job{&p.network(), &p, &engine->pool, engine->arena};
  int onward = 0;
  for (int i = 0; i < count; ++i) {
    int32_t *early = first + ptrdiff_t{i} * p.first_outputs;
    ae::load_image(job, images + i * image);
    run_steps(job, 1, p.first_steps);
    ae::read_codes(job, p.first_head, early);
    went_on[i] = unsure(early, context) != 0;
    if (!went_on[i]) continue;
    run_steps(job, p.first_steps, p.steps.size());
    ae::read_codes(job, p.head, codes + ptrdiff_t{onward++} * p.outputs);
  }
  return onward;
}

int ae_profile(ae_engine *engine, const ae_plan *plan, const uint8_t *image, int32_t *codes,
               ae_step *steps, int capacity) {
  if (!fits(engine, plan)) return -1;
  const Locked locked(engine);
  bind_caller(engine);
  const ae::Graph &file = plan->plan.network().file;
  const ae::Job job{&plan->plan.network(), &plan->plan, &engine->pool, engine->arena};
  const int count = static_cast<int>(plan->plan.steps.size());
  if (capacity < count) {
    ae::fail("capacity is %d, expected %d steps", capacity, count);
    return -1;
  }
  for (int s = 0; s < count; ++s) {
    const ae::Step &step = plan->plan.steps[static_cast<size_t>(s)];
    const int64_t begin = now_ns();
    if (s == 0) {
      ae::load_image(job, image);
    } else {
      ae::run_step(job, step);
    }
    const int64_t end = now_ns();
    const int32_t node = step.node;
    steps[s] = {node < 0 ? "input" : file.name(file.node(static_cast<uint32_t>(node))),
                operation(*job.network, step), step.bits, end - begin,
                ae::macs_of(*job.network, step), ae::bytes_of(job, step)};
  }
  ae::read_codes(job, plan->plan.head, codes);
  return count;
}

}  // extern "C"
