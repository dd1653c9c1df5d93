#include "pipelines/spill/latents_file.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/io/safetensors_size.h"
#include "pipelines/model/request_json.h"

namespace chitu::pipelines {
namespace {

using Texts = std::map<std::string, std::string>;

constexpr const char* kFormatKey = "chitu.format";
constexpr const char* kFormat = "latents 1";
constexpr const char* kFamily = "chitu.family";
constexpr const char* kCheckpoint = "chitu.ckpt_dir";
constexpr const char* kRequest = "chitu.request";
constexpr const char* kNextStage = "chitu.next_stage";
constexpr std::string_view kWeights = "chitu.weights.";
constexpr std::string_view kValue = "value.";

/// The entries whose names begin with the prefix, without it.
Texts below(const Texts& texts, std::string_view prefix) {
  Texts found;
  for (const auto& [name, text] : texts)
    if (name.starts_with(prefix)) found.emplace(name.substr(prefix.size()), text);
  return found;
}

const std::string& text_of(const Texts& texts, const char* name) {
  const auto found = texts.find(name);
  if (found == texts.end()) throw InputError(std::string("has no entry ") + name);
  return found->second;
}

Texts metadata(const graph::StoredValue& values, const LatentsOrigin& origin) {
  Texts texts{{kFormatKey, kFormat},
              {kFamily, origin.model.family},
              {kCheckpoint, origin.ckpt_dir.string()},
              {kRequest, to_json(origin.request).dump()},
              {kNextStage, origin.next_stage}};
  for (const auto& [name, sum] : origin.model.weights) texts[std::string(kWeights) + name] = sum;
  for (const auto& [name, text] : values.texts) texts[std::string(kValue) + name] = text;
  return texts;
}

LatentsOrigin read_origin(const Texts& texts) {
  if (!texts.contains(kFormatKey) || texts.at(kFormatKey) != kFormat)
    throw InputError("holds no latents that chitu has kept");
  LatentsOrigin origin;
  const auto request = nlohmann::json::parse(text_of(texts, kRequest), nullptr, false);
  if (!request.is_object()) throw InputError("its request is not readable");
  origin.request = request_from_json(request);
  origin.model = {text_of(texts, kFamily), below(texts, kWeights)};
  origin.ckpt_dir = text_of(texts, kCheckpoint);
  origin.next_stage = text_of(texts, kNextStage);
  return origin;
}

/// One line "<file>: <problem>".
auto about(const std::filesystem::path& path, const auto& work) {
  try {
    return work();
  } catch (const InputError& error) {
    throw InputError(path.string() + ": " + error.what());
  }
}

}  // namespace

LatentsFile::LatentsFile(const std::filesystem::path& path)
    : file_(path),
      origin_(about(path, [&] { return read_origin(file_.metadata()); })),
      texts_(below(file_.metadata(), kValue)) {}

const std::vector<std::int64_t>& LatentsFile::shape() const {
  for (const io::TensorInfo& tensor : file_.tensors())
    if (tensor.name.ends_with("latents")) return tensor.shape;
  throw InputError("holds no latents");
}

graph::StoredValue LatentsFile::values() const {
  graph::StoredValue values = read_values(file_);
  values.texts = texts_;
  return values;
}

graph::StoredValue LatentsFile::shapes() const {
  graph::StoredValue shapes;
  shapes.texts = texts_;
  for (const io::TensorInfo& tensor : file_.tensors())
    shapes.tensors.emplace_back(
        tensor.name,
        at::empty(tensor.shape, at::TensorOptions().dtype(tensor.dtype).device(at::kMeta)));
  return shapes;
}

void LatentsFile::write(const std::filesystem::path& path, const graph::StoredValue& values,
                        const LatentsOrigin& origin) {
  io::write_safetensors(path, values.tensors, metadata(values, origin));
}

std::int64_t LatentsFile::size_bytes(const graph::StoredValue& values,
                                     const LatentsOrigin& origin) {
  return io::safetensors_bytes(values.tensors, metadata(values, origin));
}

void check_origin(const LatentsFile& latents, const ModelIdentity& model,
                  const std::vector<std::string>& components,
                  const std::filesystem::path& ckpt_dir) {
  const LatentsOrigin& origin = latents.origin();
  if (origin.model.family != model.family)
    throw InputError(fmt::format("{}: latents of a {}, but {} is a {}; expected the model of {}",
                                 latents.path().string(), origin.model.family, ckpt_dir.string(),
                                 model.family, origin.ckpt_dir.string()));
  for (const std::string& name : components) {
    const auto made_with = origin.model.weights.find(name);
    if (made_with != origin.model.weights.end() && made_with->second == model.weights.at(name))
      continue;
    throw InputError(
        fmt::format("{}: the {} of {} is not the one these latents were made for; expected that of "
                    "model.ckpt_dir={}",
                    latents.path().string(), name, ckpt_dir.string(), origin.ckpt_dir.string()));
  }
}

void check_shape(const LatentsFile& latents, const Pipeline& pipeline) {
  const Request& request = latents.origin().request;
  about(latents.path(), [&] {
    pipeline.check(request);
    const auto expected = pipeline.latents_shape(request);
    if (latents.shape() != expected)
      throw InputError(fmt::format("latents [{}], but {}x{} with {} frames has [{}]",
                                   fmt::join(latents.shape(), ", "), request.width, request.height,
                                   request.num_frames, fmt::join(expected, ", ")));
    return true;
  });
}

graph::StoredValue read_values(const io::SafetensorsFile& file) {
  graph::StoredValue values;
  values.texts = file.metadata();
  for (const io::TensorInfo& tensor : file.tensors()) {
    at::Tensor data =
        at::empty(tensor.shape, at::TensorOptions().dtype(tensor.dtype).device(device::host()));
    file.read_into(tensor.name, data);
    values.tensors.emplace_back(tensor.name, std::move(data));
  }
  return values;
}

}  // namespace chitu::pipelines
