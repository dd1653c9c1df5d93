/// Times AutoencoderKLWan's decode on the orders of tools/bench/vae_vs_diffusers.py.
///
///     vae_bench VAE_FOLDER LATENTS.safetensors float32|bfloat16 THREADS
///
/// Loads, prints a line, then answers each line of standard input with one line: `run` with the
/// seconds and the processor seconds of one decode, `save FILE` after writing its frames, `peak`
/// with the most bytes that the process ever held.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/memory/weights.h"
#include "chitu_core/models/wan/vae.h"

namespace chitu {
namespace {

void answer(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

/// Seconds of one decode, by the wall clock and of all threads' processor time.
std::string decode_once(const models::AutoencoderKLWan& vae, const at::Tensor& latents) {
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t processor = std::clock();
  vae.decode(latents);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return fmt::format("{:.6f} {:.6f}", seconds.count(),
                     static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC);
}

long peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

int serve(const std::string& folder, const std::string& latents_file, const std::string& dtype) {
  const c10::InferenceMode inference;
  models::AutoencoderKLWan vae(
      models::WanVaeConfig::from_json(io::JsonObject::read(folder + "/config.json")));
  memory::bind_weights(vae, memory::FileWeights(folder),
                       {c10::kCPU, dtype == "bfloat16" ? at::kBFloat16 : at::kFloat});
  const at::Tensor latents = io::SafetensorsFile(latents_file).tensor("latents");
  answer("ready");
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "run")
      answer(decode_once(vae, latents));
    else if (line == "peak")
      answer(fmt::format("{}", peak_bytes()));
    else if (line.rfind("save ", 0) == 0) {
      io::write_safetensors(line.substr(5), {{"frames", vae.decode(latents).to(at::kFloat)}});
      answer("saved");
    }
  }
  return 0;
}

}  // namespace
}  // namespace chitu

int main(int count, char** arguments) {
  if (count != 5) {
    fmt::print(stderr, "usage: vae_bench VAE_FOLDER LATENTS.safetensors DTYPE THREADS\n");
    return 2;
  }
  try {
    at::set_num_threads(std::stoi(arguments[4]));
    return chitu::serve(arguments[1], arguments[2], arguments[3]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "vae_bench: {}\n", chitu::explain(error));
    return chitu::exit_code(error);
  }
}
