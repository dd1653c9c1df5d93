#include "pipelines/model/pipeline.h"

#include "chitu_core/common/error.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

class OneWeight : public memory::Module {
 public:
  OneWeight() { add_parameter("weight", {1}); }
};

/// Uses the components that a test gives it.
struct Use {
  using Inputs = std::tuple<Job>;
  using Output = Job;
  static constexpr std::string_view name = "use";
  std::vector<memory::Component*> used;

  std::vector<memory::Component*> components() const { return used; }
  Job run(const Job& job, graph::Context&) const { return job; }
};

/// Lists some components, and has a stage that uses some.
class ToyPipeline final : public Pipeline {
 public:
  ToyPipeline(std::vector<memory::Component*> listed, std::vector<memory::Component*> used)
      : listed_(std::move(listed)) {
    graph_.add(Use{std::move(used)}, graph_.input<Job>());
  }
  const graph::Graph& graph() const override { return graph_; }
  std::vector<memory::Component*> components() const override { return listed_; }
  RequestDefaults request_defaults() const override { return {}; }
  void check(const Request&) const override {}
  SizeSteps size_steps() const override { return {}; }
  std::vector<std::int64_t> latents_shape(const Request&) const override { return {}; }
  std::size_t result_slot() const override { return 0; }
  std::size_t frames_slot() const override { return 0; }
  std::int64_t transformer_layers() const override { return 0; }
  double recomputed_share(const Request&, const memory::MemoryPlan&) const override { return 0; }
  std::unique_ptr<Pipeline> for_plan() const override { return nullptr; }

 private:
  std::vector<memory::Component*> listed_;
  graph::Graph graph_;
};

memory::Component component(const std::string& name,
                            std::shared_ptr<memory::Module> module = nullptr) {
  if (!module) module = std::make_shared<OneWeight>();
  return {name, module, std::make_shared<memory::DryRunWeights>(nullptr, at::kFloat)};
}

void check(const Pipeline& pipeline) { check_components(pipeline, memory::one_of_each_role()); }

TEST_CASE("every component is listed, known, and used by a stage", "[pipelines]") {
  auto vae = component("vae"), transformer = component("transformer");
  CHECK_NOTHROW(check(ToyPipeline({&vae, &transformer}, {&vae, &transformer})));
  CHECK_THROWS_WITH(check(ToyPipeline({&vae, &transformer}, {&vae})),
                    "no stage uses the component transformer");
  CHECK_THROWS_WITH(check(ToyPipeline({&vae}, {&vae, &transformer})),
                    "stage use uses a component transformer that the pipeline does not list");
  auto other_vae = component("vae");
  CHECK_THROWS_WITH(check(ToyPipeline({&vae}, {&vae, &other_vae})),
                    "stage use uses a component vae that the pipeline does not list");
  CHECK_THROWS_WITH(check(ToyPipeline({&vae, &other_vae}, {&vae})), "two components are named vae");
  auto unknown = component("upsampler");
  CHECK_THROWS_WITH(check(ToyPipeline({&unknown}, {&unknown})),
                    "the memory plan has no component upsampler");
  const auto module = std::make_shared<OneWeight>();
  auto encoder = component("text_encoder", module), sharing = component("vae", module);
  CHECK_THROWS_WITH(check(ToyPipeline({&encoder, &sharing}, {&encoder, &sharing})),
                    "the parameter weight belongs to the components text_encoder and vae");
}

TEST_CASE("a family may describe further components of a role", "[pipelines]") {
  auto high = component("transformer"), low = component("transformer_2");
  CHECK_NOTHROW(check_components(
      ToyPipeline({&high, &low}, {&high, &low}),
      {{"transformer", memory::Role::transformer}, {"transformer_2", memory::Role::transformer}}));
}

TEST_CASE("the pipelines of this build manage all their weights", "[pipelines]") {
  const auto described = components_of(fixtures() / "wan-unipc");
  CHECK((described == memory::one_of_each_role()));
  const auto opened = open_pipeline(fixtures() / "wan-unipc", {.for_plan = true});
  CHECK_NOTHROW(check_components(*opened, described));
  CHECK_NOTHROW(check_components(*opened->for_plan(), described));
}

}  // namespace
}  // namespace chitu::pipelines
