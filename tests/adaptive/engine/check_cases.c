/* Runs a file of cases written by tests/support/engine_cases.py and compares every code.
 *
 *     check_cases FILE [THREADS]
 *
 * Prints what differs first, then a line of counts; exits 0 if nothing differs, 1 if something does,
 * 2 on a file or an engine that cannot be used. */
#include <stdio.h>
#include <stdlib.h>

#include "adaptive_engine.h"

typedef struct {
  uint64_t packed, layers, plans, images, image_bytes, outputs;
} sizes;

static size_t aligned(size_t at) { return (at + 63) / 64 * 64; }

static uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) return NULL;
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = aligned_alloc(64, aligned(*size + 1));
  const int whole = bytes && fread(bytes, 1, *size, file) == *size;
  fclose(file);
  return whole ? bytes : NULL;
}

/* Compares one plan; returns how many codes differ, or -1 if the engine cannot run it. */
static long run_plan(ae_engine *engine, int number, const sizes *h, const uint8_t *bits,
                     const uint8_t *images, const int32_t *expected, int32_t *codes) {
  const int width = bits[h->layers], head = bits[h->layers + 1]; /* their numbers follow the bits */
  ae_plan *plan = ae_plan_at(engine, bits, (int)h->layers, AE_EXACT, width, head);
  if (!plan || ae_run(engine, plan, images, (int)h->images, codes) != 0) {
    fprintf(stderr, "check_cases: case %d: %s\n", number, ae_last_error());
    return -1;
  }
  ae_plan_free(plan);
  long wrong = 0;
  for (uint64_t i = 0; i < h->images * h->outputs; ++i) {
    if (codes[i] == expected[i]) continue;
    if (!wrong++) {
      fprintf(stderr, "case %d, first bits %d, code %lu: %d, expected %d\n", number, bits[0],
              (unsigned long)i, (int)codes[i], (int)expected[i]);
    }
  }
  return wrong;
}

int main(int argc, char **argv) {
  size_t size = 0;
  uint8_t *file = argc > 1 ? read_file(argv[1], &size) : NULL;
  if (!file) {
    fprintf(stderr, "usage: check_cases FILE [THREADS]\n");
    return 2;
  }
  ae_options options = {0};
  options.threads = argc > 2 ? atoi(argv[2]) : 1;
  char isa[32] = "none";
  long wrong = 0, compared = 0;
  int number = 0;
  for (size_t at = 0; at < size; ++number) {
    const sizes *h = (const sizes *)(file + at);
    const uint8_t *packed = file + at + 64;
    const uint8_t *bits = packed + aligned(h->packed);
    const uint8_t *images = bits + h->plans * (h->layers + 2);
    const size_t codes_a_plan = h->images * h->outputs;
    at = aligned((size_t)(images - file) + h->images * h->image_bytes);
    const int32_t *expected = (const int32_t *)(file + at);
    at = aligned(at + 4 * h->plans * codes_a_plan);
    ae_engine *engine = ae_open_memory(packed, h->packed, &options);
    int32_t *codes = calloc(codes_a_plan, sizeof *codes);
    if (!engine || !codes) {
      fprintf(stderr, "check_cases: case %d: %s\n", number, ae_last_error());
      return 2;
    }
    snprintf(isa, sizeof isa, "%s", ae_isa(engine));
    for (uint64_t p = 0; p < h->plans; ++p) {
      const long found = run_plan(engine, number, h, bits + p * (h->layers + 2), images,
                                  expected + p * codes_a_plan, codes);
      if (found < 0) return 2;
      wrong += found;
      compared += (long)codes_a_plan;
    }
    free(codes);
    ae_close(engine);
  }
  free(file);
  printf("%s: %d cases, %ld codes compared, %ld differ\n", isa, number, compared, wrong);
  return wrong != 0;
}
