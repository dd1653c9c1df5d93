#pragma once

namespace chitu::device {

/// Makes CPU tensors reuse each other's memory, for programs that run models for long.
///
/// libtorch requests aligned blocks from the C library. glibc serves them only from holes that are
/// larger than the request, so a freed block rarely holds the next one of the same size: casts of
/// weights grew to the size of all weights. This allocator requests unaligned blocks, a cache line
/// larger, and aligns inside. It also makes the C library keep freed blocks: by default it returns
/// large ones to the system, and the kernel clears the pages of every new one, which takes 12 to 15
/// % of a step of 2304 tokens in bfloat16.
///
/// Process-wide. Call it before the first tensor is made; further calls do nothing.
void reuse_host_memory();

/// Start of that allocator's error text.
inline constexpr const char* kHostIsFull = "the CPU has no memory left";

}  // namespace chitu::device
