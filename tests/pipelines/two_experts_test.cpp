#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/safetensors.h"
#include "tests/pipelines/edited_model.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;
using Names = std::vector<std::string>;

/// The order in which experts come and go, and their steps: "+transformer", "0", "-transformer".
struct ExpertLog final : graph::Observer {
  void component_onloaded(std::string_view name, std::int64_t) override { log("+", name); }
  void component_offloaded(std::string_view name) override { log("-", name); }
  void step_begin(int index, int) override { events.push_back(std::to_string(index)); }
  void log(const std::string& sign, std::string_view name) {
    if (name.starts_with("transformer")) events.push_back(sign + std::string(name));
  }
  Names events;
};

PartialRequest four_steps() {
  PartialRequest request = small_request();
  request.num_inference_steps = 4;
  return request;
}

Names events_of(const EngineOptions& options) {
  Engine engine(options);
  ExpertLog log;
  Engine::RunOptions run;
  run.observers = {&log};
  engine.generate(engine.complete(four_steps()), {}, run);
  return log.events;
}

at::Tensor latents_of(const EngineOptions& options, const PartialRequest& request) {
  return dumped(options, request, "final_latents");
}

TEST_CASE("from level 1 on, the first expert has left the device before the second comes",
          "[pipelines]") {
  const auto model = fixtures() / "wan-two-experts";
  const int level = GENERATE(1, 2, 3);
  CAPTURE(level);
  CHECK(events_of(options_for(model, GENERATE("cpu", "sim"), level)) ==
        Names{"+transformer", "0", "1", "-transformer", "+transformer_2", "2", "3",
              "-transformer_2"});
  CHECK(events_of(options_for(model, "cpu", 0)) ==
        Names{"+transformer", "0", "1", "+transformer_2", "2", "3"});
}

TEST_CASE("two experts give the same bits at every level, on the CPU and on a device",
          "[pipelines]") {
  const auto model = fixtures() / "wan-two-experts";
  const at::Tensor expected = latents_of(options_for(model), four_steps());
  for (const char* device : {"cpu", "sim"})
    for (int level = 0; level < 4; ++level) {
      CAPTURE(device, level);
      CHECK(latents_of(options_for(model, device, level), four_steps()).equal(expected));
    }
}

TEST_CASE("boundary_ratio 0, 1 and null leave one expert at rest", "[pipelines]") {
  const EditedModel model("wan-two-experts");
  const auto with_ratio = [&](const nlohmann::json& ratio) {
    model.edit("model_index.json", [&](auto& json) { json["boundary_ratio"] = ratio; });
    return events_of(options_for(model.path(), "cpu", 1));
  };
  const Names first{"+transformer", "0", "1", "2", "3", "-transformer"};
  CHECK(with_ratio(0) == first);
  CHECK(with_ratio(1) == Names{"+transformer_2", "0", "1", "2", "3", "-transformer_2"});
  CHECK(with_ratio(nullptr) == Names{"+transformer", "0", "1", "2", "3"});
}

TEST_CASE("an expert without steps need not be in the checkpoint", "[pipelines]") {
  const EditedModel model("wan-two-experts");
  const auto without = [&](const char* name, double ratio) {
    model.edit("model_index.json", [&](auto& json) {
      json["boundary_ratio"] = ratio;
      json["transformer"] = json["transformer_2"] = {"diffusers", "WanTransformer3DModel"};
      json[name] = {nullptr, nullptr};
    });
    return events_of(options_for(model.path(), "cpu", 3));
  };
  CHECK(without("transformer_2", 0) == Names{"+transformer", "0", "1", "2", "3", "-transformer"});
  CHECK(without("transformer", 1) == Names{"+transformer_2", "0", "1", "2", "3", "-transformer_2"});
  CHECK_THROWS_WITH(without("transformer", 0.5),
                    ContainsSubstring("model_index.json: transformer: expected"));
}

TEST_CASE("guidance_scale_2 is of the second expert, and guidance_scale where it is null",
          "[pipelines]") {
  const auto options = options_for(fixtures() / "wan-two-experts");
  PartialRequest request = four_steps();
  const at::Tensor one_scale = latents_of(options, request);
  request.guidance_scale_2 = request.guidance_scale;
  CHECK(latents_of(options, request).equal(one_scale));
  request.guidance_scale_2 = 3;
  CHECK_FALSE(latents_of(options, request).equal(one_scale));
}

TEST_CASE("guidance_scale_2 is refused where one transformer takes all steps", "[pipelines]") {
  const Engine engine = open_engine("wan-unipc");
  PartialRequest request = small_request();
  request.guidance_scale_2 = 3;
  CHECK_THROWS_WITH(engine.complete(request),
                    ContainsSubstring("request.guidance_scale_2=3: expected null: this checkpoint "
                                      "has no boundary_ratio"));
}

}  // namespace
}  // namespace chitu::pipelines
