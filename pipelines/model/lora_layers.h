#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chitu_core/io/lora_file.h"
#include "chitu_core/memory/lora_weights.h"
#include "chitu_core/memory/module.h"
#include "pipelines/model/lora_choice.h"
#include "pipelines/weights/naming.h"

namespace chitu::pipelines {

/// Sets the contents of a request's LoRAs where they are open.
///
/// throws  InputError naming the file that is missing or damaged, or has other contents than given
void add_contents(std::vector<LoraChoice>& loras);

/// The chosen LoRAs of a checkpoint, opened, and which of their layers have found their place.
class LoraSet {
 public:
  /// transformers  their names: LoRAs change no other components
  /// throws  InputError naming the entry of the list or the file for a file that is missing or
  ///         damaged or has other contents, or a transformer that the checkpoint does not have
  LoraSet(const LoraChoices& choices, const std::vector<std::string>& transformers);

  bool empty() const { return loras_.empty(); }

  /// Adds what belongs to a component: matrices to its linear maps or into their weights,
  /// differences to its weights.
  ///
  /// throws  InputError naming file and tensor for a shape that does not fit
  void apply(const std::string& component, memory::Module& module, memory::LoraWeights& weights,
             const OriginalName& original_name);

  /// After the last component.
  ///
  /// reports  whether each LoRA gets a line in the log
  /// throws   InputError naming the tensors of a strict LoRA that no component has a place for
  void finish(bool reports) const;

 private:
  struct Opened;
  std::vector<std::shared_ptr<Opened>> loras_;
  LoraMode mode_;
};

}  // namespace chitu::pipelines
