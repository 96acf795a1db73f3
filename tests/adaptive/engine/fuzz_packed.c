/* Opens damaged copies of a packed network and runs those that are let through.
 *
 *     fuzz_packed FILE COUNT SEED
 *
 * Each copy lies in memory of exactly its size, so that a sanitizer sees every byte read beyond it.
 * Most have a checksum that fits the damage: what is looked at is the reader behind it. Prints how
 * many were refused and how many ran; exits 0 unless a refusal came without a message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive_engine.h"

enum { kCrcAt = 12, kBehindCrc = 16, kLargestImage = 1 << 20 };

static uint64_t state;

static uint32_t draw(uint32_t below) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return below ? (uint32_t)(state >> 20) % below : 0;
}

static uint32_t crc32(const uint8_t *bytes, size_t size) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int k = 0; k < 8; ++k) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/* Changes a few bytes or numbers, mostly in the tables before the weights, or cuts the file. */
static size_t damage(uint8_t *bytes, size_t size) {
  static const uint32_t numbers[] = {0,          1,          2,          3,          4,
                                     16,         64,         127,        255,        256,
                                     0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 1u << 20};
  const int changes = 1 + (int)draw(4);
  for (int i = 0; i < changes; ++i) {
    const size_t reach = draw(4) ? (size < 2048 ? size : 2048) : size;
    const size_t at = draw((uint32_t)reach);
    switch (draw(4)) {
      case 0:
        bytes[at] = (uint8_t)draw(256);
        break;
      case 1:
        bytes[at] ^= (uint8_t)(1u << draw(8));
        break;
      default:
        if (at / 4 * 4 + 4 <= size) {
          uint32_t value = numbers[draw(sizeof numbers / sizeof *numbers)];
          if (!draw(3)) {
            memcpy(&value, bytes + at / 4 * 4, 4);
            value += draw(2) ? 1u : ~0u;
          }
          memcpy(bytes + at / 4 * 4, &value, 4);
        }
    }
  }
  return draw(20) ? size : draw((uint32_t)size + 1);
}

/* Corrects the length and the checksum of a damaged file. */
static void seal(uint8_t *bytes, size_t size) {
  if (size <= kBehindCrc + 8) return;
  const uint64_t length = size;
  memcpy(bytes + kBehindCrc, &length, 8);
  const uint32_t crc = crc32(bytes + kBehindCrc, size - kBehindCrc);
  memcpy(bytes + kCrcAt, &crc, 4);
}

static int has_message(void) { return ae_last_error()[0] != '\0'; }

/* Runs what was let through at two plans, the second at any width and head; returns 0 if something failed without a message. */
static int run(ae_engine *engine) {
  ae_network net;
  ae_describe(engine, &net);
  const double pixels = (double)net.height * net.width * net.channels;
  if (pixels > kLargestImage || net.outputs > kLargestImage) return 1;
  uint8_t *image = calloc((size_t)pixels, 1), *bits = malloc((size_t)net.layers);
  int32_t *codes = malloc(4 * (size_t)net.outputs);
  int fine = image && bits && codes;
  for (int eight = 0; fine && eight < 2; ++eight) {
    memset(bits, eight ? 8 : 16, (size_t)net.layers);
    const int width = eight ? (int)draw((uint32_t)net.widths) : 0;
    const int head = eight ? (int)draw((uint32_t)net.heads) : 0;
    ae_plan *plan = ae_plan_at(engine, bits, net.layers, AE_EXACT, width, head);
    if (!plan) {
      fine = has_message();
      continue;
    }
    if (ae_plan_arena_bytes(plan) < kLargestImage && ae_plan_outputs(plan) <= kLargestImage) {
      codes = realloc(codes, 4 * (size_t)ae_plan_outputs(plan));
      fine = ae_run(engine, plan, image, 1, codes) == 0 || has_message();
    }
    ae_plan_free(plan);
  }
  free(image), free(bits), free(codes);
  return fine;
}

int main(int argc, char **argv) {
  FILE *file = argc == 4 ? fopen(argv[1], "rb") : NULL;
  if (!file) {
    fprintf(stderr, "usage: fuzz_packed FILE COUNT SEED\n");
    return 2;
  }
  fseek(file, 0, SEEK_END);
  const size_t size = (size_t)ftell(file);
  rewind(file);
  uint8_t *whole = malloc(size);
  if (!whole || fread(whole, 1, size, file) != size) return 2;
  fclose(file);
  const long count = atol(argv[2]);
  state = 88172645463325252ull + strtoull(argv[3], NULL, 10) * 2654435761u;
  const ae_options options = {0};
  long refused = 0, ran = 0, silent = 0;
  for (long i = 0; i < count; ++i) {
    uint8_t *changed = aligned_alloc(64, (size + 63) / 64 * 64);
    memcpy(changed, whole, size);
    const size_t left = damage(changed, size);
    if (draw(10)) seal(changed, left);
    uint8_t *copy = NULL;
    if (posix_memalign((void **)&copy, 64, left ? left : 1)) return 2;
    memcpy(copy, changed, left);
    free(changed);
    ae_engine *engine = ae_open_memory(copy, left, &options);
    if (!engine) {
      ++refused;
      silent += !has_message();
    } else {
      ++ran;
      silent += !run(engine);
      ae_close(engine);
    }
    free(copy);
  }
  free(whole);
  printf("%ld refused, %ld ran, %ld without a message\n", refused, ran, silent);
  return silent != 0;
}
