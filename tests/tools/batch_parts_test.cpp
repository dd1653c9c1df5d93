#include <ATen/ATen.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/composition/shipped_configs.h"
#include "pipelines/settings/settings.h"
#include "tests/support/catch.h"
#include "tests/support/lower_limit.h"
#include "tests/support/temporary_folder.h"
#include "tools/chitu/batch/batch_list.h"
#include "tools/chitu/batch/batch_progress.h"
#include "tools/chitu/batch/batch_recorder.h"
#include "tools/chitu/batch/batch_work.h"
#include "tools/chitu/batch/deciding_settings.h"
#include "tools/chitu/batch/decode_job.h"
#include "tools/chitu/batch/job_fields.h"
#include "tools/chitu/batch/kept_list.h"
#include "tools/chitu/batch/merge_summaries.h"
#include "tools/chitu/batch/shard.h"
#include "tools/chitu/command_line.h"

namespace chitu::tools {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using testing::TemporaryFolder;
using Words = std::vector<std::string>;

template <class Work>
std::string refusal(const Work& work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// --- lists and the configuration
// ------------------------------------------------------------------

BatchList composed(const std::string& text, const Words& overrides = {},
                   const std::string& name = "jobs.yaml") {
  pipelines::register_chitu_resolver();
  const TemporaryFolder folder;
  write_file(folder / name, text);
  ComposeFlags flags;
  flags.overrides = overrides;
  try {
    return compose_batch((folder / name).string(), std::nullopt,
                         compose_request(flags, ConfigTrees::chitus));
  } catch (const InputError& error) {
    const std::string what = error.what(), path = folder.path().string() + "/";
    throw InputError(what.starts_with(path) ? what.substr(path.size()) : what);
  }
}

std::string list_refusal(const std::string& text, const Words& overrides = {},
                         const std::string& name = "jobs.yaml") {
  return refusal([&] { composed(text, overrides, name); });
}

TEST_CASE("a job sets keys of request and output, and the command line wins", "[batch]") {
  const auto list =
      composed("- {prompt: a, seed: 3, output.format: gif}\n- b\n", {"request.fps=8", "seed=5"});
  REQUIRE(list.jobs.size() == 2);
  CHECK(list.jobs[0].request.at("seed").as_integer() == 5);
  CHECK(list.jobs[0].request.at("fps").as_integer() == 8);
  CHECK(list.jobs[0].output.at("format").as_string() == "gif");
  CHECK(list.jobs[1].output.at("format").as_string() == "mp4");
  CHECK(list.jobs[1].place.ends_with("jobs.yaml:2"));
  CHECK(list.stem == "jobs");
}

TEST_CASE("an unknown field is refused with its line and the nearest ones", "[batch]") {
  CHECK(list_refusal("- prompt: a\n  sede: 1\n") ==
        "jobs.yaml:2: sede: unknown field, did you mean seed?");
  CHECK_THAT(list_refusal("- promt: a\n"), ContainsSubstring("did you mean prompt"));
  CHECK_THAT(
      list_refusal("- {prompt: a, zzzzzzzz: 1}\n"),
      ContainsSubstring("unknown field, expected one of overrides, prompt, negative_prompt"));
  CHECK_THAT(list_refusal("- {prompt: a, output.formt: gif}\n"),
             ContainsSubstring("output.formt: unknown field, did you mean output.format?"));
  CHECK_THAT(list_refusal("- {prompt: a, overrides: [output.formt=gif]}\n"),
             ContainsSubstring("output.formt: unknown field, did you mean output.format?"));
  CHECK(list_refusal("- a\n- prompt: b\n  overrides: [infer.diffusion.low_mem_level=3]\n") ==
        "jobs.yaml:3: infer.diffusion.low_mem_level: holds for the whole batch, expected it on the "
        "command line; a job may set the keys of request and output");
  CHECK_THAT(list_refusal("matrix: {memory.vae.offload.dtype: [float32]}\njobs: [a]\n"),
             ContainsSubstring("jobs.yaml:1: memory.vae.offload.dtype: holds for the whole batch"));
  CHECK(list_refusal("- a\n- seed: 2\n") == "jobs.yaml:2: has no prompt, expected prompt: TEXT");
}

TEST_CASE("an unknown column is refused with the line of the header", "[batch]") {
  CHECK_THAT(list_refusal("prompt,note\na,some text: here\n", {}, "jobs.csv"),
             Catch::StartsWith("jobs.csv:1: note: unknown field"));
  CHECK_THAT(list_refusal("- a\n", {"seed=1,2"}),
             ContainsSubstring("for a job of each, use `matrix` in the list"));
}

TEST_CASE("words without = are lists, and paths with a slash before it", "[batch]") {
  Words words{"jobs.yaml", "seed=1", "./a=b.txt", "~request.fps", "output.name=a/b", "-"};
  CHECK(take_paths(words) == Words{"jobs.yaml", "./a=b.txt", "-"});
  CHECK(words == Words{"seed=1", "~request.fps", "output.name=a/b"});
}

TEST_CASE("the text keys of CSV are the fields that are strings", "[batch]") {
  const auto check = [](const char* group, const auto& fields) {
    for (const config::FieldInfo& field : fields) {
      CAPTURE(field.name);
      CHECK(is_text_key(std::string(group) + "." + field.name) ==
            (field.type == "string" && field.rule.choices.empty()));
    }
  };
  check("request", config::describe_fields<pipelines::RequestSettings>());
}

// --- shards
// ---------------------------------------------------------------------------------------

parallel::Environment environment(const std::map<std::string, std::string>& values) {
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST_CASE("shards share out every job once", "[batch]") {
  const std::vector<Shard> shards{parse_shard("1/3"), parse_shard("2/3"), parse_shard("3/3")};
  for (std::size_t job = 0; job < 10; ++job) {
    int owners = 0;
    for (const Shard& shard : shards) owners += shard.has(job);
    CHECK(owners == 1);
  }
  CHECK(shards[1].text() == "2/3");
  CHECK(shards[1].folder_name() == "shard-2-of-3");
  for (const char* wrong : {"0/3", "4/3", "1", "1/0", "/3", "a/3", "1/3 ", "-1/3", "1/99999999999"})
    CHECK_THAT(refusal([&] { parse_shard(wrong); }),
               Catch::StartsWith(std::string("batch.shard=") + wrong + ": expected i/n"));
}

TEST_CASE("Slurm arrays and torchrun choose the shard", "[batch]") {
  CHECK(environment_shard(environment({})) == Shard{});
  CHECK(environment_shard(environment({{"SLURM_ARRAY_TASK_ID", "7"},
                                       {"SLURM_ARRAY_TASK_COUNT", "4"},
                                       {"SLURM_ARRAY_TASK_MIN", "5"}})) == Shard{2, 4});
  CHECK(environment_shard(environment({{"SLURM_ARRAY_TASK_ID", "20"},
                                       {"SLURM_ARRAY_TASK_COUNT", "3"},
                                       {"SLURM_ARRAY_TASK_MIN", "0"},
                                       {"SLURM_ARRAY_TASK_STEP", "10"}})) == Shard{2, 3});
  CHECK(environment_shard(environment({{"RANK", "1"}, {"WORLD_SIZE", "2"}})) == Shard{1, 2});
  const std::map<std::string, std::string> both{{"SLURM_ARRAY_TASK_ID", "1"},
                                                {"SLURM_ARRAY_TASK_COUNT", "2"},
                                                {"RANK", "2"},
                                                {"WORLD_SIZE", "4"}};
  CHECK(environment_shard(environment(both)) == Shard{6, 8});
  CHECK(environment_shard(environment({{"SLURM_PROCID", "2"},
                                       {"SLURM_NTASKS", "4"},
                                       {"SLURM_JOB_ID", "7"},
                                       {"SLURM_STEP_ID", "0"},
                                       {"SLURM_STEP_NODELIST", "node1"}})) == Shard{2, 4});
  CHECK(environment_shard(environment({{"OMPI_COMM_WORLD_RANK", "1"},
                                       {"OMPI_COMM_WORLD_SIZE", "2"},
                                       {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}})) == Shard{1, 2});
}

TEST_CASE("ranks that share each job share a shard", "[batch]") {
  for (const char* rank : {"2", "3"}) {
    const std::map<std::string, std::string> of_rank{{"RANK", rank}, {"WORLD_SIZE", "6"}};
    CHECK(environment_shard(environment(of_rank), 2) == Shard{1, 3});
    CHECK(environment_shard(environment(of_rank), 6) == Shard{});
    auto in_array = of_rank;
    in_array.insert({{"SLURM_ARRAY_TASK_ID", "1"}, {"SLURM_ARRAY_TASK_COUNT", "2"}});
    CHECK(environment_shard(environment(in_array), 2) == Shard{4, 6});
  }
}

TEST_CASE("an environment that names no shard is refused", "[batch]") {
  const auto said = [](const std::map<std::string, std::string>& values) {
    return refusal([&] { environment_shard(environment(values)); });
  };
  CHECK(said({{"RANK", "2"}, {"WORLD_SIZE", "2"}}) ==
        "RANK=2: expected a number below 2, or batch.shard=i/n");
  CHECK_THAT(said({{"RANK", "2"}}), ContainsSubstring("RANK is set without WORLD_SIZE"));
  CHECK_THAT(said({{"RANK", "x"}, {"WORLD_SIZE", "2"}}), ContainsSubstring("RANK=x: expected a "));
  CHECK_THAT(said({{"SLURM_ARRAY_TASK_ID", "7"},
                   {"SLURM_ARRAY_TASK_COUNT", "3"},
                   {"SLURM_ARRAY_TASK_MIN", "1"}}),
             ContainsSubstring("is none of 3 numbers from 1 in steps of 1"));
}

// --- the journal
// ----------------------------------------------------------------------------------

const JournalHeader kHeader{1000, "1/1", {{"infer.dtype", "auto"}}};

/// A folder with a file of media.
struct Folder {
  Folder() { write_file(folder / "a.mp4", "media"); }
  JobRecord done_record() const {
    JobRecord record{JobRecord::State::done};
    record.media.push_back(digest_of(folder.path(), folder / "a.mp4"));
    record.seconds = 1.5;
    return record;
  }
  fs::path journal() const { return folder / kJournalName; }
  TemporaryFolder folder;
};

TEST_CASE("a journal gives back what was written", "[batch]") {
  const Folder at;
  {
    Journal journal(at.folder.path(), kHeader);
    journal.add_done(3, at.done_record());
    JobRecord failed{JobRecord::State::failed};
    failed.error = "stage denoise: \"x\"\nbroken";
    failed.code = 3;
    journal.add_failed(4, failed);
    journal.add_latents(5, digest_of(at.folder.path(), at.folder / "a.mp4"));
    journal.add_done(6, at.done_record());
    journal.add_reopened(6, "a.mp4 has changed");
    journal.add_window({{3, 4}, {{"vae", 1}}, 1, 2, 3});
  }
  const auto read = read_journal(at.folder.path());
  CHECK(read.header->began == 1000);
  CHECK((read.record(3).media == at.done_record().media));
  CHECK(read.record(3).seconds == 1.5);
  CHECK(read.record(4).error == "stage denoise: \"x\"\nbroken");
  CHECK(read.record(4).code == 3);
  CHECK(read.record(5).latents->sha256 == at.done_record().media[0].sha256);
  CHECK(read.record(6).state == JobRecord::State::open);
  CHECK(read.record(7).state == JobRecord::State::open);
  REQUIRE(read.windows.size() == 1);
  CHECK(read.windows[0].loads.at("vae") == 1);
  CHECK_FALSE(read_journal(at.folder / "none").header);
}

TEST_CASE("a last line that is cut short anywhere is dropped, and the journal goes on", "[batch]") {
  const Folder at;
  std::string whole;
  {
    Journal journal(at.folder.path(), kHeader);
    whole = read_file(at.journal());
    journal.add_done(1, at.done_record());
  }
  const std::string with_job = read_file(at.journal());
  for (std::size_t size = 0; size < with_job.size(); ++size) {
    write_file(at.journal(), with_job.substr(0, size));
    CHECK(read_journal(at.folder.path()).record(1).state == JobRecord::State::open);
    Journal(at.folder.path(), kHeader).add_done(2, at.done_record());
    const auto read = read_journal(at.folder.path());
    CHECK(read.header->began == 1000);
    CHECK(read.record(2).state == JobRecord::State::done);
  }
  write_file(at.journal(), with_job + std::string(64, '\0'));  // as after a loss of power
  CHECK(read_journal(at.folder.path()).record(1).state == JobRecord::State::done);
}

TEST_CASE("a journal that is damaged in the middle is refused with its line", "[batch]") {
  const Folder at;
  {
    Journal journal(at.folder.path(), kHeader);
    journal.add_done(1, at.done_record());
    journal.add_done(2, at.done_record());
  }
  const std::string whole = read_file(at.journal());
  const std::size_t second = whole.find('\n') + 1;
  const auto said = [&](const std::string& text) {
    write_file(at.journal(), text);
    return refusal([&] { read_journal(at.folder.path()); });
  };
  CHECK_THAT(said(whole.substr(0, second) + "{\"job\"\n" + whole.substr(second)),
             Catch::StartsWith(at.journal().string() + ":2: is damaged"));
  CHECK_THAT(said(whole.substr(0, second) + "{\"job\": 1}\n" + whole.substr(second)),
             Catch::StartsWith(at.journal().string() + ":2: is damaged"));
  CHECK_THAT(said("{\"journal\": 9}\n"), ContainsSubstring(":1: is of version 9, expected 1"));
  CHECK_THAT(said("[1]\n" + whole), ContainsSubstring(":1: is damaged"));
  std::string outside = whole;
  outside.replace(outside.find("a.mp4"), 5, "../a4");
  CHECK_THAT(said(outside), ContainsSubstring(":2: ../a4 is no name below the folder"));
}

TEST_CASE("a journal that cannot grow stays as it was", "[batch]") {
  const Folder at;
  Journal journal(at.folder.path(), kHeader);
  journal.add_done(1, at.done_record());
  const std::string before = read_file(at.journal());
  ::signal(SIGXFSZ, SIG_IGN);
  {
    const testing::LowerLimit limit(RLIMIT_FSIZE, before.size() + 10);
    CHECK(refusal([&] { journal.add_done(2, at.done_record()); }) ==
          at.journal().string() + ": cannot write: No space left on device");
  }
  CHECK(read_file(at.journal()) == before);
  journal.add_done(2, at.done_record());
  CHECK(read_journal(at.folder.path()).record(2).state == JobRecord::State::done);
}

// --- what is left to do
// ---------------------------------------------------------------------------

TEST_CASE("a job is done only by its journal line and the digest of its file", "[batch]") {
  const Folder at;
  const BatchPlaces places{at.folder.path(), at.folder / "spill"};
  const JobRecord done = at.done_record();
  using Step = JobWork::Step;
  CHECK(work_left({}, places, false).step == Step::all);  // the file alone counts for nothing
  CHECK(work_left(done, places, false).step == Step::none);
  write_file(at.folder / "a.mp4", "medib");
  CHECK(work_left(done, places, false).reason == "a.mp4 is missing or has changed");
  fs::remove(at.folder / "a.mp4");
  CHECK(work_left(done, places, false).step == Step::all);
}

TEST_CASE("latents that are kept are decoded, unless they changed", "[batch]") {
  const Folder at;
  const BatchPlaces places{at.folder / "media", at.folder.path()};
  JobRecord sampled{JobRecord::State::sampled};
  sampled.latents = digest_of(places.spill, at.folder / "a.mp4");
  using Step = JobWork::Step;
  CHECK(work_left(sampled, places, false).step == Step::decode);
  CHECK(work_left(sampled, places, false).latents == at.folder / "a.mp4");
  JobRecord failed{JobRecord::State::failed};
  failed.latents = sampled.latents;
  CHECK(work_left(failed, places, false).step == Step::none);
  CHECK(work_left(failed, places, true).step == Step::decode);
  fs::remove(at.folder / "a.mp4");
  CHECK(work_left(sampled, places, false).step == Step::all);
  CHECK(work_left(failed, places, true).step == Step::all);
}

TEST_CASE("the digest of a folder changes with every file in it", "[batch]") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "frames");
  write_file(folder / "frames/b", "2");
  write_file(folder / "frames/a", "1");
  const auto digest = digest_of(folder.path(), folder / "frames");
  CHECK(digest.bytes == 2);
  // (printf 1 > a; printf 2 > b; sha256sum a b | sha256sum)
  CHECK(digest.sha256 == "68c2919f4305e50800082ab7f11eb17d96c7832f59154e97b1d373a5179a63ea");
  CHECK(is_unchanged(folder.path(), digest));
  write_file(folder / "frames/c", "");
  CHECK_FALSE(is_unchanged(folder.path(), digest));
  fs::remove(folder / "frames/c");
  fs::rename(folder / "frames/b", folder / "frames/d");
  CHECK_FALSE(is_unchanged(folder.path(), digest));
}

TEST_CASE("a folder of another batch is refused, and what changed is said", "[batch]") {
  const fs::path folder = "/batch/jobs";
  JournalHeader now = kHeader;
  CHECK_NOTHROW(check_same_batch(folder, kHeader, now));
  now.settings["infer.dtype"] = "bfloat16";
  CHECK(refusal([&] { check_same_batch(folder, kHeader, now); }) ==
        "/batch/jobs/journal.jsonl:1: the batch was begun with infer.dtype=auto, now bfloat16; "
        "expected the same as before, or another folder with batch.dir");
  now = kHeader;
  now.shard = "1/2";
  CHECK_THAT(refusal([&] { check_same_batch(folder, kHeader, now); }),
             ContainsSubstring("begun with batch.shard=1/1, now 1/2"));
}

TEST_CASE("another list is refused with the job and key that changed", "[batch]") {
  const TemporaryFolder folder;
  std::vector<PreparedJob> jobs(2);
  jobs[0].request.prompt = "a {cat}";
  jobs[1].request.prompt = "b";
  jobs[1].index = 1;
  jobs[0].output.name = "0000";
  jobs[1].output.name = "0001";
  jobs[1].place = "jobs.yaml:2";
  write_file(folder / "jobs.jsonl", kept_list(jobs));
  const auto said = [&] {
    return refusal([&] { check_same_list(folder / "jobs.jsonl", jobs, 0); });
  };
  CHECK(said().empty());
  jobs.push_back(jobs[1]);
  CHECK(said().empty());  // a longer list goes on
  jobs[1].request.seed = 5;
  CHECK_THAT(said(), ContainsSubstring("jobs.jsonl:2: job 1 (jobs.yaml:2) was begun with seed=0, "
                                       "now 5; expected the list that the folder was begun with"));
  jobs.resize(1);
  CHECK_THAT(said(), ContainsSubstring("jobs.jsonl: has 2 jobs, the list has 1 now"));
}

TEST_CASE("a journal whose list is gone or cut is refused", "[batch]") {
  const TemporaryFolder folder;
  std::vector<PreparedJob> jobs(2);
  const auto said = [&](std::size_t journaled) {
    return refusal([&] { check_same_list(folder / "jobs.jsonl", jobs, journaled); });
  };
  CHECK(said(0).empty());
  CHECK_THAT(said(2), ContainsSubstring("jobs.jsonl: is missing, but journal.jsonl has 2; expected "
                                        "both as they were left, or another folder"));
  write_file(folder / "jobs.jsonl", "");
  CHECK_THAT(said(1), ContainsSubstring("jobs.jsonl: has 0 jobs, but journal.jsonl has 1"));
}

TEST_CASE("a LoRA decides the result, with the content of its file", "[batch]") {
  const TemporaryFolder folder;
  const auto file = folder / "lora.safetensors";
  const auto settings = [&] {
    const auto list =
        composed("[a]", {"model.ckpt_dir=x", "model.loras=[{path:" + file.string() + "}]"});
    return deciding_settings(list.composition.resolved(), "cpu");
  };
  io::write_safetensors(file, {{"a", at::zeros({2})}});
  const auto first = settings();
  CHECK_THAT(first.at("model.loras"), ContainsSubstring(file.string()));
  io::write_safetensors(file, {{"a", at::ones({2})}});
  CHECK(settings().at("content of model.loras[0]") != first.at("content of model.loras[0]"));
}

TEST_CASE("keys that only move weights do not decide a result", "[batch]") {
  const auto list = composed("[a]", {"model.ckpt_dir=x"});
  const auto settings = deciding_settings(list.composition.resolved(), "cpu");
  CHECK(settings.at("device.name") == "cpu");
  CHECK(settings.contains("infer.dtype"));
  CHECK(settings.contains("memory.transformer.offload.dtype"));
  CHECK_FALSE(settings.contains("infer.diffusion.low_mem_level"));
  CHECK(fs::path(settings.at("model.ckpt_dir")).is_absolute());
}

TEST_CASE("the command that decodes a job has its name, its formats and what holds for the batch",
          "[batch]") {
  BatchList list;
  list.compose_flags = {"--config-dir", "my"};
  list.composition.task_overrides = {"model=demo",     "batch.window=2",    "request.seed=1",
                                     "output.name=no", "hydra.run.dir=out", "infer.threads=1"};
  PreparedJob job;
  job.output.formats = {pipelines::OutputFormat::mp4, pipelines::OutputFormat::frames};
  job.output.name = "a {b}";
  CHECK(decode_job_command(list, job, "/out/0001.latents.safetensors") ==
        "chitu decode /out/0001.latents.safetensors --config-dir my model=demo infer.threads=1 "
        "'output.format=[mp4,frames]' --set-str output.name 'a {{b}}'");
  job.output.contact_sheet = true;
  CHECK_THAT(decode_job_command(list, job, "/x"), ContainsSubstring(" output.contact_sheet=true "));
}

TEST_CASE("leftovers between stages go, latents of the journal stay", "[batch]") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "spill");
  for (const char* name : {"0001.latents.safetensors", "0002.latents.safetensors", ".chitu-tmp-1"})
    write_file(folder / "spill" / name, "x");
  JournalContent journal;
  journal.jobs[1].latents = digest_of(folder.path(), folder / "spill/0001.latents.safetensors");
  clean_spill(folder / "spill", journal);
  CHECK(fs::exists(folder / "spill/0001.latents.safetensors"));
  CHECK_FALSE(fs::exists(folder / "spill/0002.latents.safetensors"));
  CHECK_FALSE(fs::exists(folder / "spill/.chitu-tmp-1"));
}

