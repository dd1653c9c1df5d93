#pragma once

/// Before a function: compile it for AVX-512, for AVX2 and for any processor, and let the loader
/// pick. A macro, because other architectures must not see the attribute.
#if defined(__x86_64__) && defined(__gnu_linux__)
#define CHITU_CPU_CLONES [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
#else
#define CHITU_CPU_CLONES
#endif

/// Before a loop: its pointers do not overlap. Said here, because `restrict` does not survive
/// inlining, and without it a loop that narrows to 16 bits stays scalar.
#if defined(__clang__)
#define CHITU_NO_OVERLAP _Pragma("clang loop vectorize(assume_safety)")
#else
#define CHITU_NO_OVERLAP _Pragma("GCC ivdep")
#endif
