#include "tools/chitu/regress/golden_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/config/yaml/loader.h"
#include "chitu_core/config/yaml/yaml_writer.h"

namespace chitu::tools {
namespace {

using config::ConfigError;
using config::Map;
using config::Node;

constexpr int kVersion = 1;
constexpr const char* kHead =
    "# A golden record of `chitu regress`. `chitu regress update` writes it; do not edit it.\n";

/// The record as its file has it: with the version, and a last key that shows that it is whole.
struct RecordFile : GoldenRecord {
  int version = kVersion;
  bool end = false;

  void bind(config::Binder& b) {
    b.required("record_version", version, config::between(kVersion, kVersion));
    GoldenRecord::bind(b);
    b.required("end", end);
  }
};

void check_whole(const std::filesystem::path& file, const std::string& text, const Node& root) {
  const Node* end = root.is_map() ? root.find("end") : nullptr;
  if (end && *end == Node(true)) return;
  const auto lines = std::max<std::ptrdiff_t>(1, std::ranges::count(text, '\n'));
  throw InputError(
      fmt::format("{}:{}: the record is cut short: expected `end: true` as its last "
                  "line; without this file, chitu regress record makes it anew",
                  file.string(), lines));
}

bool is_sum(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void check_sum(const std::string& sum, const std::string& key, const Node& node) {
  if (!is_sum(sum))
    throw ConfigError(node.origin(), key, "expected 64 hexadecimal digits, got \"" + sum + "\"");
}

void check_sums(const RecordFile& record, const Node& root) {
  check_sum(record.frames.stored_sha256, "frames.stored_sha256",
            root.find("frames")->at("stored_sha256"));
  for (std::size_t i = 0; i < record.approved.size(); ++i) {
    const Node& sums = root.find("approved")->list()[i].at("sha256");
    const auto count = static_cast<std::int64_t>(sums.list().size());
    if (count != record.frames.count)
      throw ConfigError(
          sums.origin(), fmt::format("approved[{}].sha256", i),
          fmt::format("expected {} sums, one for each frame, got {}", record.frames.count, count));
    for (std::size_t k = 0; k < record.approved[i].sha256.size(); ++k)
      check_sum(record.approved[i].sha256[k], fmt::format("approved[{}].sha256[{}]", i, k),
                sums.list()[k]);
  }
}

Node node_of(const MachineKey& key, const std::vector<std::string>& sums) {
  Map map;
  map.set("device", Node::literal(key.device));
  map.set("cpu", Node::literal(key.cpu));
  map.set("processor", Node::literal(key.processor));
  map.set("libtorch", Node::literal(key.libtorch));
  if (!key.ranks.empty()) map.set("ranks", Node::literal(key.ranks));
  config::List list;
  for (const std::string& sum : sums) list.push_back(Node::literal(sum));
  map.set("sha256", Node(std::move(list)));
  return Node(std::move(map));
}

Node node_of(const RecordedStage& stage) {
  Map map;
  map.set("name", Node::literal(stage.name));
  if (stage.peak_bytes) map.set("peak_bytes", Node(*stage.peak_bytes));
  map.set("h2d_bytes", Node(stage.h2d_bytes));
  map.set("d2h_bytes", Node(stage.d2h_bytes));
  map.set("disk_bytes", Node(stage.disk_bytes));
  map.set("loads", Node(stage.loads));
  return Node(std::move(map));
}

Node node_of(const RecordedFrames& frames) {
  Map map;
  map.set("count", Node(frames.count));
  map.set("width", Node(frames.width));
  map.set("height", Node(frames.height));
  map.set("stored", Node(frames.stored));
  map.set("stored_sha256", Node::literal(frames.stored_sha256));
  return Node(std::move(map));
}

}  // namespace

void Approval::bind(config::Binder& b) {
  key.bind(b);
  b.required("sha256", sha256);
}

void RecordedStage::bind(config::Binder& b) {
  const config::Rule count = config::at_least(0);
  b.required("name", name);
  b.field("peak_bytes", peak_bytes, count);
  b.required("h2d_bytes", h2d_bytes, count);
  b.required("d2h_bytes", d2h_bytes, count);
  b.required("disk_bytes", disk_bytes, count);
  b.required("loads", loads, count);
}

void RecordedFrames::bind(config::Binder& b) {
  const config::Rule positive = config::at_least(1);
  b.required("count", count, positive);
  b.required("width", width, positive);
  b.required("height", height, positive);
  b.required("stored", stored, positive);
  b.required("stored_sha256", stored_sha256);
}

void GoldenRecord::bind(config::Binder& b) {
  b.required("case", case_name);
  b.required("device", device);
  b.required("frames", frames);
  b.required("approved", approved);
  b.field("ranks", ranks);
  b.required("stages", stages);
  b.field("time_reference", time_reference);
  b.field("time_ratio", time_ratio, config::more_than(0));
}

GoldenRecord read_record(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  const Node root = config::parse_yaml(text, file.string());
  check_whole(file, text, root);
  const auto record = config::read<RecordFile>(config::View(root));
  check_sums(record, root);
  return record;
}

std::string to_yaml(const GoldenRecord& record) {
  Map map;
  map.set("record_version", Node(kVersion));
  map.set("case", Node::literal(record.case_name));
  map.set("device", Node::literal(record.device));
  map.set("frames", node_of(record.frames));
  config::List approved, stages;
  for (const Approval& approval : record.approved)
    approved.push_back(node_of(approval.key, approval.sha256));
  for (const RecordedStage& stage : record.stages) stages.push_back(node_of(stage));
  map.set("approved", Node(std::move(approved)));
  if (!record.ranks.empty()) map.set("ranks", Node::literal(record.ranks));
  map.set("stages", Node(std::move(stages)));
  if (record.time_reference) map.set("time_reference", Node::literal(*record.time_reference));
  if (record.time_ratio) map.set("time_ratio", Node(*record.time_ratio));
  map.set("end", Node(true));
  return kHead + config::to_yaml(Node(std::move(map)));
}

std::vector<RecordedStage> recorded_stages(const pipelines::RunFigures& figures) {
  std::vector<RecordedStage> stages;
  for (const pipelines::StageFigures& stage : figures.stages) {
    RecordedStage& recorded = stages.emplace_back();
    recorded.name = stage.name;
    if (figures.counts_memory()) recorded.peak_bytes = stage.peak_bytes;
    recorded.h2d_bytes = stage.h2d_bytes;
    recorded.d2h_bytes = stage.d2h_bytes;
    recorded.disk_bytes = stage.disk_bytes;
    recorded.loads = stage.loads;
  }
  return stages;
}

std::vector<std::int64_t> stored_indices(const RecordedFrames& frames) {
  const std::int64_t stored = std::min(frames.stored, frames.count);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < stored; ++i)
    indices.push_back(stored == 1 ? 0 : i * (frames.count - 1) / (stored - 1));
  return indices;
}

}  // namespace chitu::tools
