#include <cstdint>
#include <iterator>

#include "chitu_core/common/error.h"
#include "pipelines/model/pipeline.h"
#include "tests/fuzz/scratch.h"

/// Any bytes, cut at zero bytes: the configs of a checkpoint folder, opened as a plan opens it,
/// without weights, or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr const char* kFiles[] = {
      "model_index.json", "transformer/config.json",         "text_encoder/config.json",
      "vae/config.json",  "scheduler/scheduler_config.json", "generation_config.json"};
  const auto parts =
      chitu::fuzz::pieces({reinterpret_cast<const char*>(data), size}, std::size(kFiles));
  for (std::size_t i = 0; i < std::size(kFiles); ++i)
    chitu::fuzz::write_scratch(kFiles[i], parts[i]);
  try {
    const auto pipeline = chitu::pipelines::open_pipeline(chitu::fuzz::scratch_folder(),
                                                          {.device = c10::kCPU, .for_plan = true});
    chitu::pipelines::complete(*pipeline, {});
  } catch (const chitu::InputError&) {
  }
  return 0;
}
