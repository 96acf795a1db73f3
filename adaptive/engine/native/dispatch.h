// Which kernel set runs.
#pragma once

#include "kernels.h"

namespace ae {

// The set of this name; with none, of the variable ADAPTIVE_ISA, else the fastest this machine
// runs. Null with an error set if there is no such set or this machine lacks its instructions.
const Kernels *choose_kernels(const char *name);

// Names of the sets this machine runs, separated by commas.
const char *kernel_names();

}  // namespace ae
