#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/io/safetensors_dtype.h"
#include "chitu_core/io/safetensors_outline.h"
#include "chitu_core/io/safetensors_size.h"

namespace chitu::io {
namespace {

using Json = nlohmann::ordered_json;
using Named = std::pair<std::string, at::Tensor>;

std::string_view dtype_name(const std::filesystem::path& path, const TensorOutline& tensor) {
  for (const auto& [name, type] : kSafetensorsDtypes)
    if (type == tensor.dtype) return name;
  throw InputError(fmt::format("{}: tensor \"{}\": safetensors has no dtype {}", path.string(),
                               tensor.name, c10::toString(tensor.dtype)));
}

std::string header_text(const std::filesystem::path& path,
                        const std::vector<TensorOutline>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string_view> seen;
  std::int64_t offset = 0;
  for (const TensorOutline& tensor : tensors) {
    if (tensor.name == "__metadata__" || !seen.insert(tensor.name).second)
      throw InputError(fmt::format("{}: two tensors are named \"{}\"", path.string(), tensor.name));
    const std::int64_t end = offset + tensor.bytes();
    header[tensor.name] = {{"dtype", dtype_name(path, tensor)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // aligns the data to 8 bytes
  return text;
}

std::string length_prefix(std::uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xff);
  return bytes;
}

std::vector<const Named*> in_file_order(const std::vector<Named>& tensors) {
  std::vector<const Named*> order;
  for (const Named& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const Named* a, const Named* b) {
    return a->second.element_size() > b->second.element_size();
  });
  return order;
}

std::vector<TensorOutline> outlines_of(const std::vector<const Named*>& order) {
  std::vector<TensorOutline> outlines;
  for (const Named* tensor : order)
    outlines.push_back({tensor->first, tensor->second.scalar_type(), tensor->second.sizes().vec()});
  return outlines;
}

}  // namespace

std::int64_t TensorOutline::bytes() const {
  return c10::multiply_integers(shape) * static_cast<std::int64_t>(c10::elementSize(dtype));
}

std::string safetensors_header(const std::filesystem::path& path,
                               const std::vector<TensorOutline>& tensors,
                               const std::map<std::string, std::string>& metadata) {
  const std::string header = header_text(path, tensors, metadata);
  return length_prefix(header.size()) + header;
}

std::int64_t safetensors_bytes(const std::vector<Named>& tensors,
                               const std::map<std::string, std::string>& metadata) {
  std::int64_t bytes =
      std::ssize(safetensors_header({}, outlines_of(in_file_order(tensors)), metadata));
  for (const auto& [name, tensor] : tensors) bytes += tensor.numel() * tensor.element_size();
  return bytes;
}

void write_safetensors(const std::filesystem::path& path, const std::vector<Named>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const auto order = in_file_order(tensors);
  const std::string header = safetensors_header(path, outlines_of(order), metadata);
  TemporaryFile file(path);
  file.write(header);
  for (const Named* tensor : order) {
    const at::Tensor data = tensor->second.detach().cpu().contiguous();
    file.write({static_cast<const char*>(data.const_data_ptr()), data.nbytes()});
  }
  file.commit();
}

}  // namespace chitu::io
