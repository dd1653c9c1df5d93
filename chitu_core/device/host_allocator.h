#pragma once

namespace chitu::device {

/// Makes tensors of the CPU reuse each other's memory, for programs that run models for long.
///
/// libtorch asks the C library for aligned blocks, and glibc serves these from holes that are
/// larger than the request alone: a block that was let go rarely holds the next one of its size, so
/// casts of weights piled up to the size of all weights. Here blocks are asked for without
/// alignment, a cache line larger, and aligned inside. Also lets the C library keep freed blocks
/// for the next ones: by default it gives larger ones back at once, and the kernel clears the pages
/// of every new one, 12 to 15 % of a step of 2304 tokens in bfloat16.
///
/// Process-wide; call before the first tensor is made. Does nothing the second time.
void reuse_host_memory();

/// What the error of that allocator begins with.
inline constexpr const char* kHostIsFull = "the CPU has no memory left";

}  // namespace chitu::device