// --- reports
// --------------------------------------------------------------------------------------

Summary summary_with(std::vector<std::size_t> jobs) {
  Summary summary;
  summary.list_jobs = 4;
  for (const std::size_t job : jobs)
    summary.rows.push_back(
        {job, kDone, "a, \"b\"", {"000" + std::to_string(job) + ".mp4"}, 1.25, 100, 200, ""});
  return summary;
}

TEST_CASE("a summary has a row for each job in every form", "[batch]") {
  Summary summary = summary_with({0});
  summary.rows.push_back({1, kFailed, "c", {}, 0, 0, 0, "out of memory"});
  CHECK(to_csv(summary) ==
        "job,status,prompt,file,seconds,peak_device_bytes,peak_host_bytes,problem\r\n"
        "0,done,\"a, \"\"b\"\"\",0000.mp4,1.250,100,200,\r\n"
        "1,failed,c,,0.000,0,0,out of memory\r\n");
  CHECK_THAT(to_table(summary), ContainsSubstring("0000.mp4  a, \"b\"") &&
                                    ContainsSubstring("2 jobs: 1 done, 1 failed; 1.2 s"));
  const TemporaryFolder folder;
  write_summary(folder.path(), summary);
  CHECK(to_json(read_summary(folder.path())) == to_json(summary));
  CHECK(to_json(summary).at("jobs").at(1).at("latents").is_null());
}

