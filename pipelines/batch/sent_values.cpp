#include "pipelines/batch/sent_values.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/texts.h"

namespace chitu::pipelines {
namespace {

using nlohmann::json;

json shape_json(const std::string& name, const at::Tensor& tensor) {
  return {{"name", name},
          {"dtype", static_cast<int>(tensor.scalar_type())},
          {"sizes", tensor.sizes().vec()}};
}

}  // namespace

std::string shapes_text(const graph::StoredValue& values) {
  json shapes = json::array();
  for (const auto& [name, tensor] : values.tensors) shapes.push_back(shape_json(name, tensor));
  const json all{{"tensors", shapes}, {"texts", values.texts}};
  return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

graph::StoredValue shapes_from(const std::string& text) {
  const json all = json::parse(text);
  graph::StoredValue values;
  values.texts = all.at("texts");
  for (const json& shape : all.at("tensors"))
    values.add(shape.at("name"),
               at::empty(shape.at("sizes").get<std::vector<std::int64_t>>(),
                         at::TensorOptions()
                             .dtype(static_cast<at::ScalarType>(shape.at("dtype").get<int>()))
                             .device(at::kMeta)));
  return values;
}

graph::StoredValue broadcast_values(parallel::Communicator& ranks,
                                    const graph::StoredValue& values) {
  const bool is_first = ranks.rank() == 0;
  const std::string text = broadcast_text(ranks, is_first ? shapes_text(values) : "", 0);
  graph::StoredValue all = is_first ? values : shapes_from(text);
  for (auto& [name, tensor] : all.tensors) {
    tensor = is_first ? tensor.contiguous()
                      : at::empty(tensor.sizes(), tensor.options().device(device::host()));
    ranks.broadcast(tensor, 0);
  }
  return all;
}

}  // namespace chitu::pipelines
