#include "pipelines/convert/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/io/weight_files.h"
#include "chitu_core/memory/weight_source.h"
#include "pipelines/convert/component_writer.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/weights/stored_tokenizer.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 8> kWeights{".safetensors", ".gguf", ".bin",  ".pt",
                                                   ".pth",         ".ckpt", ".onnx", ".msgpack"};

bool is_weights(const fs::path& file) {
  return std::ranges::find(kWeights, file.extension().string()) != kWeights.end() ||
         file.filename().string().find(".safetensors.") != std::string::npos;
}

/// A component that is written, with its module for the order of its weights.
struct Part {
  ComponentFiles files;
  std::unique_ptr<ComponentOwner> owner;
  ConvertPlan plan;

  std::string file_name() const {
    return files.description.library == "diffusers" ? "diffusion_pytorch_model.safetensors"
                                                    : "model.safetensors";
  }
  std::int64_t bytes() const {
    std::int64_t bytes = 0;
    for (const io::TensorOutline& tensor : plan.outlines()) bytes += tensor.bytes();
    return bytes;
  }
};

void require_weights(const ModelFolder& folder, const std::string& component) {
  if (!folder.files.contains(component) && !io::holds_weights(folder.path / component))
    throw InputError(fmt::format("{}: has no weights of {}; --file {}=FILE gives them",
                                 folder.path.string(), component, component));
}

std::vector<Part> read_parts(const ModelFolder& folder, const ConvertOptions& options) {
  auto described = family_of(folder).descriptions(folder);
  // Those that are part of another component are written with it.
  std::erase_if(described,
                [](const auto& component) { return component.name != component.folder(); });
  if (described.empty())
    throw InputError(fmt::format("{}: checkpoints of {} cannot be converted", folder.path.string(),
                                 folder.class_name));
  for (const ComponentDescription& component : described) require_weights(folder, component.name);
  std::vector<Part> parts;
  for (ComponentFiles& files : read_components(described, folder, false)) {
    auto owner =
        files.make(files.description.name, std::make_shared<memory::FileWeights>(files.weights));
    auto plan = plan_conversion(files, owner->module(), options.dtype, options.layout);
    parts.push_back({std::move(files), std::move(owner), std::move(plan)});
  }
  return parts;
}

/// Files that are copied as they are, by their place in the target.
std::map<fs::path, fs::path> other_files(const ModelFolder& folder) {
  std::map<fs::path, fs::path> files;
  const auto add_from = [&](const fs::path& from, const fs::path& to) {
    for (const auto& entry : fs::directory_iterator(from))
      if (entry.is_regular_file() && !is_weights(entry.path()))
        files.emplace(to / entry.path().filename(), entry.path());
  };
  add_from(folder.path, "");
  for (const auto& [name, named] : folder.components)
    if (!named.name.empty() && fs::is_directory(folder.path / name))
      add_from(folder.path / name, name);
  if (const auto given = folder.files.find("tokenizer"); given != folder.files.end()) {
    if (fs::is_directory(given->second))
      add_from(given->second, "tokenizer");
    else
      files["tokenizer" / given->second.filename()] = given->second;
  }
  return files;
}

void check_target(const ConvertOptions& options) {
  std::error_code ignored;
  if (name_exists(options.target))
    throw InputError(options.target.string() + ": exists already, expected a new folder");
  if (lies_in(options.target, options.source))
    throw InputError(options.target.string() + ": lies in the source " + options.source.string());
  const fs::path parent = fs::absolute(options.target).parent_path();
  if (const auto problem = folder_problem(parent))
    throw InputError(options.target.string() + ": its parent is not a folder: " + *problem);
  check_output_folder(options.target.string(), parent);
}

void check_room(const ConvertOptions& options, std::int64_t needed) {
  std::error_code error;
  const auto space = fs::space(fs::absolute(options.target).parent_path(), error);
  if (!error && static_cast<std::int64_t>(space.available) < needed)
    throw InputError(fmt::format("{}: needs {}, the drive has {} free", options.target.string(),
                                 format_bytes(needed),
                                 format_bytes(static_cast<std::int64_t>(space.available))));
}

std::int64_t bytes_needed(const std::vector<Part>& parts,
                          const std::map<fs::path, fs::path>& others) {
  constexpr std::int64_t kHeader = 1 << 20;
  std::int64_t bytes = 0;
  for (const Part& part : parts) bytes += part.bytes() + kHeader;
  for (const auto& [to, from] : others) bytes += static_cast<std::int64_t>(fs::file_size(from));
  return bytes;
}

void copy_others(const std::map<fs::path, fs::path>& files, const fs::path& folder) {
  for (const auto& [to, from] : files) {
    fs::create_directories((folder / to).parent_path());
    write_file(folder / to, read_file(from));  // hub caches have links, copies are files
  }
}

/// ComfyUI's files of umT5 contain its tokenizer.
void keep_tokenizer(const Part& part, const fs::path& folder) {
  const auto stored = stored_tokenizer(*part.files.weights);
  if (!stored) return;
  fs::create_directories(folder);
  write_file(folder / "spiece.model", stored->bytes);
}

}  // namespace

void convert_checkpoint(const ConvertOptions& given) {
  ConvertOptions options = given;
  if (!options.target.has_filename()) options.target = options.target.parent_path();  // "out/"
  const ModelFolder folder = ModelFolder::open(options.source, options.files);
  check_target(options);
  const std::vector<Part> parts = read_parts(folder, options);
  const auto others = other_files(folder);
  check_room(options, bytes_needed(parts, others));
  remove_abandoned(fs::absolute(options.target).parent_path());
  TemporaryName target(fs::absolute(options.target), TemporaryName::Kind::folder);
  copy_others(others, target.temporary());
  const auto between = [&] {
    if (options.stop.stop_requested()) throw Interrupted("stopped; nothing was written");
  };
  for (const Part& part : parts) {
    const std::string& name = part.files.description.name;
    if (options.begins) options.begins(name, part.files.weights->total_bytes(), part.bytes());
    fs::create_directories(target.temporary() / name);
    if (!fs::exists(target.temporary() / "tokenizer"))
      keep_tokenizer(part, target.temporary() / "tokenizer");
    write_component(*part.files.weights, part.plan, target.temporary() / name / part.file_name(),
                    between);
  }
  target.commit();
}

}  // namespace chitu::pipelines
