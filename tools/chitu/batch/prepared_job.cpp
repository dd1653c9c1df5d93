#include "tools/chitu/batch/prepared_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "chitu_core/common/error.h"
#include "pipelines/output/media_names.h"
#include "pipelines/output/outputs.h"
#include "pipelines/settings/settings.h"
#include "tools/chitu/batch/batch_folder.h"

namespace chitu::tools {
namespace {

/// What a job sets, with the checkpoint that names may mention.
struct JobSettings {
  pipelines::RequestSettings request;
  pipelines::OutputSettings output;
};

JobSettings read_job(config::Node& config, const BatchJob& job) {
  *config.find("request") = job.request;
  *config.find("output") = job.output;
  const config::View view(config);
  return {config::read<pipelines::RequestSettings>(view["request"]),
          config::read<pipelines::OutputSettings>(view["output"])};
}

pipelines::Request complete_job(const JobSettings& settings, const CompleteRequest& complete) {
  const auto& formats = settings.output.format.items;
  pipelines::check_formats(settings.request.num_frames.value_or(1), formats);
  pipelines::Request request = complete(settings.request);
  pipelines::check_formats(request.num_frames, formats);
  return request;
}

void check_own_names(const pipelines::Output& output) {
  for (const auto& media : pipelines::media_names(output))
    if (is_batch_file(media.name))
      throw InputError("output.name: " + media.name +
                       " is a name that the batch uses itself, expected another one");
}

/// Does the work; an error begins with the place of the job, unless it does already.
template <class Work>
auto at_place(const std::string& place, const Work& work) {
  try {
    return work();
  } catch (const InputError& error) {
    std::string text = error.what();
    text.resize(std::min(text.find('\n'), text.size()));  // the first mistake of several
    const std::string line = place.substr(0, place.find(" ("));
    throw InputError(text.starts_with(line + ": ") ? text : place + ": " + text);
  }
}

/// Refuses a second job with the same name.
class Names {
 public:
  void add(const PreparedJob& job) {
    for (const auto& media : pipelines::media_names(job.output)) {
      const auto [first, is_new] = places_.emplace(media.name, job.place);
      if (!is_new) refuse(job, first->second);
    }
    const auto [first, is_new] = places_.emplace(job.output.name, job.place);
    if (!is_new && first->second != job.place) refuse(job, first->second);
  }

 private:
  [[noreturn]] static void refuse(const PreparedJob& job, const std::string& first) {
    throw InputError(fmt::format(
        "output.name: {} is also the name of the job at {}, expected a name for each, such as "
        "'{{index:04d}}-{{seed}}'",
        job.output.name, first));
  }

  std::unordered_map<std::string, std::string> places_;
};

}  // namespace

std::vector<PreparedJob> prepare_jobs(const BatchList& list, const std::filesystem::path& folder,
                                      std::time_t began, const CompleteRequest& complete) {
  config::Node config = list.composition.config;
  const auto model = pipelines::model_name(
      config::read<pipelines::ModelSettings>(config::View(config)["model"]).ckpt_dir);
  std::vector<PreparedJob> jobs;
  Names names;
  for (const BatchJob& job : list.jobs)
    at_place(job.place, [&] {
      JobSettings settings = read_job(config, job);
      if (!settings.output.name) settings.output.name = kDefaultJobName;
      PreparedJob prepared{job.index, job.place, complete_job(settings, complete), {}};
      prepared.output = settings.output.output_in(
          folder, {prepared.request, static_cast<std::int64_t>(job.index), model, began});
      check_own_names(prepared.output);
      names.add(prepared);
      jobs.push_back(std::move(prepared));
    });
  return jobs;
}

std::string title_of(const PreparedJob& job) {
  return fmt::format("job {} ({})", job.index, job.place);
}

}  // namespace chitu::tools
