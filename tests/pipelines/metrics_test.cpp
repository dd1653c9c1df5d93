#include "pipelines/observe/metrics.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "chitu_core/device/sim.h"
#include "pipelines/forecast/plan_json.h"
#include "pipelines/model/request_json.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

/// Cost of each stage of one run, and the bytes that components loaded.
struct Costs : graph::Observer {
  explicit Costs(Engine& engine) {
    const testing::TemporaryFolder folder;
    Metrics metrics(engine.plan().device);
    Engine::RunOptions run;
    run.observers = {&metrics, this};
    engine.generate(engine.complete(small_request()), {.dir = folder.path()}, run);
    for (const StageCost& stage : metrics.stages()) of.emplace(stage.name, stage);
  }
  void component_onloaded(std::string_view component, std::int64_t bytes) override {
    onloaded[std::string(component)] = bytes;
  }
  std::map<std::string, StageCost> of;
  std::map<std::string, std::int64_t> onloaded;
};

const std::map<std::string, std::string> kStageOf{
    {"text_encoder", "encode_text"}, {"transformer", "denoise"}, {"vae", "decode_latents"}};

TEST_CASE("at level 0 the first run copies every weight once, the next run none", "[pipelines]") {
  Engine engine = open_on_sim(0);
  const Costs first(engine), second(engine);
  for (const memory::Component* component : engine.components()) {
    CAPTURE(component->name());
    const std::string stage = kStageOf.at(component->name());
    const StageCost &cost = first.of.at(stage), &again = second.of.at(stage);
    const auto weights = memory::weight_bytes(component->module(), at::kFloat);
    CHECK(cost.disk_bytes == weights);
    CHECK(again.disk_bytes == 0);
    CHECK(cost.h2d_bytes - again.h2d_bytes == weights);
    CHECK(cost.d2h_bytes == again.d2h_bytes);
    CHECK_FALSE(cost.overlap.has_value());
    CHECK(cost.peak_device_bytes >= cost.allocated_device_bytes);
    CHECK(cost.allocated_device_bytes >= weights);
    CHECK(cost.peak_host_bytes > 0);
  }
}

TEST_CASE("at level 3 a stage reports the streamed bytes and how much of the copying was hidden",
          "[pipelines]") {
  Engine resident = open_on_sim(0);
  const Costs loading(resident), activations_alone(resident);
  Engine engine = open_on_sim(3);
  const Costs costs(engine);
  const auto& transformer = *engine.components()[1];
  REQUIRE(transformer.name() == "transformer");
  const StageCost& denoise = costs.of.at("denoise");
  const auto outside_layers = costs.onloaded.at("transformer");
  const auto in_layers = memory::weight_bytes(transformer.module(), at::kFloat) - outside_layers;
  const auto passes = small_request().num_inference_steps.value();
  CHECK(denoise.h2d_bytes - activations_alone.of.at("denoise").h2d_bytes ==
        transformer.traffic().bytes + outside_layers);
  CHECK(denoise.disk_bytes == passes * in_layers + outside_layers);
  for (const auto& [name, stage] : costs.of) {
    CAPTURE(name);
    REQUIRE(stage.overlap.has_value() == (name == "denoise" || name == "encode_text"));
    if (stage.overlap) CHECK((*stage.overlap >= 0 && *stage.overlap <= 1));
  }
}

