#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace chitu::pipelines {

/// In which form the frames are written.
enum class OutputFormat {
  mp4,     ///< H.264 where the FFmpeg at hand has it, else MPEG-4
  gif,     ///< animated
  png,     ///< one picture: for one frame only
  frames,  ///< frames/frame_0000.png and so on
};

/// One generation, complete: every number that decides the result.
struct Request {
  static constexpr std::string_view value_name = "Request";

  std::string prompt;
  std::string negative_prompt;
  std::int64_t width = 0;                  ///< pixels
  std::int64_t height = 0;                 ///< pixels
  std::int64_t num_frames = 1;             ///< pictures
  std::int64_t num_inference_steps = 50;   ///< denoising steps
  double guidance_scale = 5.0;             ///< no unit; 1 or less leaves guidance out
  std::uint64_t seed = 0;                  ///< of the CPU generator that draws the noise
  std::int64_t fps = 16;                   ///< pictures a second in the file
  std::int64_t max_sequence_length = 512;  ///< tokens the transformer sees of a prompt
  std::optional<double> flow_shift;        ///< of the scheduler; empty = as the checkpoint says
  /// Of the second transformer, where a checkpoint has two; empty = guidance_scale.
  std::optional<double> guidance_scale_2{};

  bool guided() const { return guidance_scale > 1.0; }
  bool operator==(const Request&) const = default;
};

/// A request as people write it: what is empty follows the checkpoint.
struct PartialRequest {
  std::string prompt;
  std::string negative_prompt;
  std::optional<std::int64_t> width, height, num_frames, num_inference_steps, fps;
  std::optional<double> guidance_scale, guidance_scale_2, flow_shift;
  std::uint64_t seed = 0;
  std::int64_t max_sequence_length = 512;
};

/// Where and in which form a run's frames go.
struct Output {
  OutputFormat format = OutputFormat::mp4;
  std::filesystem::path dir{};  ///< exists; see Engine::generate
  bool contact_sheet = false;   ///< also contact_sheet.png, all frames side by side
};

/// What a request leaves open is filled from here: a checkpoint's generation_config.json, else what
/// its family of models was trained for.
struct RequestDefaults {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t num_frames = 1;
  std::int64_t num_inference_steps = 50;
  double guidance_scale = 5.0;
  std::int64_t fps = 16;
  std::optional<double> guidance_scale_2{};
};

}  // namespace chitu::pipelines
