#include "pool.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "error.h"

namespace ae {
namespace {

constexpr int kSpins = 2000;  // some tens of microseconds: longer than the gap between two layers

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

// Sleeps while `*at` is `value`.
template <class T>
void wait_while(std::atomic<T> &at, T value) {
  static_assert(sizeof(at) == 4, "the kernel waits on 32 bits");
  syscall(SYS_futex, &at, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

template <class T>
void wake_all(std::atomic<T> &at) {
  syscall(SYS_futex, &at, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

constexpr uint64_t kClosed = 0xFFFFFFFFu;

uint64_t ticket(uint32_t round, uint64_t chunk) { return uint64_t{round} << 32 | chunk; }

}  // namespace

bool Pool::start(int threads, const int *cores, int core_count) {
  if (threads < 1 || threads > kMost) {
    return fail("threads is %d, expected 1 to %d", threads, kMost);
  }
  for (threads_ = 1; threads_ < threads; ++threads_) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (core_count > 0) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(static_cast<size_t>(cores[threads_ % core_count]), &set);
      pthread_attr_setaffinity_np(&attributes, sizeof set, &set);
    }
    const int error = pthread_create(&workers_[started_], &attributes, enter, this);
    pthread_attr_destroy(&attributes);
    if (error != 0) return fail("thread %d: %s", threads_, std::strerror(error));
    ++started_;
  }
  return true;
}

Pool::~Pool() {
  stop_.store(true);
  round_.fetch_add(1);
  wake_all(round_);
  for (int i = 0; i < started_; ++i) pthread_join(workers_[i], nullptr);
}

void *Pool::enter(void *pool) {
  static_cast<Pool *>(pool)->serve();
  return nullptr;
}

void Pool::serve() {
  uint32_t seen = 0;
  for (;;) {
    for (int spin = 0; round_.load(std::memory_order_acquire) == seen && spin < kSpins; ++spin) {
      pause();
    }
    while (round_.load() == seen) {
      sleepers_.fetch_add(1);
      wait_while(round_, seen);
      sleepers_.fetch_sub(1);
    }
    seen = round_.load();
    // Looked at after the round: the last one is only raised once this is set.
    if (stop_.load()) return;
    const Work work = work_.load();
    void *const context = context_.load();
    claim(seen, work, context, count_.load());
  }
}

// Claims chunks of one round until there are none left. What was read of the task may belong to a
// later round; then the ticket does not fit and nothing is claimed.
void Pool::claim(uint32_t round, Work work, void *context, int count) {
  uint64_t next = next_.load();
  while (next >> 32 == round && (next & kClosed) < static_cast<uint64_t>(count)) {
    if (!next_.compare_exchange_weak(next, next + 1)) continue;
    work(context, static_cast<int>(next & kClosed));
    done_.fetch_add(1);
    if (caller_sleeps_.load() && done_.load() == count) wake_all(done_);
    next = next_.load();
  }
}

void Pool::run(Work work, void *context, int count) {
  if (threads_ == 1 || count == 1) {
    for (int chunk = 0; chunk < count; ++chunk) work(context, chunk);
    return;
  }
  const uint32_t round = round_.load() + 1;
  next_.store(ticket(round, kClosed));
  work_.store(work);
  context_.store(context);
  count_.store(count);
  done_.store(0);
  next_.store(ticket(round, 0));
  round_.store(round);
  if (sleepers_.load() > 0) wake_all(round_);
  claim(round, work, context, count);
  for (int spin = 0; done_.load(std::memory_order_acquire) != count && spin < kSpins; ++spin) {
    pause();
  }
  for (int32_t done = done_.load(); done != count; done = done_.load()) {
    caller_sleeps_.store(true);
    done = done_.load();
    if (done != count) wait_while(done_, done);
    caller_sleeps_.store(false);
  }
}

}  // namespace ae
