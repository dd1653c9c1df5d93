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

/// The embeddings of one prompt: a row for each token after the dropped ones, then zeros.
struct PromptRows {
  std::int64_t count = 0;    ///< zeros included
  std::int64_t dropped = 0;  ///< first tokens that get no row, such as those of a template
};

/// Encoded prompts on disk, for later runs: one safetensors file per prompt. Its name is the
/// SHA-256 of everything that decides its bits: the text encoder's weights (weights_fingerprint)
/// and config, the dtypes, the attention backend, the device, the version of libtorch, and the
/// token ids of the prompt, which are all that the text encoder gets from prompt and tokenizer. The
/// location of the checkpoint is not part of it.
///
/// A file appears complete or not at all, so runs may share a folder.
class PromptCache {
 public:
  /// One prompt, and the settings that encode it.
  struct Prompt {
    at::Tensor ids;  ///< [1, n] int64 on the CPU, without padding
    PromptRows rows;
    at::ScalarType dtype;
    std::optional<at::ScalarType> stored;  ///< dtype of the encoder's matrices, if narrower
    c10::Device device;
    std::string attention;  ///< name of the backend

    /// Rows that are tokens.
    std::int64_t used_rows() const { return ids.size(1) - rows.dropped; }
  };

  /// Creates nothing yet: the folder is made with the first prompt. If it exists, temporary files
  /// of killed processes are removed.
  ///
  /// config  of the text encoder
  /// throws  InputError "infer.prompt_cache=<folder>: cannot write: <reason>"
  PromptCache(std::filesystem::path folder, std::shared_ptr<const io::Checkpoint> text_encoder,
              const std::filesystem::path& config);

  /// Finds the fingerprint of the weights, once; this may take a while, see weights_fingerprint().
  /// The other functions call it if necessary.
  void prepare(const std::function<void()>& between) const;

  /// The stored embeddings of the prompt, [1, rows, D], on the prompt's device; empty if there are
  /// none. A damaged file is logged and removed.
  std::optional<at::Tensor> find(const Prompt& prompt) const;

  /// embeds  [1, rows, D], zero below the used rows
  /// throws  InputError "<file>: cannot write: <reason>"
  void store(const Prompt& prompt, const at::Tensor& embeds) const;

 private:
  std::string key_of(const Prompt& prompt) const;
  std::filesystem::path file_of(const std::string& key) const;

  std::filesystem::path folder_;
  std::shared_ptr<const io::Checkpoint> weights_;
  std::string config_;               ///< its checksum
  mutable std::string fingerprint_;  ///< of the weights; empty until computed
};

}  // namespace chitu::pipelines
