#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/graph/events.h"
#include "chitu_core/parallel/ranks.h"
#include "pipelines/engine.h"
#include "pipelines/settings/settings.h"
#include "tools/chitu/interrupt.h"

namespace chitu::tools {

/// Checks that this launch has the ranks that the settings ask for.
///
/// throws  InputError with the nearest sizes that work
void check_launch(const pipelines::Settings& settings);

/// The options of an engine of this rank, on the device of this rank if the settings name no index.
///
/// ranks  null for one process; as many as the settings ask for
pipelines::EngineOptions options_of_rank(pipelines::Settings settings, parallel::Ranks* ranks);

/// Joins the other ranks of this launch; null for one process.
///
/// settings  whose device becomes that of this rank, if it names no index
/// throws    InputError where the launch and infer.diffusion do not fit each other; Error where a
///           rank does not come
std::unique_ptr<parallel::Ranks> join_ranks(pipelines::Settings& settings);

/// The same where a launch may have several groups of ranks: joins those of this group. Null for a
/// group of one process.
std::unique_ptr<parallel::Ranks> join_group(pipelines::Settings& settings);

/// The same for work that needs no settings.
///
/// limit  for joining, and within which every rank ends after a failure
std::unique_ptr<parallel::Ranks> join_ranks(const parallel::Launch& launch,
                                            const parallel::ParallelOptions& options,
                                            std::chrono::milliseconds limit);

/// Compares the software and the configurations of all ranks, but for what may differ between
/// hosts. Null ranks: does nothing.
///
/// more    to compare
/// throws  InputError naming the first difference
void agree_on_configuration(parallel::Ranks* ranks, const config::Composition& composition,
                            const parallel::Facts& more = {});

/// Compares the checkpoints and memory plans of all ranks. Null ranks: does nothing.
///
/// throws  InputError naming the first difference
void agree_on_model(parallel::Ranks* ranks, const pipelines::Engine& engine);

/// What ranks compare of a request, each name after these words.
parallel::Facts request_facts(const std::string& about, const pipelines::Request& request);

/// Compares the checkpoints, requests and memory plans of all ranks. Null ranks: does nothing.
///
/// throws  InputError naming the first difference
void agree_on_work(parallel::Ranks* ranks, const pipelines::Engine& engine,
                   const pipelines::Request& request);

/// Compares the requests of all ranks, each about its own words. Null ranks: does nothing.
///
/// throws  InputError naming the first difference
void agree_on_requests(
    parallel::Ranks* ranks,
    const std::vector<std::pair<std::string, const pipelines::Request*>>& requests);

/// What `text` gives on the first rank, where alone it is called, on all of them. Null ranks: in
/// this process.
std::string text_of_first(parallel::Ranks* ranks, const std::function<std::string()>& text);

/// The signal that stops this process; else that of any rank, which has told it. 0 for none. Every
/// rank calls it at the same time. Null ranks: that of this process.
int signal_of_ranks(parallel::Ranks* ranks, const Interrupt& interrupt);

/// Does the work of this rank and waits for the others. When one fails, all end: by an error that
/// names the rank.
int with_ranks(parallel::Ranks* ranks, const Interrupt& interrupt,
               const std::function<int()>& work);

/// Does work that all ranks do together, of which others follow: an error of it ends only this
/// work, on all ranks. An interrupt of one ends them all.
int together(parallel::Ranks& ranks, const Interrupt& interrupt, const std::function<int()>& work);

/// After an Interrupted: throws the failure of a rank if that is why. Null ranks: does nothing.
void check_ranks(parallel::Ranks* ranks, const Interrupt& interrupt);

/// Tells the other ranks the stage of this one.
class StageNews final : public graph::Observer {
 public:
  explicit StageNews(parallel::Ranks& ranks) : ranks_(ranks) {}
  void stage_begin(std::string_view stage) override { ranks_.monitor().enter(std::string(stage)); }

 private:
  parallel::Ranks& ranks_;
};

/// A stop that either of two asks for.
class EitherStop {
 public:
  EitherStop(std::stop_token one, std::stop_token other)
      : one_(std::move(one), Ask{source_}), other_(std::move(other), Ask{source_}) {}
  EitherStop(const EitherStop&) = delete;
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Ask {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Ask> one_, other_;
};

}  // namespace chitu::tools
