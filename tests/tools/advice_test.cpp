// Values that an error suggests must work.
#include <fmt/format.h>

#include <functional>
#include <regex>

#include "chitu_core/common/error.h"
#include "pipelines/engine.h"
#include "pipelines/settings/settings.h"
#include "tests/support/catch.h"
#include "tests/support/key_reference.h"
#include "tests/tools/process.h"

namespace chitu::tools {
namespace {

using config::FieldInfo;
using config::Map;
using config::Node;

pipelines::Engine& engine() {
  static pipelines::Engine opened = [] {
    pipelines::EngineOptions options;
    options.ckpt_dir = testing::tiny_model();
    options.device = "cpu";
    return pipelines::Engine(options);
  }();
  return opened;
}

/// A checkpoint whose second transformer has a guidance scale of its own.
const pipelines::Engine& two_experts() {
  static const pipelines::Engine engine = [] {
    pipelines::EngineOptions options;
    options.ckpt_dir =
        std::filesystem::path(CHITU_SOURCE_DIR) / "tests/data/pipelines/wan-two-experts";
    options.device = "cpu";
    return pipelines::Engine(options);
  }();
  return engine;
}

/// The model's error about a request; empty if it accepts it.
std::string complaint(const pipelines::PartialRequest& request) {
  try {
    (request.guidance_scale_2 ? two_experts() : engine()).complete(request);
    return "";
  } catch (const InputError& error) {
    return error.what();
  }
}

/// The numbers behind "nearest being" or "at most".
std::vector<std::int64_t> advised(const std::string& message) {
  static const std::regex form("(?:nearest being|at most) (\\d+)(?: or (\\d+))?$");
  std::smatch found;
  std::vector<std::int64_t> numbers;
  if (!std::regex_search(message, found, form)) return numbers;
  for (std::size_t i = 1; i < found.size(); ++i)
    if (found[i].matched) numbers.push_back(std::stoll(found[i]));
  return numbers;
}

using Field = std::optional<std::int64_t> pipelines::PartialRequest::*;

TEST_CASE("sizes that an error suggests are accepted", "[tools]") {
  const auto [name, field, most] = GENERATE(table<const char*, Field, std::int64_t>(
      {{"width", &pipelines::PartialRequest::width, 16384},
       {"height", &pipelines::PartialRequest::height, 16384},
       {"num_frames", &pipelines::PartialRequest::num_frames, 4093}}));
  int refused = 0;
  const auto check = [&, name = name, field = field](std::int64_t number) {
    pipelines::PartialRequest request;
    request.*field = number;
    const std::string message = complaint(request);
    if (message.empty()) return;
    ++refused;
    INFO(message);
    CHECK(message.starts_with(fmt::format("request.{}={}: expected ", name, number)));
    const auto numbers = advised(message);
    CHECK_FALSE(numbers.empty());
    for (const std::int64_t better : numbers) {
      request.*field = better;
      CHECK(complaint(request).empty());
    }
  };
  for (std::int64_t number = -20; number < 140; ++number) check(number);
  for (std::int64_t number = most - 40; number < most + 40; ++number) check(number);
  for (const std::int64_t number : {std::int64_t{1} << 40, INT64_MAX, INT64_MIN}) check(number);
  CHECK(refused > 150);
}

/// A configuration of chitu's where one key has this value.
Node with(const std::string& key, const Node& value) {
  const auto parts = config::split_path(key);
  Map model, request;
  model.set("ckpt_dir", Node::literal(testing::tiny_model().string()));
  request.set("prompt", Node::literal("x"));
  Map all;
  all.set("model", Node(std::move(model)));
  all.set("request", Node(std::move(request)));
  Map* at = &all;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    Node* next = at->find(parts[i]);
    at = next ? &next->map() : &at->set(parts[i], Node(Map())).map();
  }
  at->set(parts.back(), value);
  return Node(std::move(all));
}

/// The ends of a rule's range and its options, as in "expected 1 to 240" and "one of a, b".
std::vector<Node> named_by(const FieldInfo& field) {
  std::vector<Node> values;
  const auto number = [&](double value) {
    if (field.type.starts_with("list"))
      values.emplace_back(config::List{Node(value)});
    else if (field.type == "integer")
      values.emplace_back(static_cast<std::int64_t>(value));
    else
      values.emplace_back(value);
  };
  if (field.rule.least && !field.rule.above_least) number(*field.rule.least);
  if (field.rule.most) number(*field.rule.most);
  for (const std::string& choice : field.rule.choices) values.push_back(Node::literal(choice));
  return values;
}

TEST_CASE("the ends of a range and the options that an error names are accepted", "[tools]") {
  int checked = 0;
  testing::each_leaf(
      config::describe_fields<pipelines::Settings>(), "",
      [&](const auto& key, const FieldInfo& field) {
        for (const Node& value : named_by(field)) {
          CAPTURE(key, config::show(value));
          const Node all = with(key, value);
          pipelines::Settings settings;
          REQUIRE_NOTHROW(settings = config::read<pipelines::Settings>(all));
          // A link between ranks goes with the rates of the device.
          const bool is_link =
              key.starts_with("device.interconnect.") || key.starts_with("device.network.");
          if (!is_link) CHECK_NOTHROW(settings.engine_options());
          // A cache suits some models only, and its parameters go with it.
          const bool is_whole = !key.starts_with("request.flexcache");
          if (key.starts_with("request.") && is_whole && !field.rule.described_only)
            CHECK(complaint(settings.request).empty());
          ++checked;
        }
        if (field.rule.least && field.type == "integer" && !field.rule.described_only)
          CHECK_THROWS_AS(config::read<pipelines::Settings>(
                              with(key, Node(static_cast<std::int64_t>(*field.rule.least) - 1))),
                          InputError);
      });
  CHECK(checked > 60);
}

}  // namespace
}  // namespace chitu::tools
