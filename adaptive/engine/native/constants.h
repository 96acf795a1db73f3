// The constants of a layer at one precision, as kernels take them.
#pragma once

#include "network.h"

namespace ae {

constexpr int64_t kDerived = 11;  // numbers of 32 bits for each channel beside those in the file

// Constants of `channels` channels; what is not in the file is written to `room`.
Constants derive_constants(const Network &network, const FileNode &node, int slot,
                           int64_t channels, int32_t *room);

}  // namespace ae
