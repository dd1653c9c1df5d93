#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/cache/choice.h"
#include "pipelines/model/lora_choice.h"

namespace chitu::pipelines {

/// File format of the frames.
enum class OutputFormat {
  mp4,     ///< H.264 if the installed FFmpeg has it, else MPEG-4
  gif,     ///< animated
  png,     ///< one picture, for one frame only
  frames,  ///< frames/frame_0000.png and so on
};

/// One complete generation: every value that decides the result.
struct Request {
  static constexpr std::string_view value_name = "Request";

  std::string prompt;
  /// What guidance steers away from; empty = nothing, which turns guidance off.
  std::optional<std::string> negative_prompt = "";
  std::int64_t width = 0;                  ///< pixels
  std::int64_t height = 0;                 ///< pixels
  std::int64_t num_frames = 1;             ///< pictures
  std::int64_t num_inference_steps = 50;   ///< denoising steps
  double guidance_scale = 5.0;             ///< no unit; 1 or less turns guidance off
  std::uint64_t seed = 0;                  ///< of the CPU generator that draws the noise
  std::int64_t fps = 16;                   ///< pictures per second in the file
  std::int64_t max_sequence_length = 512;  ///< tokens of a prompt that the transformer gets
  std::optional<double> flow_shift;        ///< of the scheduler; empty = the checkpoint's
  /// Of the second transformer, where a checkpoint has two; empty = guidance_scale.
  std::optional<double> guidance_scale_2{};
  std::optional<std::string> image{};       ///< picture file that the video begins with
  std::optional<std::string> last_image{};  ///< the same for its end
  /// Of these files, in lower-case hexadecimal. Set if they are.
  std::optional<std::string> image_sha256{}, last_image_sha256{};
  /// Instead of those of the engine's options; empty = those.
  std::optional<std::vector<LoraChoice>> loras{};
  /// The cache that reuses results of earlier steps, and its parameters; empty = none.
  std::optional<std::string> flexcache{};
  std::optional<cache::Params> flexcache_params{};

  bool guided() const { return guidance_scale > 1.0 && negative_prompt; }
  bool operator==(const Request&) const = default;
};

/// A request as the user writes it: empty fields get the checkpoint's values.
struct PartialRequest {
  std::string prompt;
  std::optional<std::string> negative_prompt;
  std::optional<std::int64_t> width, height, num_frames, num_inference_steps, fps;
  std::optional<double> guidance_scale, guidance_scale_2, flow_shift;
  std::uint64_t seed = 0;
  std::int64_t max_sequence_length = 512;
  std::optional<std::string> image, last_image;
  std::optional<std::string> image_sha256, last_image_sha256;  ///< empty = any picture
  std::optional<std::vector<LoraChoice>> loras{};
  std::optional<std::string> flexcache{};
  std::optional<cache::Params> flexcache_params{};
};

/// Where the frames of a run are saved, in which formats and under which name; see
/// pipelines/output/media_names.h.
struct Output {
  std::vector<OutputFormat> formats{OutputFormat::mp4};  ///< each once
  std::filesystem::path dir{};                           ///< exists; see Engine::generate
  bool contact_sheet = false;  ///< also write a picture of all frames side by side
  std::string name{};          ///< of every file, without extension; empty = video.mp4 and so on
};

/// Defaults of a request: from the checkpoint's generation_config.json, else from what its family
/// of models was trained for.
struct RequestDefaults {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t num_frames = 1;
  std::int64_t num_inference_steps = 50;
  double guidance_scale = 5.0;
  std::int64_t fps = 16;
  std::optional<double> guidance_scale_2{};
  /// Whether guidance steers a request without a negative prompt away from the empty one; else such
  /// a request has no guidance.
  bool empty_negative_prompt = true;
  std::optional<double> flow_shift{};
};

/// Files that the user gives instead of those in a checkpoint, by component: "transformer". The
/// tokenizer counts as one.
using ModelFiles = std::map<std::string, std::filesystem::path>;

/// Defaults of requests that the configuration of a model gives, for models that are distilled to a
/// few steps. They take precedence over the checkpoint's.
struct ModelDefaults {
  std::optional<std::int64_t> num_inference_steps{};
  std::optional<double> guidance_scale{}, guidance_scale_2{}, flow_shift{};
  bool operator==(const ModelDefaults&) const = default;
};

}  // namespace chitu::pipelines