TEST_CASE("summaries of shards join in the order of the jobs", "[batch]") {
  const TemporaryFolder folder;
  for (const char* shard : {"shard-1-of-2", "shard-2-of-2"}) fs::create_directory(folder / shard);
  write_summary(folder / "shard-1-of-2", summary_with({0, 2}));
  Summary second = summary_with({1, 3});
  second.rows[1].latents = "spill/0003.latents.safetensors";
  write_summary(folder / "shard-2-of-2", second);
  const auto folders = summary_folders(folder.path());
  REQUIRE(folders.size() == 2);
  const Summary merged = merge_summaries(folders, folder.path());
  REQUIRE(merged.rows.size() == 4);
  CHECK(merged.rows[1].job == 1);
  CHECK(merged.rows[1].files == Words{"shard-2-of-2/0001.mp4"});
  CHECK(merged.rows[3].latents == "shard-2-of-2/spill/0003.latents.safetensors");
  CHECK(merged.list_jobs == 4);
  CHECK_THAT(refusal([&] { merge_summaries({folders[0], folders[0]}, folder.path()); }),
             ContainsSubstring("is named twice, expected each shard once"));
  fs::copy(folders[0], folder / "copy", fs::copy_options::recursive);
  CHECK_THAT(refusal([&] { merge_summaries({folders[0], folder / "copy"}, folder.path()); }),
             ContainsSubstring("copy: has job 0, as has"));
  write_file(folder / "shard-1-of-2/summary.json", "{}");
  CHECK_THAT(refusal([&] { merge_summaries(folders, folder.path()); }),
             ContainsSubstring("summary.json: is damaged"));
  CHECK_THAT(refusal([&] { summary_folders(folder / "nosuch"); }),
             ContainsSubstring("no such folder"));
  fs::create_directory(folder / "empty");
  CHECK_THAT(refusal([&] { summary_folders(folder / "empty"); }),
             ContainsSubstring("has no summary.json"));
}

TEST_CASE("the time left is that of the work so far", "[batch]") {
  CHECK(BatchProgress::time_left(10, 0).empty());
  CHECK(BatchProgress::time_left(10, 0.5) == "10 s left");
  CHECK(BatchProgress::time_left(600, 0.25) == "30 min left");
  CHECK(BatchProgress::time_left(3600, 0.25) == "3 h 00 min left");
}

TEST_CASE("a full disk is told from the failure of one job", "[batch]") {
  CHECK(is_out_of_space("a.mp4: cannot write: No space left on device"));
  CHECK(is_out_of_space("a.mp4: cannot write: File too large"));
  CHECK_FALSE(is_out_of_space("a.mp4: cannot write: Permission denied"));
}

}  // namespace
}  // namespace chitu::tools
