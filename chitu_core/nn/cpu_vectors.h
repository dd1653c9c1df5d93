#pragma once

#include <cstdint>

namespace chitu::nn {

/// Vectors of `lanes` float32 numbers for kernels that run_cpu_kernel() compiles for each
/// instruction set. Functions take them by reference: by value, each set would have its own calling
/// convention.
template <int lanes>
struct Vector {
  using Floats [[gnu::vector_size(lanes * 4)]] = float;
  using Integers [[gnu::vector_size(lanes * 4)]] = std::int32_t;
};

template <class Floats>
[[gnu::always_inline]] inline void load(Floats& vector, const float* from) {
  __builtin_memcpy(&vector, from, sizeof(Floats));
}

template <class Floats>
[[gnu::always_inline]] inline void store(float* to, const Floats& vector) {
  __builtin_memcpy(to, &vector, sizeof(Floats));
}

/// x = 2^x for x of at most 0, within 3 units in the last place; below -126 it stays 2^-126. NaN
/// stays NaN. A polynomial for the fraction, fitted for the least relative error, times a power of
/// two.
template <int lanes>
[[gnu::always_inline]] inline void power_of_two(typename Vector<lanes>::Floats& x) {
  using Floats = typename Vector<lanes>::Floats;
  using Integers = typename Vector<lanes>::Integers;
  // 1.5 * 2^23 + 127: adding it rounds to an integer, whose biased exponent is in the lowest bits.
  constexpr float kRounder = 12583039.0F;
  const Floats least = Floats{} - 126.0F;
  x = x < least ? least : x;
  const Floats rounded = x + kRounder;
  const Floats fraction = x - (rounded - kRounder);
  Floats polynomial = fraction * 1.3264727e-3F + 9.671513e-3F;
  polynomial = polynomial * fraction + 5.5507336e-2F;
  polynomial = polynomial * fraction + 2.4022242e-1F;
  polynomial = polynomial * fraction + 6.93147e-1F;
  polynomial = polynomial * fraction + 1.0F;
  Integers bits;
  __builtin_memcpy(&bits, &rounded, sizeof(bits));
  bits <<= 23;
  Floats power;
  __builtin_memcpy(&power, &bits, sizeof(power));
  x = polynomial * power;
}

}  // namespace chitu::nn
