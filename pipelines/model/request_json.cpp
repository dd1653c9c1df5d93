#include "pipelines/model/request_json.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "chitu_core/common/error.h"

namespace chitu::pipelines {
namespace {

template <class T>
void read(const nlohmann::json& json, const char* name, T& field) {
  try {
    json.at(name).get_to(field);
  } catch (const nlohmann::json::exception&) {
    throw InputError(std::string("the request has no ") + name + " of the expected type");
  }
}

template <class T>
void read(const nlohmann::json& json, const char* name, std::optional<T>& field) {
  field.reset();
  if (json.contains(name) && !json.at(name).is_null()) read(json, name, field.emplace());
}

template <class T>
nlohmann::json or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

nlohmann::json loras_or_null(const std::optional<std::vector<LoraChoice>>& loras) {
  if (!loras) return nullptr;
  nlohmann::json list = nlohmann::json::array();
  for (const LoraChoice& lora : *loras)
    list.push_back({{"path", lora.path.string()},
                    {"scale", lora.scale},
                    {"component", lora.component},
                    {"strict", lora.strict},
                    {"contents", or_null(lora.contents)}});
  return list;
}

void read_loras(const nlohmann::json& json, std::optional<std::vector<LoraChoice>>& loras) {
  if (!json.contains("loras") || json.at("loras").is_null()) return;
  loras.emplace();
  for (const nlohmann::json& written : json.at("loras")) {
    LoraChoice lora;
    std::string path;
    read(written, "path", path);
    lora.path = path;
    read(written, "scale", lora.scale);
    read(written, "component", lora.component);
    read(written, "strict", lora.strict);
    read(written, "contents", lora.contents);
    loras->push_back(std::move(lora));
  }
}

/// Empty for none, as a configuration has it.
nlohmann::json to_json(const std::optional<cache::Params>& params) {
  nlohmann::json map = nlohmann::json::object();
  for (const auto& [name, value] : params.value_or(cache::Params()))
    std::visit([&](const auto& plain) { map[name] = plain; }, value);
  return map;
}

cache::ParamValue read_param(const nlohmann::json& map, const std::string& name) {
  const nlohmann::json& value = map.at(name);
  cache::ParamValue param;
  if (value.is_boolean())
    param = value.get<bool>();
  else if (value.is_number())
    param = value.get<double>();
  else
    read(map, name.c_str(), param.emplace<std::vector<double>>());
  return param;
}

void read_params(const nlohmann::json& json, std::optional<cache::Params>& params) {
  if (!json.contains("flexcache_params") || json.at("flexcache_params").is_null()) return;
  const nlohmann::json& map = json.at("flexcache_params");
  if (!map.is_object())
    throw InputError("the request has no flexcache_params of the expected type");
  if (!map.empty()) params.emplace();
  for (const auto& [name, value] : map.items()) params->emplace(name, read_param(map, name));
}

}  // namespace

nlohmann::json to_json(const Request& request) {
  return {{"prompt", request.prompt},
          {"negative_prompt", or_null(request.negative_prompt)},
          {"width", request.width},
          {"height", request.height},
          {"num_frames", request.num_frames},
          {"num_inference_steps", request.num_inference_steps},
          {"guidance_scale", request.guidance_scale},
          {"guidance_scale_2", or_null(request.guidance_scale_2)},
          {"seed", request.seed},
          {"fps", request.fps},
          {"max_sequence_length", request.max_sequence_length},
          {"flow_shift", or_null(request.flow_shift)},
          {"image", or_null(request.image)},
          {"image_sha256", or_null(request.image_sha256)},
          {"last_image", or_null(request.last_image)},
          {"last_image_sha256", or_null(request.last_image_sha256)},
          {"loras", loras_or_null(request.loras)},
          {"flexcache", or_null(request.flexcache)},
          {"flexcache_params", to_json(request.flexcache_params)}};
}

Request request_from_json(const nlohmann::json& json) {
  Request request;
  read(json, "prompt", request.prompt);
  read(json, "negative_prompt", request.negative_prompt);
  read(json, "width", request.width);
  read(json, "height", request.height);
  read(json, "num_frames", request.num_frames);
  read(json, "num_inference_steps", request.num_inference_steps);
  read(json, "guidance_scale", request.guidance_scale);
  read(json, "seed", request.seed);
  read(json, "fps", request.fps);
  read(json, "max_sequence_length", request.max_sequence_length);
  read(json, "guidance_scale_2", request.guidance_scale_2);
  read(json, "flow_shift", request.flow_shift);
  read(json, "image", request.image);
  read(json, "image_sha256", request.image_sha256);
  read(json, "last_image", request.last_image);
  read(json, "last_image_sha256", request.last_image_sha256);
  read_loras(json, request.loras);
  read(json, "flexcache", request.flexcache);
  read_params(json, request.flexcache_params);
  const nlohmann::json known = to_json(request);
  for (const auto& [name, value] : json.items())
    if (!known.contains(name)) throw InputError("the request has an unknown field " + name);
  return request;
}

}  // namespace chitu::pipelines
