#include "chitu_core/parallel/monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <initializer_list>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "chitu_core/common/thread.h"
#include "chitu_core/parallel/store.h"

namespace chitu::parallel {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kFailureKey = "failure";
constexpr const char* kSetbackKey = "setback";
constexpr const char* kDone = "end";   // of the stages: this rank waits for the others
constexpr const char* kLeft = "left";  // and this one has seen that all are done
constexpr milliseconds kShortestBeat{20}, kLongestBeat{500}, kLongestFarewell{2000};

/// What is known of a rank: the text of its key, since when, and its stage.
struct Seen {
  std::string text{};
  Clock::time_point since{};
  std::string stage{};
};

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

std::string stage_of(const std::string& beat) { return beat.substr(beat.find(' ') + 1); }

}  // namespace

struct Monitor::State {
  State(std::unique_ptr<Store> the_store, Settings the_settings)
      : store(std::move(the_store)), settings(std::move(the_settings)) {
    for (int rank = 0; rank < settings.size; ++rank) keys.push_back(key_of(rank));
    keys.emplace_back(kSetbackKey);
    keys.emplace_back(kFailureKey);
    seen.assign(static_cast<std::size_t>(settings.size), Seen{"", Clock::now(), stage});
    beat = std::clamp(settings.limit / 40, kShortestBeat, kLongestBeat);
  }

  milliseconds silence() const { return settings.limit / 2; }
  milliseconds grace() const { return settings.limit / 4; }

  void beat_loop();
  void watch_loop();
  bool pass(const std::string& now_in, const std::optional<Failure>& news);
  void look_at(std::vector<std::string> texts);
  void note(Failure found);
  void note_setback(int number);
  std::string name_of(int rank) const { return fmt::format("rank {}", settings.first_rank + rank); }
  void note_silence(int rank, Clock::duration time);
  void note_store();
  Failure report(Failure mine);
  bool all_in(std::initializer_list<std::string_view> stages) const;
  void leave();

  const std::unique_ptr<Store> store;  // used by the beating thread alone
  const Settings settings;
  std::vector<std::string> keys;
  milliseconds beat;

  std::mutex mutex;
  std::condition_variable changed;
  std::string stage = "start";
  std::vector<Seen> seen;
  std::optional<Clock::time_point> asked{};  // the store, which has not answered yet
  std::optional<Failure> mine{};             // to be reported
  std::optional<Failure> failure{};
  Clock::time_point failed_at{};
  std::stop_source stop{};
  std::vector<std::function<void()>> calls{};
  int setback = 0;
  std::function<void(int)> on_setback{};
  bool store_lost = false, ends = false, beats = true, watches = true;
  std::uint64_t passes = 0;
  std::jthread beating{}, watching{};
};

/// Tells and asks the store once. False when it cannot be reached.
bool Monitor::State::pass(const std::string& now_in, const std::optional<Failure>& news) {
  try {
    store->set(key_of(settings.rank), fmt::format("{} {}", passes + 1, now_in));
    if (news) store->exchange(kFailureKey, "", to_text(*news));
    look_at(store->get(keys));
    return true;
  } catch (const std::exception&) {
    note_store();
    return false;
  }
}

void Monitor::State::beat_loop() {
  std::unique_lock lock(mutex);
  while (!store_lost) {
    const bool last = ends;
    const std::string now_in = stage;
    const std::optional<Failure> news = mine;
    asked = Clock::now();
    lock.unlock();
    const bool answered = pass(now_in, news);
    lock.lock();
    asked.reset();
    store_lost = !answered;
    ++passes;
    changed.notify_all();
    if (last) break;
    changed.wait_for(lock, beat, [&] { return ends || stage != now_in || mine != news; });
  }
  beats = false;
  changed.notify_all();
}

