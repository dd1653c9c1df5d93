#include "chitu_core/common/registry.h"
#include "tools/chitu/convert_call.h"
#include "tools/chitu/plain_subcommand.h"

namespace chitu::tools {
namespace {

class Convert final : public PlainSubcommand<ConvertCall> {
  Description describe() const override {
    return {
        SubcommandGroup::generate,
        "write a checkpoint in another dtype, its tensors in the order of use",
        "Writes a checkpoint in the diffusers layout from another one, or from single files, with "
        "its weights in another dtype and in the order in which runs read them.",
        {{"chitu convert Wan2.1-T2V-14B-Diffusers wan-bf16 --dtype bfloat16",
          "half the disk reads of float32"},
         {"chitu convert wan2.1-t2v-14b wan-fp8 --dtype fp8_e4m3 --file transformer=T.gguf "
          "--file text_encoder=U.safetensors --file vae=V.safetensors",
          "from single files"}}};
  }

  void declare(CLI::App& app, ConvertCall& call) const override {
    app.add_option("source", call.source,
                   "a checkpoint in the diffusers layout, or a model that ships without weights")
        ->required();
    app.add_option("target", call.target, "folder to write; must not exist")->required();
    app.add_option("--dtype", call.dtype, "of text encoders and transformers; a VAE keeps its own")
        ->type_name("bfloat16|fp8_e4m3|float16|float32")
        ->required();
    app.add_option("--layout", call.layout, "order of the tensors in a file")
        ->type_name("streaming|stored");
    app.add_option("--file", call.files, "weights, or a tokenizer, in place of the source's")
        ->type_name("COMPONENT=FILE");
  }
};

CHITU_REGISTER(Subcommand, Convert, "convert");

}  // namespace
}  // namespace chitu::tools
