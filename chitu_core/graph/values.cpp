#include "chitu_core/graph/values.h"

#include "chitu_core/models/schedulers/scheduler.h"

namespace chitu::graph {
namespace {

const char* kStepsTaken = "steps_taken";

void store(const models::ScheduleMemory& memory, StoredValue& stored) {
  stored.add(kStepsTaken, memory.next_index);
  for (const auto& [name, number] : memory.numbers) stored.add("schedule." + name, number);
  for (const auto& [name, tensor] : memory.tensors) stored.add("schedule." + name, tensor);
}

models::ScheduleMemory schedule_memory(const StoredValue& stored) {
  models::ScheduleMemory memory;
  memory.next_index = stored.number(kStepsTaken);
  const StoredValue part = stored.part("schedule.");
  for (const auto& [name, text] : part.texts) memory.numbers[name] = part.number(name);
  for (const auto& [name, tensor] : part.tensors) memory.tensors[name] = tensor;
  return memory;
}

}  // namespace

StoredValue Tokens::to_stored() const {
  StoredValue stored;
  stored.add("ids", ids);
  stored.add("negative_ids", negative_ids);
  return stored;
}

Tokens Tokens::from_stored(const StoredValue& stored) {
  return {stored.tensor("ids"), stored.tensor_if_any("negative_ids")};
}

StoredValue TextEmbeddings::to_stored() const {
  StoredValue stored;
  stored.add("prompt_embeds", prompt_embeds);
  stored.add("prompt_tokens", prompt_tokens);
  stored.add("negative_prompt_embeds", negative_prompt_embeds);
  stored.add("negative_prompt_tokens", negative_prompt_tokens);
  return stored;
}

TextEmbeddings TextEmbeddings::from_stored(const StoredValue& stored) {
  return {stored.tensor("prompt_embeds"), stored.tensor_if_any("negative_prompt_embeds"),
          stored.number("prompt_tokens"), stored.number("negative_prompt_tokens")};
}

StoredValue Latents::to_stored() const {
  StoredValue stored;
  stored.add("latents", latents);
  if (scheduler)
    store(scheduler->memory(), stored);
  else if (steps_taken)
    store(*steps_taken, stored);
  return stored;
}

Latents Latents::from_stored(const StoredValue& stored) {
  Latents latents{stored.tensor("latents")};
  if (stored.texts.contains(kStepsTaken))
    latents.steps_taken = std::make_shared<const models::ScheduleMemory>(schedule_memory(stored));
  return latents;
}

StoredValue Frames::to_stored() const {
  StoredValue stored;
  stored.add("frames", frames);
  return stored;
}

Frames Frames::from_stored(const StoredValue& stored) { return {stored.tensor("frames")}; }

}  // namespace chitu::graph
