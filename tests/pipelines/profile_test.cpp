#include "pipelines/observe/profile.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "chitu_core/common/bytes.h"
#include "pipelines/observe/metrics.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

/// The spans of a trace by the name of their track, in order of time.
class Trace {
 public:
  explicit Trace(const std::string& text) : events_(nlohmann::json::parse(text).at("traceEvents")) {
    std::map<int, std::string> tracks;
    for (const auto& event : events_)
      if (event.at("name") == "thread_name")
        tracks[event.at("tid")] = event.at("args").at("name").get<std::string>();
    for (const auto& event : events_)
      if (event.at("ph") == "X") spans_[tracks.at(event.at("tid"))].push_back(event);
  }
  const nlohmann::json& events() const { return events_; }
  std::vector<nlohmann::json> on(const std::string& track) const {
    const auto found = spans_.find(track);
    return found == spans_.end() ? std::vector<nlohmann::json>() : found->second;
  }
  std::vector<std::string> names_on(const std::string& track) const {
    std::vector<std::string> names;
    for (const auto& span : on(track)) names.push_back(span.at("name"));
    return names;
  }

 private:
  nlohmann::json events_;
  std::map<std::string, std::vector<nlohmann::json>> spans_;
};

/// One profiled run on the simulated device.
struct Watched {
  explicit Watched(int level) {
    EngineOptions options;
    options.ckpt_dir = fixtures() / "wan-unipc";
    options.device = "sim";
    options.memory.low_mem_level = level;
    Engine engine(options);
    const testing::TemporaryFolder folder;
    const c10::Device device = engine.plan().device;
    Metrics metrics(device);
    Profile profile(device);
    Engine::RunOptions run;
    run.observers = {&metrics, &profile};
    engine.generate(engine.complete(small_request()), {.dir = folder.path()}, run);
    files = profile.finish();
    for (const StageCost& stage : metrics.stages())
      peak_bytes = std::max(peak_bytes, stage.peak_device_bytes);
    for (const memory::Component* component : engine.components())
      streamed[component->name()] = component->traffic();
  }
  std::vector<Profile::File> files;
  std::int64_t peak_bytes = 0;
  std::map<std::string, memory::LayerStream::Traffic> streamed;
};

TEST_CASE("a trace has stages, steps, layers and what was streamed for them", "[pipelines]") {
  const int level = GENERATE(0, 3);
  CAPTURE(level);
  Watched watched(level);
  REQUIRE(watched.files.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(watched.files[i].name == Profile::kFileNames[i]);

  const Trace trace(watched.files[0].text);
  std::int64_t highest = 0;
  for (const auto& event : trace.events()) {
    for (const char* key : {"name", "ph", "ts", "pid", "tid"}) CHECK(event.contains(key));
    CHECK(event.contains("dur") == (event.at("ph") == "X"));
    if (event.at("ph") == "C")
      highest = std::max(highest, event.at("args").at("bytes").get<std::int64_t>());
  }
  CHECK(highest == watched.peak_bytes);
  CHECK(trace.names_on("stages") == std::vector<std::string>{"tokenize", "encode_text",
                                                             "prepare_latents", "denoise",
                                                             "decode_latents", "save"});
  CHECK(trace.names_on("steps") == std::vector<std::string>{"step 1 of 2", "step 2 of 2"});
  const auto layers = trace.names_on("layers of transformer");
  REQUIRE(layers.size() % 2 == 0);
  CHECK(layers.front() == "layer 0");
  CHECK(layers[layers.size() / 2] == "layer 0");  // of the second step

  for (const char* lane : {"disk read", "host to device copy"}) {
    std::int64_t bytes = 0;
    for (const auto& span : trace.on(lane)) bytes += span.at("args").at("bytes").get<int>();
    CHECK(bytes ==
          watched.streamed.at("transformer").bytes + watched.streamed.at("text_encoder").bytes);
    CHECK(trace.on(lane).empty() == (level == 0));
  }
}

TEST_CASE("the memory chart names every stage and marks the allocator's own peak", "[pipelines]") {
  Watched watched(0);
  const std::string& svg = watched.files[1].text;
  CHECK_THAT(svg, Catch::Matchers::StartsWith("<svg ") &&
                      ContainsSubstring("peak " + format_bytes(watched.peak_bytes) + " in "));
  for (const char* stage :
       {"tokenize", "encode_text", "prepare_latents", "denoise", "decode_latents", "save"})
    CHECK_THAT(svg, ContainsSubstring(std::string(stage) + ": "));
}

TEST_CASE("the chart of an empty run is valid, and names are escaped", "[pipelines]") {
  CHECK_THAT(memory_svg({}), Catch::Matchers::EndsWith("</svg>\n"));
  const MemoryChart chart{"a < b & c", {{0, 5}, {1, 7}}, {{"<stage>", 0, 1, 1, 7}}};
  const std::string svg = memory_svg(chart);
  CHECK_THAT(svg, ContainsSubstring("a &lt; b &amp; c") && ContainsSubstring("&lt;stage&gt;") &&
                      ContainsSubstring("peak 7 B in"));
  CHECK_THAT(svg, !ContainsSubstring("<stage>"));
}

TEST_CASE("open spans of a failed run are closed", "[pipelines]") {
  Profile profile(c10::kCPU);
  profile.stage_begin("denoise");
  profile.step_begin(0, 2);
  profile.layer_begin("transformer", 0);
  const bool in_step = GENERATE(false, true);
  if (in_step) profile.step_end(0, 2);  // a step reports its end also when it throws
  const Trace trace(profile.finish()[0].text);
  CHECK(trace.names_on("stages") == std::vector<std::string>{"denoise"});
  CHECK(trace.names_on("steps") == std::vector<std::string>{"step 1 of 2"});
  CHECK(trace.names_on("layers of transformer") == std::vector<std::string>{"layer 0"});
}

std::int64_t calls_of(const std::vector<OperatorTime>& operators, const std::string& name) {
  for (const OperatorTime& each : operators)
    if (each.name == name) return each.calls;
  return 0;
}

TEST_CASE("operators are counted per thread, without callees, and only while profiling",
          "[pipelines]") {
  const at::Tensor matrix = at::ones({4, 4});
  CHECK_FALSE(at::hasGlobalCallbacks());
  {
    const OperatorTimes times;
    at::linear(matrix, matrix, at::ones({4}));
    std::thread([&] { at::mm(matrix, matrix); }).join();
    const auto hottest = times.hottest();
    CHECK(calls_of(hottest, "aten::linear") == 1);
    CHECK(calls_of(hottest, "aten::addmm") == 1);  // called by linear
    CHECK(calls_of(hottest, "aten::mm") == 1);
    for (std::size_t i = 0; i < hottest.size(); ++i) {
      CHECK(hottest[i].self_s >= 0);
      if (i) CHECK(hottest[i - 1].self_s >= hottest[i].self_s);
    }
  }
  CHECK_FALSE(at::hasGlobalCallbacks());
  at::mm(matrix, matrix);
  CHECK(OperatorTimes().hottest().empty());
}

TEST_CASE("the table of operators has name, calls and share", "[pipelines]") {
  const std::string table = operators_table({{"aten::mm", 3, 0.75}, {"aten::add", 1, 0.25}});
  CHECK_THAT(table, ContainsSubstring("aten::mm") && ContainsSubstring("75.0 %") &&
                        ContainsSubstring("25.0 %"));
  CHECK(std::count(table.begin(), table.end(), '\n') == 3);
}

}  // namespace
}  // namespace chitu::pipelines