void Monitor::State::look_at(std::vector<std::string> texts) {
  std::optional<Failure> found;
  if (!texts.back().empty()) found = failure_from(texts.back());
  int silent = -1;
  Clock::duration time{};
  {
    const std::lock_guard lock(mutex);
    const auto now = Clock::now();
    for (int rank = 0; rank < settings.size; ++rank) {
      Seen& one = seen[static_cast<std::size_t>(rank)];
      std::string& text = texts[static_cast<std::size_t>(rank)];
      if (text != one.text) one = {text, now, stage_of(text)};
      if (rank != settings.rank && now - one.since > silence() && one.stage != kLeft) {
        silent = rank;
        time = now - one.since;
      }
    }
  }
  note_setback(std::stoi(texts[texts.size() - 2]));
  if (found)
    note(std::move(*found));
  else if (silent >= 0)
    note_silence(silent, time);
}

void Monitor::State::note_setback(int number) {
  std::function<void(int)> call;
  {
    const std::lock_guard lock(mutex);
    if (number <= setback) return;
    setback = number;
    call = on_setback;
  }
  if (call) call(number);
}

void Monitor::State::note_silence(int rank, Clock::duration time) {
  std::string in;
  {
    const std::lock_guard lock(mutex);
    in = seen[static_cast<std::size_t>(rank)].stage;
  }
  Failure found{rank, exit_codes::kFailed,
                fmt::format("{} has not answered for {:.1f} s, its last stage was {}",
                            name_of(rank), seconds(time), in)};
  {
    const std::lock_guard lock(mutex);
    if (!mine) mine = found;  // the others hear of it with the next beat
  }
  note(std::move(found));
}

void Monitor::State::note_store() {
  const bool of_rank_0 = settings.store_owner.empty();
  std::optional<Failure> known;
  std::string in;
  {
    const std::lock_guard lock(mutex);
    if (ends || all_in({kLeft, kDone})) return;  // rank 0 may leave first
    known = mine;
    in = seen.front().stage;
  }
  // The end of rank 0 may be why another rank that this one waits for has ended.
  if (!known || (of_rank_0 && known->rank != settings.rank))
    known = Failure{0, exit_codes::kFailed,
                    of_rank_0 ? fmt::format("{} has ended, its last stage was {}", name_of(0), in)
                              : fmt::format("the store of {} has ended", settings.store_owner)};
  note(std::move(*known));
}

void Monitor::State::note(Failure found) {
  std::vector<std::function<void()>> now;
  {
    const std::lock_guard lock(mutex);
    if (failure) return;
    failure = std::move(found);
    failed_at = Clock::now();
    now.swap(calls);
  }
  changed.notify_all();
  stop.request_stop();
  for (const auto& call : now) call();
}

/// Watches the thread that asks the store, and the end of the main thread after a failure.
void Monitor::State::watch_loop() {
  std::unique_lock lock(mutex);
  while (!ends) {
    changed.wait_for(lock, beat, [&] { return ends; });
    const auto now = Clock::now();
    if (!failure && asked && now - *asked > silence()) {
      const double time = seconds(now - *asked);
      const std::string in = seen.front().stage;
      lock.unlock();
      note({0, exit_codes::kFailed,
            settings.store_owner.empty()
                ? fmt::format("{} has not answered for {:.1f} s, its last stage was {}", name_of(0),
                              time, in)
                : fmt::format("the store of {} has not answered for {:.1f} s", settings.store_owner,
                              time)});
      lock.lock();
    }
    const bool hangs = failure && stage != kLeft && now - failed_at > grace();
    if (hangs && settings.end_process) settings.end_process(*failure);
  }
  watches = false;
  changed.notify_all();
}

Failure Monitor::State::report(Failure own) {
  std::unique_lock lock(mutex);
  if (!failure) {
    mine = own;
    changed.notify_all();
    changed.wait_for(lock, silence(), [&] { return failure || store_lost; });
  }
  if (failure) return *failure;
  lock.unlock();
  note(own);
  return own;
}

bool Monitor::State::all_in(std::initializer_list<std::string_view> stages) const {
  for (int rank = 0; rank < settings.size; ++rank)
    if (rank != settings.rank &&
        std::ranges::find(stages, seen[static_cast<std::size_t>(rank)].stage) == stages.end())
      return false;
  return true;
}

