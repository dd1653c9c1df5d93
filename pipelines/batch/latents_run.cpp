#include "pipelines/batch/latents_run.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <system_error>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/log.h"
#include "pipelines/output/media_names.h"
#include "pipelines/spill/spill.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

graph::SavedFiles finish(graph::Execution& run, graph::Context& context,
                         const graph::BeforeStage& before_stage = {}) {
  return std::any_cast<graph::SavedFiles>(graph::run_to_end(run, context, before_stage));
}

/// Whether the file could be written.
bool write(const fs::path& file, const graph::StoredValue& values, const LatentsOrigin& origin) {
  try {
    LatentsFile::write(file, values_on_host(values), origin);
    return true;
  } catch (const InputError& error) {
    logger("run")->warn("the latents are not kept while they are decoded: {}", error.what());
    return false;
  }
}

}  // namespace

LatentsRun::LatentsRun(const Pipeline& pipeline)
    : pipeline_(pipeline), stages_(execution({}).stages()) {
  first_ = graph::legs_of(pipeline.graph(), stages_).back().first;
}

graph::Execution LatentsRun::execution(Job job) const {
  return {pipeline_.graph(), std::any(std::move(job)), pipeline_.result_slot()};
}

const graph::Graph::StageInfo& LatentsRun::stage_at(std::size_t position) const {
  return pipeline_.graph().stages()[stages_[position]];
}

std::vector<std::string> LatentsRun::components() const {
  std::vector<std::string> names;
  for (std::size_t position = first_; position < stages_.size(); ++position)
    for (const memory::Component* component : stage_at(position).components)
      names.push_back(component->name());
  return names;
}

void LatentsRun::check(const LatentsFile& latents) const {
  const std::string& next = latents.origin().next_stage;
  if (first_ == 0 || stage_at(first_).name != next)
    throw InputError(fmt::format("{}: goes on at stage {}, where this model goes on at {}",
                                 latents.path().string(), next, stage_at(first_).name));
}

graph::SavedFiles LatentsRun::generate(Job job, graph::Context& context,
                                       const std::function<BatchModel()>& model,
                                       const std::function<void(const fs::path&)>& kept) const {
  const Request request = job.request;
  const fs::path file = job.output.dir / kLatentsName;
  const bool keeps = first_ > 0 && !job.output.dir.empty();
  bool written = false;
  graph::Execution run = execution(std::move(job));
  graph::SavedFiles saved = finish(run, context, [&](graph::Execution& at) {
    if (!keeps || at.position() != first_) return;
    const BatchModel made_by = model();
    written = write(file, at.store(),
                    {request, made_by.identity, made_by.ckpt_dir, stage_at(first_).name});
    if (written && kept) kept(file);
  });
  std::error_code ignored;
  if (written) fs::remove(file, ignored);
  return saved;
}

graph::SavedFiles LatentsRun::decode(Job job, const LatentsFile& latents,
                                     graph::Context& context) const {
  graph::Execution run = execution(std::move(job));
  run.restore(latents.values(), first_);
  return finish(run, context);
}

}  // namespace chitu::pipelines
