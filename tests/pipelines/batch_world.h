#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "pipelines/batch/batch.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {

/// Writes down what a window tells.
struct BatchLog : BatchObserver {
  void stage_begin(std::string_view stage, std::span<const std::size_t> items) override {
    std::string line(stage);
    for (const std::size_t item : items) line.append(" ").append(std::to_string(item));
    stages.push_back(line);
  }
  void latents_kept(std::size_t item, const std::filesystem::path& path) override {
    latents[item] = path;
  }
  void item_saved(std::size_t item, const SavedItem& item_files) override {
    saved[item] = item_files;
    latents_at_end[item] = std::filesystem::exists(latents[item]);
  }
  void item_failed(std::size_t item, const FailedItem& failure) override {
    failed[item] = failure;
    try {
      std::rethrow_exception(failure.error);
    } catch (const std::exception& error) {
      errors[item] = explain(error);
    }
  }
  void progress(double share) override { shares.push_back(share); }

  std::vector<std::string> stages;
  std::map<std::size_t, std::filesystem::path> latents;
  std::map<std::size_t, bool> latents_at_end;  ///< whether they were there when it was saved
  std::map<std::size_t, SavedItem> saved;
  std::map<std::size_t, FailedItem> failed;
  std::map<std::size_t, std::string> errors;
  std::vector<double> shares;
};

/// Which components a run brings in.
struct Onloads final : graph::Observer {
  void component_onloaded(std::string_view name, std::int64_t) override {
    names.emplace_back(name);
  }
  std::vector<std::string> names;
};

/// The bytes of every file below a folder.
inline std::map<std::string, std::string> files_in(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(folder).string()] = read_file(entry.path());
  return files;
}

/// Requests and the folders that their media go to.
class BatchWorld {
 public:
  explicit BatchWorld(EngineOptions engine_options) : engine(engine_options) {
    std::filesystem::create_directories(options.spill_dir);
  }

  /// Adds an item; the request is completed.
  void add(const PartialRequest& partial) {
    const std::string name = "job" + std::to_string(items.size());
    std::filesystem::create_directories(folder / name);
    Output output;
    output.formats = {OutputFormat::frames};
    output.dir = folder / name;
    items.push_back({engine.complete(partial), output, name});
  }
  void add_alike(int count) {
    for (int i = 0; i < count; ++i) {
      auto partial = small_request();
      for (int k = 0; k < i; ++k) partial.prompt.push_back('!');
      partial.seed = static_cast<std::uint64_t>(i);
      add(partial);
    }
  }

  BatchEnd run(BatchLog& log) { return engine.generate_batch(items, options, log); }

  /// What generate() makes of an item alone.
  std::map<std::string, std::string> alone(std::size_t item) {
    const testing::TemporaryFolder own;
    Output output = items[item].output;
    output.dir = own / "media";
    std::filesystem::create_directories(output.dir);
    engine.generate(items[item].request, output);
    return files_in(output.dir);
  }
  std::map<std::string, std::string> made(std::size_t item) const {
    return files_in(items[item].output.dir);
  }

  testing::TemporaryFolder folder;
  Engine engine;
  std::vector<BatchItem> items;
  BatchOptions options{.spill_dir = folder / "spill"};
};

inline EngineOptions tiny_on(const std::string& device, int level) {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = device;
  options.memory.low_mem_level = level;
  options.memory.vae_tile_latents = 8;
  return options;
}

}  // namespace chitu::pipelines