/// Shows the others that this rank leaves, then ends both threads. One that the store keeps waiting
/// is left behind.
void Monitor::State::leave() {
  const milliseconds farewell = std::min(grace(), kLongestFarewell);
  std::unique_lock lock(mutex);
  if (stage != kDone && !failure) {  // else the others would wait for it
    const std::string in = stage;
    lock.unlock();
    report({settings.rank, exit_codes::kFailed,
            fmt::format("{} has left in stage {}", name_of(settings.rank), in)});
    lock.lock();
  }
  stage = kLeft;
  changed.notify_all();
  // The others read from this process what has happened, and then leave.
  if (settings.serves_store)
    changed.wait_for(lock, farewell, [&] { return store_lost || all_in({kLeft}); });
  ends = true;
  changed.notify_all();
  changed.wait_for(lock, farewell, [&] { return !watches && !beats; });
  const bool over = !beats;
  lock.unlock();
  watching.join();
  if (over)
    beating.join();
  else
    beating.detach();
}

Monitor::Monitor(std::unique_ptr<Store> store, Settings settings)
    : state_(std::make_shared<State>(std::move(store), std::move(settings))) {
  // The threads keep the state, as one may be left behind.
  state_->beating = start_thread([state = state_] { state->beat_loop(); });
  state_->watching = start_thread([state = state_] { state->watch_loop(); });
}

Monitor::~Monitor() { state_->leave(); }

std::string Monitor::key_of(int rank) { return fmt::format("rank/{}", rank); }

void Monitor::announce(Store& store, int rank) {
  if (rank == 0) {
    store.set(kFailureKey, "");
    store.set(kSetbackKey, "0");
  }
  store.set(key_of(rank), "0 start");
}

void Monitor::enter(const std::string& stage) {
  const std::lock_guard lock(state_->mutex);
  state_->stage = stage;
  state_->changed.notify_all();
}

std::string Monitor::stage() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stage;
}

Failure Monitor::fail(const std::string& reason, int code) {
  const int rank = state_->settings.rank;
  return state_->report(
      {rank, code,
       fmt::format("{} failed in stage {}: {}", state_->name_of(rank), stage(), reason)});
}

Failure Monitor::disagree(const std::string& sentence) {
  return state_->report({state_->settings.rank, exit_codes::kInputError, sentence});
}

Failure Monitor::lost(int rank, const std::string& reason) {
  std::string stage;
  {
    const std::lock_guard lock(state_->mutex);
    stage = state_->seen[static_cast<std::size_t>(rank)].stage;
  }
  return state_->report({rank, exit_codes::kFailed,
                         fmt::format("{} cannot be reached, its last stage was {}: {}",
                                     state_->name_of(rank), stage, reason)});
}

std::optional<Failure> Monitor::failure() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failure;
}

std::optional<Failure> Monitor::failure_soon() const {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, std::min(state_->grace(), milliseconds(1000)),
                           [&] { return state_->failure.has_value(); });
  return state_->failure;
}

void Monitor::check() const {
  if (const auto found = failure()) raise(*found);
}

std::stop_token Monitor::stop_token() const { return state_->stop.get_token(); }

void Monitor::on_failure(std::function<void()> call) {
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->failure) {
      state_->calls.push_back(std::move(call));
      return;
    }
  }
  call();
}

void Monitor::set_back(Store& store, int number) { store.set(kSetbackKey, std::to_string(number)); }

int Monitor::setback() const {
  const std::lock_guard lock(state_->mutex);
  return state_->setback;
}

void Monitor::on_setback(std::function<void(int)> call) {
  const std::lock_guard lock(state_->mutex);
  state_->on_setback = std::move(call);
}

void Monitor::finish(const std::stop_token& stop) {
  std::unique_lock lock(state_->mutex);
  state_->stage = kDone;
  state_->changed.notify_all();
  const auto over = [&] { return state_->failure || state_->all_in({kDone, kLeft}); };
  while (!state_->changed.wait_for(lock, state_->beat, over))
    if (stop.stop_requested()) throw Interrupted("interrupted while other ranks were at work");
  if (!state_->failure) return;
  const Failure found = *state_->failure;
  lock.unlock();
  raise(found);
}

}  // namespace chitu::parallel
