#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/graph/events.h"
#include "chitu_core/parallel/ranks.h"
#include "pipelines/engine.h"
#include "pipelines/settings/settings.h"
#include "tools/chitu/interrupt.h"

namespace chitu::tools {

/// Joins the other ranks of this launch; null for one process.
///
/// settings  whose device becomes that of this rank, if it names no index
/// throws    InputError where the launch and infer.diffusion do not fit each other; Error where a
///           rank does not come
std::unique_ptr<parallel::Ranks> join_ranks(pipelines::Settings& settings);

/// Compares the software and the configurations of all ranks, but for what may differ between
/// hosts. Null ranks: does nothing.
///
/// throws  InputError naming the first difference
void agree_on_configuration(parallel::Ranks* ranks, const config::Composition& composition);

/// Compares the checkpoints, requests and memory plans of all ranks. Null ranks: does nothing.
///
/// throws  InputError naming the first difference
void agree_on_work(parallel::Ranks* ranks, const pipelines::Engine& engine,
                   const pipelines::Request& request);

/// Does the work of this rank and waits for the others. When one fails, all end: by an error that
/// names the rank.
int with_ranks(parallel::Ranks* ranks, const Interrupt& interrupt,
               const std::function<int()>& work);

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
