// A few threads that share the chunks of one task after another.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace ae {

// Waiting threads look for work for a bounded time, then sleep in the kernel: on a core that others
// want too, a thread that only spins keeps the one it waits for from running.
class Pool {
 public:
  using Work = void (*)(void *context, int chunk);

  Pool() = default;
  Pool(const Pool &) = delete;
  Pool &operator=(const Pool &) = delete;
  ~Pool();

  // `threads` counts the caller; bound to `cores` in turn where there are any.
  bool start(int threads, const int *cores, int core_count);

  // Calls `work` for chunks 0 to `count` - 1 on any thread; returns when all are done.
  void run(Work work, void *context, int count);

  int threads() const { return threads_; }

 private:
  static constexpr int kMost = 64;
  static void *enter(void *worker);
  void serve();
  void claim(uint32_t round, Work work, void *context, int count);

  // The task's number in the upper half, the next chunk to claim in the lower: a thread that comes
  // late cannot claim a chunk of a later task with the work of an earlier one.
  std::atomic<uint64_t> next_{0};
  std::atomic<uint32_t> round_{0};  // the task's number; also what sleepers wait on
  std::atomic<int> sleepers_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<int32_t> done_{0};
  std::atomic<bool> stop_{false};
  std::atomic<Work> work_{nullptr};
  std::atomic<void *> context_{nullptr};
  std::atomic<int> count_{0};

  int threads_ = 1;
  int started_ = 0;
  pthread_t workers_[kMost];
};

}  // namespace ae
