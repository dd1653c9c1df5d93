#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "chitu_core/io/checkpoint.h"

namespace chitu::pipelines {

/// Encoded prompts on disk, for later runs: one safetensors file a prompt, named by the SHA-256 of
/// all that decides its bits: every byte of the text encoder's weights (weights_fingerprint) and
/// its config, the dtypes, the attention backend, the device and the version of libtorch. Where the
/// checkpoint lies is not among that. Of tokenizer and prompt the token ids are, which are all that
/// the text encoder sees of them.
///
/// A file appears whole or not at all, so runs may share a folder.
class PromptCache {
 public:
  /// One prompt, and how it is encoded.
  struct Prompt {
    at::Tensor ids;     ///< [1, n] int64 on the CPU, without padding
    std::int64_t rows;  ///< n or more: max_sequence_length
    at::ScalarType dtype;
    std::optional<at::ScalarType> stored;  ///< what the encoder's matrices wait in, if narrower
    c10::Device device;
    std::string attention;  ///< name of the backend
  };

  /// Leaves nothing behind: the folder is made with the first prompt stored. In one that is there,
  /// temporary files of killed processes are removed.
  ///
  /// throws  InputError "infer.prompt_cache=<folder>: cannot write: <reason>"
  PromptCache(std::filesystem::path folder, std::shared_ptr<const io::Checkpoint> text_encoder);

  /// Finds out which weights these are, which is done once and may take a while; see
  /// weights_fingerprint. The others do it where it was not done.
  void prepare(const std::function<void()>& between) const;

  /// What was stored for the prompt, [1, rows, D], on the prompt's device. A file that is damaged
  /// is told about in the log and removed.
  std::optional<at::Tensor> find(const Prompt& prompt) const;

  /// embeds  [1, rows, D], zero below the n rows of the prompt
  /// throws  InputError "<file>: cannot write: <reason>"
  void store(const Prompt& prompt, const at::Tensor& embeds) const;

 private:
  std::string key_of(const Prompt& prompt) const;
  std::filesystem::path file_of(const std::string& key) const;

  std::filesystem::path folder_;
  std::shared_ptr<const io::Checkpoint> weights_;
  std::string config_;               ///< its sum
  mutable std::string fingerprint_;  ///< of the weights; empty until it is known
};

}  // namespace chitu::pipelines
