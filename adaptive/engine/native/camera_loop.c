/* A camera loop in plain C: opens a packed network and classifies frames, cooler when told so.
 *
 *   adaptive pack resnet8_cifar10 -o network.bin
 *   cc camera_loop.c -I. -L.. -ladaptive_engine -Wl,-rpath,'$ORIGIN/..' -o camera_loop
 *   ./camera_loop network.bin < frames.raw      # raw uint8 frames, rows of interleaved channels
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive_engine.h"

static int fail(void) {
  fprintf(stderr, "camera_loop: %s\n", ae_last_error());
  return 2;
}

int main(int argc, char **argv) {
  const ae_options options = {.threads = 1};
  ae_engine *engine = ae_open(argc > 1 ? argv[1] : "network.bin", &options);
  if (!engine) return fail();
  ae_network net;
  ae_describe(engine, &net);

  ae_plan *plans[2]; /* cool: every layer at 8 bits; accurate: at 16 */
  uint8_t bits[1024];
  for (int i = 0; i < 2; ++i) {
    memset(bits, i ? 16 : 8, sizeof bits);
    plans[i] = ae_plan_new(engine, bits, net.layers, AE_EXACT);
    if (!plans[i]) return fail();
  }
  const size_t size = (size_t)net.height * (size_t)net.width * (size_t)net.channels;
  uint8_t *frame = malloc(size);
  int32_t *codes = malloc((size_t)net.outputs * sizeof *codes);
  for (int n = 0; fread(frame, 1, size, stdin) == size; ++n) {
    if (ae_run(engine, plans[n % 2], frame, 1, codes) != 0) return fail();
    int best = 0;
    for (int i = 1; i < net.outputs; ++i) best = codes[i] > codes[best] ? i : best;
    printf("%d %d %d\n", n, best, codes[best]);
  }
  ae_plan_free(plans[0]), ae_plan_free(plans[1]);
  ae_close(engine);
  return 0;
}