TEST_CASE("every layer is reported, with what was streamed for it", "[pipelines]") {
  struct Layers final : graph::Observer {
    void layer_begin(std::string_view component, std::int64_t index) override {
      walk.push_back(fmt(component, index));
    }
    void layer_end(std::string_view component, std::int64_t index) override {
      ordered = ordered && walk.back() == fmt(component, index);
    }
    void layer_streamed(std::string_view component,
                        const memory::StreamEvent& event) noexcept override {
      if (component != "transformer") return;
      ++events[event.kind];
      if (event.kind == memory::StreamEvent::Kind::host_to_device) copied += event.bytes;
      ordered = ordered && event.begin <= event.end;
    }
    static std::string fmt(std::string_view component, std::int64_t index) {
      return std::string(component) + " " + std::to_string(index);
    }
    std::vector<std::string> walk;
    std::map<memory::StreamEvent::Kind, std::int64_t> events;
    std::int64_t copied = 0;
    bool ordered = true;
  } layers;
  const int level = GENERATE(0, 3);
  Engine engine = open_on_sim(level);
  Engine::RunOptions run;
  run.observers = {&layers};
  engine.generate(engine.complete(small_request()), {}, run);
  const auto depth = [](const char* component) {
    std::ifstream config(fixtures() / "wan-unipc" / component / "config.json");
    return nlohmann::json::parse(config).at("num_layers").get<std::int64_t>();
  };
  std::vector<std::string> expected;
  for (int i = 0; i < depth("text_encoder"); ++i)
    expected.push_back(Layers::fmt("text_encoder", i));
  for (int step = 0; step < 2; ++step)
    for (int i = 0; i < depth("transformer"); ++i)
      expected.push_back(Layers::fmt("transformer", i));
  CHECK(layers.walk == expected);
  CHECK(layers.ordered);
  using Kind = memory::StreamEvent::Kind;
  for (const Kind kind : {Kind::disk_read, Kind::host_to_device, Kind::wait})
    CHECK(layers.events[kind] == (level == 3 ? 2 * depth("transformer") : 0));
  CHECK(layers.copied == engine.components()[1]->traffic().bytes);
}

TEST_CASE("an unfinished stage is reported with its current values", "[pipelines]") {
  Metrics metrics(c10::kCPU);
  metrics.stage_begin("denoise");
  const auto stages = metrics.stages();
  REQUIRE(stages.size() == 1);
  CHECK(stages[0].end_s >= stages[0].begin_s);
  CHECK(stages[0].peak_device_bytes > 0);
  const auto json = metrics.report().at("stages").at(0);
  for (const char* key : {"allocated_device_bytes", "reserved_device_bytes", "peak_device_bytes",
                          "peak_host_bytes", "h2d_bytes", "d2h_bytes", "disk_bytes"})
    CHECK(json.at(key).is_number_integer());
  CHECK(json.at("overlap").is_null());
}

TEST_CASE("each run counts its seconds by its own clock", "[pipelines]") {
  Metrics first(c10::kCPU), later(c10::kCPU, RunClock::since_now());
  later.stage_begin("denoise");
  first.stage_begin("denoise");
  CHECK(later.stages()[0].begin_s < first.stages()[0].begin_s);
}

TEST_CASE("the table has a line for each stage, and totals", "[pipelines]") {
  const auto lines = stage_table({{.name = "encode_text",
                                   .begin_s = 1,
                                   .end_s = 2.5,
                                   .peak_device_bytes = 3 << 20,
                                   .h2d_bytes = 1 << 20,
                                   .disk_bytes = 512},
                                  {.name = "denoise",
                                   .begin_s = 2.5,
                                   .end_s = 4.5,
                                   .peak_device_bytes = 2 << 20,
                                   .h2d_bytes = 1 << 20,
                                   .disk_bytes = 512,
                                   .overlap = 0.985}});
  REQUIRE(lines.size() == 4);
  CHECK_THAT(lines[0], ContainsSubstring("stage") && ContainsSubstring("overlap"));
  CHECK_THAT(lines[1], ContainsSubstring("encode_text") && ContainsSubstring("1.500 s") &&
                           Catch::Matchers::EndsWith(" -"));
  CHECK_THAT(lines[2], ContainsSubstring("denoise") && Catch::Matchers::EndsWith("98.5 %"));
  CHECK_THAT(lines[3], ContainsSubstring("3.500 s") && ContainsSubstring("3.0 MiB") &&
                           ContainsSubstring("2.0 MiB") && ContainsSubstring("1.0 KiB"));
}

}  // namespace
}  // namespace chitu::pipelines
