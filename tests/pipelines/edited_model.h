#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/common/files.h"
#include "chitu_core/io/safetensors.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {

/// A copy of a tiny checkpoint that a test may change.
struct EditedModel {
  explicit EditedModel(const std::string& model = "wan-unipc") {
    std::filesystem::copy(fixtures() / model, path(), std::filesystem::copy_options::recursive);
  }
  std::filesystem::path path() const { return folder / "model"; }
  void edit(const std::string& file, const std::function<void(nlohmann::json&)>& change) const {
    auto json = nlohmann::json::parse(read_file(path() / file));
    change(json);
    write_file(path() / file, json.dump());
  }
  /// Rewrites a file of weights.
  using Tensors = std::vector<std::pair<std::string, at::Tensor>>;
  void edit_weights(const std::string& file, const std::function<void(Tensors&)>& change) const {
    Tensors tensors;
    {
      const io::SafetensorsFile weights(path() / file);
      for (const auto& tensor : weights.tensors())
        tensors.emplace_back(tensor.name, weights.tensor(tensor.name).clone());
    }
    change(tensors);
    io::write_safetensors(path() / file, tensors);
  }
  EngineOptions options() const {
    EngineOptions options;
    options.ckpt_dir = path();
    options.device = "cpu";
    options.dtype = "float32";
    return options;
  }
  void open() const { Engine engine(options()); }
  /// A tensor of a small run.
  at::Tensor run(const char* tensor) const {
    Engine engine(options());
    Engine::RunOptions run;
    run.dump_tensors = folder / "dump.safetensors";
    engine.generate(engine.complete(small_request()), {}, run);
    return io::SafetensorsFile(run.dump_tensors).tensor(tensor).clone();
  }
  testing::TemporaryFolder folder;
};

}  // namespace chitu::pipelines
