// The last error of each thread, one line of text.
#pragma once

namespace ae {

// Keeps the message for ae_last_error; always returns false, so that checks read as sentences.
bool fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *last_error();

}  // namespace ae
