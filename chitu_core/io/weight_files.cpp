#include "chitu_core/io/weight_files.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/log.h"
#include "chitu_core/common/nearest.h"

namespace chitu::io {
namespace {

namespace fs = std::filesystem;

/// Variants of the same weights, most precise first.
const std::vector<std::string> kPrecisions{"fp32", "bf16", "fp16"};

/// The names to look for, in the libraries' order: diffusers prefers its index, transformers its
/// single file. Indices of variants also have an older name.
std::vector<WeightFile> candidates(const fs::path& folder, std::string_view variant) {
  const std::string dotted = variant.empty() ? "" : fmt::format(".{}", variant);
  const auto single = [&](const char* stem) {
    return WeightFile{folder / (stem + dotted + ".safetensors")};
  };
  const auto index = [&](const char* stem) {
    return WeightFile{folder / (stem + (".safetensors.index" + dotted) + ".json"), true};
  };
  std::vector<WeightFile> names{index("diffusion_pytorch_model"), single("diffusion_pytorch_model"),
                                single("model"), index("model")};
  if (variant.empty()) return names;
  for (const char* stem : {"diffusion_pytorch_model", "model"})
    names.push_back({folder / (stem + (".safetensors" + dotted) + ".index.json"), true});
  return names;
}

/// The first candidate that exists. A candidate that is a link without its target is an error.
std::optional<WeightFile> first_of(const std::vector<WeightFile>& files) {
  std::error_code ignored;
  for (const WeightFile& file : files)
    if (fs::exists(file.path, ignored)) return file;
  for (const WeightFile& file : files)
    if (name_exists(file.path))
      throw InputError(file.path.string() + ": " + open_problem(file.path, ENOENT));
  return std::nullopt;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> matching(const std::vector<std::string>& names, const char* pattern) {
  const std::regex expected(pattern);
  std::vector<std::string> found;
  for (const std::string& name : names)
    if (std::regex_match(name, expected)) found.push_back(name);
  return found;
}

/// "fp16" for model.fp16.safetensors and for the indices of its shards.
std::vector<std::string> variants(const std::vector<std::string>& names) {
  const std::regex weights(
      R"((?:diffusion_pytorch_model|model)\.(?:safetensors\.index\.([^.]+)\.json|)"
      R"(safetensors\.([^.]+)\.index\.json|((?!.*-\d{5}-of-\d{5})[^.]+)\.safetensors))");
  std::set<std::string> found;
  std::smatch part;
  for (const std::string& name : names)
    if (std::regex_match(name, part, weights))
      found.insert(part[1].str() + part[2].str() + part[3].str());
  return {found.begin(), found.end()};
}

/// The variant to take if there are no plain weights.
std::optional<std::string> stand_in(const fs::path& folder, const std::vector<std::string>& found) {
  if (found.size() < 2) return found.empty() ? std::nullopt : std::optional(found.front());
  const auto rank = [](const std::string& variant) {
    return std::find(kPrecisions.begin(), kPrecisions.end(), variant);
  };
  const auto is_other = [&](const std::string& variant) {
    return rank(variant) == kPrecisions.end();
  };
  if (std::any_of(found.begin(), found.end(), is_other))
    throw InputError(fmt::format(
        "{}: no plain weights, and more than one variant of them: {}; leave the one to use here",
        folder.string(), join(found)));
  return *std::min_element(found.begin(), found.end(),
                           [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
}

[[noreturn]] void refuse(const fs::path& folder, const std::vector<std::string>& names,
                         std::string_view variant) {
  std::vector<std::string> looked_for;
  for (const WeightFile& file : candidates(folder, variant))
    looked_for.push_back(file.path.filename().string());
  const auto fail = [&](const std::string& problem) {
    throw InputError(folder.string() + ": " + problem);
  };
  if (const auto shards = matching(names, R"(.*-\d{5}-of-\d{5}.*\.safetensors)"); !shards.empty())
    fail(fmt::format("has {} without the index of the shards, looked for {}", shards.front(),
                     join(looked_for)));
  const auto pickled = matching(names, R"(.*\.(bin|pt|pth|ckpt|pkl))");
  const auto others = matching(names, R"(.*\.(safetensors|gguf|onnx|msgpack|h5))");
  if (others.empty() && !pickled.empty())
    fail(
        fmt::format("has {}, but no safetensors: pickled weights are not read, for loading them "
                    "can run code; in Python, save_pretrained() of the loaded model writes "
                    "safetensors",
                    join(pickled)));
  std::string problem = "no weights here, looked for " + join(looked_for);
  if (!others.empty()) problem += "; found " + join(others);
  throw InputError(folder.string() + ": " + problem);
}

}  // namespace

bool holds_weights(const fs::path& folder) {
  return !folder_problem(folder) &&
         !matching(names_in(folder),
                   R"(.*\.(safetensors|bin|pt|pth|ckpt|pkl|gguf|onnx|msgpack|h5))")
              .empty();
}

WeightFile find_weights(const fs::path& folder, std::string_view variant) {
  if (const auto problem = folder_problem(folder))
    throw InputError(folder.string() + ": " + *problem);
  if (const auto file = first_of(candidates(folder, variant))) return *file;
  const auto names = names_in(folder);
  const auto taken = variant.empty() ? stand_in(folder, variants(names)) : std::nullopt;
  const auto file = taken ? first_of(candidates(folder, *taken)) : std::nullopt;
  if (!file) refuse(folder, names, variant);
  logger("io")->info("{}: no plain weights, using the variant {}", folder.string(), *taken);
  return *file;
}

}  // namespace chitu::io
