#include "chitu_core/cache/tables.h"

#include <algorithm>

#include "chitu_core/cache/magnitude_ratios.h"

namespace chitu::cache {
namespace {

constexpr FittedModel::TeaCache kWan21TextSmall{
    {-5.21862437e4, 9.23041404e3, -5.28275948e2, 1.36987616e1, -4.99875664e-2},
    {2.39676752e3, -1.31110545e3, 2.01331979e2, -8.29855975, 1.37887774e-1},
    false,
    0.05,
    0.05};
constexpr FittedModel::TeaCache kWan21TextLarge{
    {-3.03318725e5, 4.90537029e4, -2.65530556e3, 5.87365115e1, -3.15583525e-1},
    {-5784.54975374, 5449.50911966, -1811.16591783, 256.27178429, -13.02252404},
    true,
    0.10,
    0.14};
constexpr FittedModel::TeaCache kWan21Image480p{
    {2.57151496e5, -3.54229917e4, 1.40286849e3, -1.35890334e1, 1.32517977e-1},
    {-302.331670, 223.948934, -52.5463970, 5.87348440, -0.201973289},
    true,
    0.13,
    0.13};
constexpr FittedModel::TeaCache kWan21Image720p{
    {8.10705460e3, 2.13393892e3, -3.72934672e2, 1.66203073e1, -4.17769401e-2},
    {-114.36346466, 65.26524496, -18.82220707, 4.91518089, -0.23412683},
    true,
    0.20,
    0.18};

/// What tells published models apart.
struct Traits {
  std::string_view family;
  StepShare steps;
  std::int64_t layers, width, in_channels;
  /// Where two checkpoints or uses differ in nothing else; empty = no matter.
  std::optional<bool> from_image{}, is_720p{};
};
struct Row {
  Traits of;
  FittedModel model;
};

using enum StepShare;

const std::array kRows{
    Row{{"wan", all, 30, 1536, 16},
        {"Wan2.1-T2V-1.3B", kWan21TextSmall, {ratios::kWan21TextSmall, 0.12, 4}}},
    Row{{"wan", all, 40, 5120, 16},
        {"Wan2.1-T2V-14B", kWan21TextLarge, {ratios::kWan21TextLarge, 0.24, 6}}},
    Row{{"wan", all, 40, 5120, 36, {}, false},
        {"Wan2.1-I2V-14B-480P", kWan21Image480p, {ratios::kWan21Image480p, 0.24, 6}}},
    Row{{"wan", all, 40, 5120, 36, {}, true},
        {"Wan2.1-I2V-14B-720P", kWan21Image720p, {ratios::kWan21Image720p, 0.24, 6}}},
    Row{{"wan", high_noise, 40, 5120, 16},
        {"Wan2.2-T2V-A14B", {}, {ratios::kWan22TextHighNoise, 0.06, 2, 0.4}}},
    Row{{"wan", low_noise, 40, 5120, 16},
        {"Wan2.2-T2V-A14B", {}, {ratios::kWan22TextLowNoise, 0.06, 2, 0.4}}},
    Row{{"wan", high_noise, 40, 5120, 36},
        {"Wan2.2-I2V-A14B", {}, {ratios::kWan22ImageHighNoise, 0.06, 2, 1}}},
    Row{{"wan", low_noise, 40, 5120, 36},
        {"Wan2.2-I2V-A14B", {}, {ratios::kWan22ImageLowNoise, 0.06, 2, 0.1}}},
    Row{{"wan", all, 30, 3072, 48, false}, {"Wan2.2-TI2V-5B", {}, {ratios::kWan22SmallText}}},
    Row{{"wan", all, 30, 3072, 48, true}, {"Wan2.2-TI2V-5B", {}, {ratios::kWan22SmallImage}}},
    Row{{"qwen_image", all, 60, 3072, 64}, {"Qwen-Image", {}, {ratios::kQwenImage}}}};

// Between 832 x 480 and 1280 x 720: the checkpoints for the two differ in their weights only.
constexpr std::int64_t kLeast720pPixels = 640 * 960;

bool fits(const Traits& of, const ModelFacts& model) {
  const auto same = [](const std::optional<bool>& wanted, bool found) {
    return !wanted || *wanted == found;
  };
  return of.family == model.family && of.steps == model.steps && of.layers == model.layers &&
         of.width == model.width && of.in_channels == model.in_channels &&
         same(of.from_image, model.from_image) &&
         same(of.is_720p, model.pixels >= kLeast720pPixels);
}

}  // namespace

std::optional<FittedModel> fitted_model(const ModelFacts& model) {
  const auto found =
      std::ranges::find_if(kRows, [&](const Row& row) { return fits(row.of, model); });
  return found == kRows.end() ? std::nullopt : std::optional(found->model);
}

}  // namespace chitu::cache
