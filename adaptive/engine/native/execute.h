// Runs the steps of a plan on one image.
#pragma once

#include "plan.h"
#include "pool.h"

namespace ae {

// What a run works on; `codes` receives the answer.
struct Job {
  const Network *network;
  const Plan *plan;
  Pool *pool;
  uint8_t *arena;
};

void load_image(const Job &job, const uint8_t *image);
void run_step(const Job &job, const Step &step);
// The answer in a buffer.
void read_codes(const Job &job, int32_t buffer, int32_t *codes);

// Products and bytes of one step, for one image.
int64_t macs_of(const Network &network, const Step &step);
int64_t bytes_of(const Job &job, const Step &step);

}  // namespace ae
