#include "dispatch.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "error.h"

namespace ae {

const Kernels *const kKernelSets[] = {
#if defined(AE_X86)
    &kAvx512Vnni, &kAvx2,
#elif defined(AE_AARCH64)
    &kNeonDot, &kNeon,
#elif defined(AE_ARMV7)
    &kArmv7Neon,
#endif
    &kPortable,
};
const int kKernelSetCount = static_cast<int>(sizeof kKernelSets / sizeof *kKernelSets);

const char *kernel_names() {
  static thread_local char names[128];
  names[0] = '\0';
  for (const Kernels *set : kKernelSets) {
    if (!set->runs_here()) continue;
    const size_t length = std::strlen(names);
    std::snprintf(names + length, sizeof names - length, "%s%s", length ? "," : "", set->name);
  }
  return names;
}

const Kernels *choose_kernels(const char *name) {
  if (name == nullptr || *name == '\0') name = std::getenv("ADAPTIVE_ISA");
  const bool named = name != nullptr && *name != '\0';
  for (const Kernels *set : kKernelSets) {
    if (named ? std::strcmp(set->name, name) == 0 : set->runs_here()) {
      if (set->runs_here()) return set;
      fail("this machine lacks the instructions of kernel set %s, expected one of %s", name,
           kernel_names());
      return nullptr;
    }
  }
  fail("kernel set is '%s', expected one of %s", name, kernel_names());
  return nullptr;
}

}  // namespace ae
