/* The page in which adaptived publishes the current plan, for applications in C.
 *
 * Map the file named in the answer to a lease (by default /run/adaptived/plan), and read it with
 * adaptived_read_plan(): it copies the current slot, checks its CRC and tries again if the writer
 * overtook it. All numbers are little-endian. The same bytes in Python: adaptive/link/page.py.
 */
#ifndef ADAPTIVED_H
#define ADAPTIVED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ADAPTIVED_SOCKET "/run/adaptived/control.sock" /* SOCK_SEQPACKET, one JSON object a packet */
#define ADAPTIVED_PAGE_SIZE 8192
#define ADAPTIVED_LARGEST_PLAN 1024

struct adaptived_plan {
    uint32_t crc;          /* CRC-32 (zlib's) of everything behind it, up to the last layer */
    uint32_t sequence;     /* rises with each change; 0 = none yet */
    double time_s;         /* when it was published, CLOCK_BOOTTIME */
    double duty;           /* share of the time to work, 0..1 */
    double frequency_hz;
    double width;          /* share of the channels that run, 0..1 */
    double latency_s;      /* expected for a frame */
    uint64_t cpus;         /* bit n: processor n */
    uint32_t layers;
    uint32_t goes_on;      /* whether it goes on where the likeliest node is below the threshold */
    char point[96], level[32], head[32];
    double threshold;      /* of probability, 0..1; these are 0 where it does not go on */
    double onward_share;   /* of the images that are expected to go on */
    double onward_width;
    char onward_head[32];
    uint8_t bits[2 * ADAPTIVED_LARGEST_PLAN]; /* of each layer; then those of what it goes on to */
};

struct adaptived_heat {
    uint32_t crc, pad;
    double time_s, hottest_degc, cap_degc;
    double headroom;       /* 1.0 = the cap, 0 = 30 K below it or more */
    uint32_t safe;         /* the safety guard has overruled the governor */
};

static inline uint32_t adaptived_crc32(const void *data, size_t size)
{
    const uint8_t *byte = data;
    uint32_t crc = 0xffffffffu;
    while (size--) {
        crc ^= *byte++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1u));
    }
    return ~crc;
}

/* Return 1 and fill *plan, or 0 if there is none or it stays torn: keep the last one then. */
static inline int adaptived_read_plan(const void *page, struct adaptived_plan *plan)
{
    const uint8_t *bytes = page;
    const size_t fixed = offsetof(struct adaptived_plan, bits);
    if (memcmp(bytes, "ADAPTPG2", 8) != 0)
        return 0;
    for (int tries = 0; tries < 4; tries++) {
        uint32_t turn = __atomic_load_n((const uint32_t *)(bytes + 16), __ATOMIC_ACQUIRE);
        memcpy(plan, bytes + (turn & 1 ? 4096 : 256), sizeof *plan);
        if (plan->sequence && plan->layers <= ADAPTIVED_LARGEST_PLAN &&
            plan->crc == adaptived_crc32(&plan->sequence,
                                         fixed - 4 + plan->layers * (plan->goes_on ? 2 : 1)))
            return 1;
    }
    return 0;
}

static inline int adaptived_read_heat(const void *page, struct adaptived_heat *heat)
{
    const uint8_t *bytes = page;
    for (int tries = 0; tries < 4; tries++) {
        uint32_t turn = __atomic_load_n((const uint32_t *)(bytes + 20), __ATOMIC_ACQUIRE);
        memcpy(heat, bytes + (turn & 1 ? 128 : 64), sizeof *heat);
        if (heat->crc == adaptived_crc32(&heat->pad, offsetof(struct adaptived_heat, safe)))
            return 1;
    }
    return 0;
}

#endif
