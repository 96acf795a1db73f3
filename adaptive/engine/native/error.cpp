#include "error.h"

#include <cstdarg>
#include <cstdio>

namespace ae {
namespace {
thread_local char text[512];
}

bool fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return false;
}

const char *last_error() { return text; }

}  // namespace ae
