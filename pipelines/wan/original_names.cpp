#include "pipelines/wan/original_names.h"

#include <array>
#include <string_view>

#include "pipelines/weights/naming.h"

namespace chitu::pipelines::wan {
namespace {

/// Outside the blocks: the whole name, or its beginning up to a dot.
constexpr std::array kOutside{
    Renaming{"condition_embedder.time_embedder.linear_1", "time_embedding.0"},
    Renaming{"condition_embedder.time_embedder.linear_2", "time_embedding.2"},
    Renaming{"condition_embedder.time_proj", "time_projection.1"},
    Renaming{"condition_embedder.text_embedder.linear_1", "text_embedding.0"},
    Renaming{"condition_embedder.text_embedder.linear_2", "text_embedding.2"},
    Renaming{"condition_embedder.image_embedder.pos_embed", "img_emb.emb_pos"},
    Renaming{"condition_embedder.image_embedder.norm1", "img_emb.proj.0"},
    Renaming{"condition_embedder.image_embedder.ff.net.0.proj", "img_emb.proj.1"},
    Renaming{"condition_embedder.image_embedder.ff.net.2", "img_emb.proj.3"},
    Renaming{"condition_embedder.image_embedder.norm2", "img_emb.proj.4"},
    Renaming{"scale_shift_table", "head.modulation"},
    Renaming{"proj_out", "head.head"}};

/// Within a block. norm2 and norm3 have each other's names there.
constexpr std::array kInBlock{Renaming{"attn1.to_q", "self_attn.q"},
                              Renaming{"attn1.to_k", "self_attn.k"},
                              Renaming{"attn1.to_v", "self_attn.v"},
                              Renaming{"attn1.to_out.0", "self_attn.o"},
                              Renaming{"attn1", "self_attn"},
                              Renaming{"attn2.to_q", "cross_attn.q"},
                              Renaming{"attn2.to_k", "cross_attn.k"},
                              Renaming{"attn2.to_v", "cross_attn.v"},
                              Renaming{"attn2.to_out.0", "cross_attn.o"},
                              Renaming{"attn2.add_k_proj", "cross_attn.k_img"},
                              Renaming{"attn2.add_v_proj", "cross_attn.v_img"},
                              Renaming{"attn2.norm_added_k", "cross_attn.norm_k_img"},
                              Renaming{"attn2", "cross_attn"},
                              Renaming{"ffn.net.0.proj", "ffn.0"},
                              Renaming{"ffn.net.2", "ffn.2"},
                              Renaming{"norm2", "norm3"},
                              Renaming{"norm3", "norm2"},
                              Renaming{"scale_shift_table", "modulation"}};

}  // namespace

std::string original_name(const std::string& name) {
  constexpr std::string_view kBlocks = "blocks.";
  const std::size_t dot = name.find('.', kBlocks.size());
  if (!name.starts_with(kBlocks) || dot == std::string::npos) return renamed(name, kOutside);
  return name.substr(0, dot + 1) + renamed(std::string_view(name).substr(dot + 1), kInBlock);
}

}  // namespace chitu::pipelines::wan
