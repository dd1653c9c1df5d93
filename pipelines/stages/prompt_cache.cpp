#include "pipelines/stages/prompt_cache.h"

#include <ATen/ATen.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <torch/headeronly/version.h>

#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/cpu_model.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/log.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/io/hash.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/stages/weights_fingerprint.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

constexpr int kFormat = 2;
constexpr const char* kTensor = "prompt_embeds";

[[noreturn]] void refuse_folder(const fs::path& folder, int error) {
  throw InputError(fmt::format("infer.prompt_cache={}: cannot write: {}", folder.string(),
                               std::generic_category().message(error)));
}

/// The kind and the model of the device. Libtorch has no common name for the model of an
/// accelerator, so its memory is used instead.
std::string device_name(c10::Device device) {
  const std::string kind = c10::DeviceTypeName(device.type());
  if (device::has_host_kernels(device))
    return fmt::format("{} {} {}", kind, to_string(cpu_capability()), cpu_model());
  return fmt::format("{} of {} bytes", kind, device::memory_room(device).total_bytes);
}

std::string sum_of(const at::Tensor& contiguous) {
  return io::sha256({static_cast<const char*>(contiguous.const_data_ptr()), contiguous.nbytes()});
}

/// The embeddings in a file, checked against all that is known of the prompt.
at::Tensor read_rows(const fs::path& path, const std::string& key,
                     const PromptCache::Prompt& prompt) {
  const auto fail = [&](const char* problem) { throw InputError(path.string() + ": " + problem); };
  const io::SafetensorsFile file(path);
  const auto said = [&](const char* name) {
    const auto found = file.metadata().find(name);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  if (said("key") != key) fail("made for another prompt");
  const at::Tensor rows = file.tensor(kTensor);
  if (rows.scalar_type() != prompt.dtype || rows.dim() != 3 || rows.size(0) != 1 ||
      rows.size(1) != prompt.used_rows())
    fail("another dtype or shape than the prompt has");
  if (said("sha256") != sum_of(rows)) fail("the data do not match their checksum");
  return rows;
}

}  // namespace

PromptCache::PromptCache(fs::path folder, std::shared_ptr<const io::Checkpoint> text_encoder,
                         const fs::path& config)
    : folder_(std::move(folder)),
      weights_(std::move(text_encoder)),
      config_(io::sha256(read_file(config))) {
  check_output_folder("infer.prompt_cache=" + folder_.string(), folder_);
  remove_abandoned(folder_);
}

void PromptCache::prepare(const std::function<void()>& between) const {
  if (fingerprint_.empty()) fingerprint_ = weights_fingerprint(*weights_, folder_, between);
}

std::string PromptCache::key_of(const Prompt& prompt) const {
  prepare([] {});
  const std::int64_t* ids = prompt.ids.const_data_ptr<std::int64_t>();
  // Another device, or another version of libtorch, may round differently.
  const nlohmann::json key{{"format", kFormat},
                           {"weights", fingerprint_},
                           {"config", config_},
                           {"ids", std::vector<std::int64_t>(ids, ids + prompt.ids.numel())},
                           {"max_sequence_length", prompt.rows.count},
                           {"dtype", c10::toString(prompt.dtype)},
                           {"stored", c10::toString(prompt.stored.value_or(prompt.dtype))},
                           {"attention", prompt.attention},
                           {"device", device_name(prompt.device)},
                           {"bfloat16_instructions", has_bfloat16_instructions()},
                           {"libtorch", TORCH_VERSION}};
  return io::sha256(key.dump());
}

fs::path PromptCache::file_of(const std::string& key) const {
  return folder_ / (key + ".safetensors");
}

std::optional<at::Tensor> PromptCache::find(const Prompt& prompt) const {
  const std::string key = key_of(prompt);
  const fs::path path = file_of(key);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  try {
    const at::Tensor rows = read_rows(path, key, prompt);
    return at::constant_pad_nd(rows, {0, 0, 0, prompt.rows.count - rows.size(1)}).to(prompt.device);
  } catch (const InputError& error) {
    logger("prompt_cache")->warn("{}; encoding the prompt again", error.what());
  }
  fs::remove(path, ignored);
  return std::nullopt;
}

void PromptCache::store(const Prompt& prompt, const at::Tensor& embeds) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) refuse_folder(folder_, error.value());
  const std::string key = key_of(prompt);
  const at::Tensor rows = embeds.narrow(1, 0, prompt.used_rows()).cpu().contiguous();
  io::write_safetensors(file_of(key), {{kTensor, rows}}, {{"key", key}, {"sha256", sum_of(rows)}});
}

}  // namespace chitu::pipelines
