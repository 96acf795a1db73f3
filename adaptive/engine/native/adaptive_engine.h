/* The native integer engine: one weight set whose layers run at 16 or 8 bits, chosen by a plan.
 *
 * A file written by `adaptive pack` is opened once and mapped into memory; plans are cheap views of
 * it. Every function that can fail returns NULL or a negative number and leaves one line of text
 * behind ae_last_error(). An engine may be used from any thread: runs of one engine wait for each
 * other. */
#ifndef ADAPTIVE_ENGINE_H
#define ADAPTIVE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

#define AE_ABI_VERSION 3

typedef struct ae_engine ae_engine;
typedef struct ae_plan ae_plan;

/* How an engine runs. Zeroes mean: one thread, any core, the fastest kernels this machine has. */
typedef struct {
  int threads;      /* threads that share each layer, the caller's among them */
  const int *cores; /* cores the threads are bound to, or NULL */
  int core_count;
  const char *isa; /* "portable", "avx2", ...; NULL asks the variable ADAPTIVE_ISA, then the CPU */
} ae_options;

/* A thread that runs networks needs 96 KiB of stack. */

/* What a network reads and answers. */
typedef struct {
  int height, width, channels; /* of the uint8 image, rows of pixels of interleaved channels */
  int outputs;                 /* int32 codes answered for each image, by the first head */
  int layers;                  /* layers that have bits */
  int carries_16, carries_8, carries_4;
  int widths, heads; /* how many there are to choose from, the whole network first */
} ae_network;

/* AE_EXACT sums all four byte products of a 16-bit layer; AE_FAST drops low x low. */
typedef enum { AE_EXACT = 0, AE_FAST = 1 } ae_mode;

/* What one step of a plan did. */
typedef struct {
  const char *name; /* of the node of the graph; owned by the engine */
  const char *operation;
  int bits; /* 0 where the plan has no say */
  int64_t nanoseconds;
  int64_t macs;
  int64_t bytes; /* weights, activations read and written */
} ae_step;

int ae_abi_version(void);

/* The last error of this thread, one line; never NULL. */
const char *ae_last_error(void);

/* Names of the kernel sets this machine can run, fastest first, separated by commas. */
const char *ae_isa_names(void);

/* Open a packed network: from a file, or from memory that outlives the engine. */
ae_engine *ae_open(const char *path, const ae_options *options);
ae_engine *ae_open_memory(const void *bytes, size_t size, const ae_options *options);
void ae_close(ae_engine *engine);

void ae_describe(const ae_engine *engine, ae_network *network);
const char *ae_layer_name(const ae_engine *engine, int layer);
const char *ae_isa(const ae_engine *engine);
const char *ae_manifest(const ae_engine *engine, size_t *size);

/* Compile a plan: `bits` holds 16, 8 or 4 for each of `layers` layers in network order. Free it
 * before its engine is closed. */
ae_plan *ae_plan_new(ae_engine *engine, const uint8_t *bits, int layers, ae_mode mode);

/* The same of a narrower network and of an earlier head, by their numbers: what the head does not
 * need is not run. */
ae_plan *ae_plan_at(ae_engine *engine, const uint8_t *bits, int layers, ae_mode mode, int width,
                    int head);

/* A plan that answers with one head and, where that is unsure, goes on to another: what both need
 * runs once. `bits` are those of both. */
ae_plan *ae_plan_onward(ae_engine *engine, const uint8_t *bits, int layers, ae_mode mode, int width,
                        int first_head, int head);
void ae_plan_free(ae_plan *plan);

/* Bytes of activations: what the plan's arena holds, and the most that is alive at any time. */
size_t ae_plan_arena_bytes(const ae_plan *plan);
size_t ae_plan_live_bytes(const ae_plan *plan);
int ae_plan_outputs(const ae_plan *plan); /* codes answered for each image */
int ae_plan_first_outputs(const ae_plan *plan); /* by the first head, 0 where there is none */
int ae_plan_steps(const ae_plan *plan);

/* Classify `count` images one after the other; `codes` receives outputs x count numbers. */
int ae_run(ae_engine *engine, const ae_plan *plan, const uint8_t *images, int count,
           int32_t *codes);

/* Whether to go on, asked of the first head's codes; it must not run this engine itself. */
typedef int (*ae_unsure)(const int32_t *codes, void *context);

/* Classify images with a plan made by ae_plan_onward. `first` receives the first head's codes of
 * every image; the codes of those that go on follow one another in `codes`, and `went_on` tells
 * which they are. Returns how many went on. */
int ae_run_onward(ae_engine *engine, const ae_plan *plan, const uint8_t *images, int count,
                  ae_unsure unsure, void *context, int32_t *first, int32_t *codes,
                  uint8_t *went_on);

/* Classify one image and tell what each step took; returns the number of steps. */
int ae_profile(ae_engine *engine, const ae_plan *plan, const uint8_t *image, int32_t *codes,
               ae_step *steps, int capacity);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif
