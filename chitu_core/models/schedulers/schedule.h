#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// `count` numbers from `first` to `last`, both included; one number is `first`.
std::vector<double> linspace(double first, double last, std::int64_t count);

/// shift * s / (1 + (shift - 1) * s): moves a schedule towards noise when shift is above 1.
/// source  Esser et al. 2024 (Stable Diffusion 3), arXiv:2403.03206, eq. 23
template <class T>
void shift_sigmas(std::vector<T>& sigmas, double shift) {
  const T factor = static_cast<T>(shift), extra = static_cast<T>(shift - 1);
  for (T& s : sigmas) s = factor * s / (T{1} + extra * s);
}

/// Rescales a schedule so that its last sigma is `terminal`.
template <class T>
void stretch_to_terminal(std::vector<T>& sigmas, double terminal) {
  const T scale = (T{1} - sigmas.back()) / static_cast<T>(1 - terminal);
  for (T& s : sigmas) s = T{1} - (T{1} - s) / scale;
}

/// factor * velocity, rounded where diffusers rounds: a bfloat16 or float16 velocity keeps its
/// dtype, and on the CPU the factor is rounded to that dtype before the product.
at::Tensor times(float factor, const at::Tensor& velocity);

/// Throws InputError for the first of `keys` that is true.
void refuse_true(const io::JsonObject& config, std::initializer_list<const char*> keys);
/// The key's text. Throws InputError unless it is one of `allowed`.
std::string one_of(const io::JsonObject& config, const char* key, const std::string& fallback,
                   const std::vector<std::string>& allowed);
/// The key's number above 0. Throws InputError otherwise.
double positive(const io::JsonObject& config, const char* key, double fallback);
/// shift_terminal; empty if missing, null or 0. Throws InputError unless it is between 0 and 1.
std::optional<double> shift_terminal(const io::JsonObject& config);
/// num_train_timesteps; 1000 if missing.
std::int64_t num_train_timesteps(const io::JsonObject& config);
/// Throws InputError unless 1 <= num_inference_steps <= most.
void check_steps(std::int64_t num_inference_steps, std::int64_t most);

}  // namespace chitu::models
