"""A pipeline folder of every family in the table of text-to-image pipelines: random weights, saved by diffusers."""

import tempfile
from pathlib import Path

import diffusers
import sentencepiece
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.engine.tiny_families import _clip, _t5, _t5_tokenizer, _unet_options, _vae, save_family
from tests.engine.tiny_pipeline import WORDS, tiny_tokenizer

CHAT = "{% for message in messages %}<|im_start|>{{ message['role'] }} {{ message['content'] }}<|im_end|>{% endfor %}"
VOCABULARY = ("<pad>", "<eos>", "<unk>", "<bos>", "<|im_start|>", "<|im_end|>", "user", "assistant", "system", *WORDS)
USUAL = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def save_text_to_image(name: str, folder: Path) -> Path:
    """Save a model of the family.

    Its pictures have twice the side of its samples; of SANA 32 times, of HunyuanDiT, CogView 4 and Kandinsky 3 8 times.
    """
    if name in OF_ALL_FAMILIES:
        return save_family(name, folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as place:
            _save(MAKERS[name](Path(place)), folder)
    return folder


def _save(pipeline, folder):
    for component in pipeline.components.values():
        if isinstance(component, torch.nn.Module):
            _awake(component)
    pipeline.save_pretrained(folder)


def _awake(network):
    """Networks begin with layers of zeros, or with numbers that nobody has set; trained ones have neither."""
    for parameter in network.parameters():
        size = parameter.abs().max()
        if not 1e-6 < size < 100.0:
            torch.nn.init.normal_(parameter, std=0.1)


def _flow(**options):
    return diffusers.FlowMatchEulerDiscreteScheduler(**options)


def _dynamic(**options):
    return _flow(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, **options)


def _words(side="right"):
    vocabulary = {word: index for index, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 3)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        bos_token="<bos>",
        chat_template=CHAT,
        padding_side=side,
        model_max_length=512,
    )


def _language_model(kind, config, **options):
    return kind(
        config(
            vocab_size=len(VOCABULARY),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            pad_token_id=0,
            **options,
        )
    )


def _gemma():
    return _language_model(transformers.Gemma2Model, transformers.Gemma2Config)


def _flux(place):
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=16,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    )
    return diffusers.FluxPipeline(
        scheduler=_dynamic(),
        vae=_vae(4, scaling_factor=0.36, shift_factor=0.11),
        text_encoder=_clip(transformers.CLIPTextModel),
        tokenizer=tiny_tokenizer(),
        text_encoder_2=_t5(),
        tokenizer_2=_t5_tokenizer(),
        transformer=transformer,
    )


def _pixart(place, pipeline):
    transformer = diffusers.PixArtTransformer2DModel(
        sample_size=8,
        num_layers=1,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_channels=32,
        in_channels=4,
        cross_attention_dim=16,
        out_channels=8,
        norm_num_groups=4,
        use_additional_conditions=False,
    )
    return pipeline(
        tokenizer=_t5_tokenizer(),
        text_encoder=_t5(),
        vae=_vae(4),
        transformer=transformer,
        scheduler=diffusers.DDIMScheduler(beta_schedule="linear", clip_sample=False),
    )


def _sana(place):
    transformer = diffusers.SanaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=16,
        sample_size=8,
    )
    vae = diffusers.AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=(*("ResBlock",) * 5, "EfficientViTBlock"),
        decoder_block_types=(*("ResBlock",) * 5, "EfficientViTBlock"),
        encoder_block_out_channels=(8,) * 6,
        decoder_block_out_channels=(8,) * 6,
        encoder_qkv_multiscales=(*((),) * 5, (5,)),
        decoder_qkv_multiscales=(*((),) * 5, (5,)),
        encoder_layers_per_block=(1,) * 6,
        decoder_layers_per_block=(1,) * 6,
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41,
    )
    scheduler = diffusers.DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, final_sigmas_type="zero"
    )
    return diffusers.SanaPipeline(_words(), _gemma(), vae, transformer, scheduler)


def _lumina_2(place):
    transformer = diffusers.Lumina2Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        hidden_size=16,
        num_layers=1,
        num_refiner_layers=1,
        num_attention_heads=2,
        num_kv_heads=1,
        multiple_of=8,
        axes_dim_rope=(4, 2, 2),
        axes_lens=(512, 64, 64),
        cap_feat_dim=16,
    )
    vae = _vae(4, scaling_factor=0.36, shift_factor=0.11)
    return diffusers.Lumina2Pipeline(transformer, _flow(shift=6.0), vae, _gemma(), _words())


def _aura_flow(place):
    transformer = diffusers.AuraFlowTransformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_projection_dim=16,
        joint_attention_dim=32,
        pos_embed_max_size=64,
    )
    config = {"vocab_size": len(WORDS) + 3, "d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    encoder = transformers.UMT5EncoderModel(transformers.UMT5Config(**config))
    return diffusers.AuraFlowPipeline(_t5_tokenizer(), encoder, _vae(4), transformer, _flow(shift=1.73))


def _qwen_vae():
    return diffusers.AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1],
        num_res_blocks=1,
        temperal_downsample=[True],
        latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[1.5, 2.0, 0.5, 1.0],
    )


def _qwen_vl(kind, config, **vision):
    text = {
        "vocab_size": len(VOCABULARY),
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "pad_token_id": 0,
        "rope_parameters": {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1000000.0},
    }
    sees = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16, **vision}
    return kind(config(text_config=text, vision_config=sees))


def _qwen_image(place):
    transformer = diffusers.QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
    )
    return diffusers.QwenImagePipeline(
        _dynamic(shift_terminal=0.02),
        _qwen_vae(),
        _qwen_vl(transformers.Qwen2_5_VLForConditionalGeneration, transformers.Qwen2_5_VLConfig),
        _words(),
        transformer,
    )


def _qwen_3(layers=2):
    return transformers.Qwen3Config(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        pad_token_id=0,
    )


def _z_image(place):
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=16,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[512, 64, 64],
    )
    vae = _vae(16, scaling_factor=0.36, shift_factor=0.11)
    encoder = transformers.Qwen3Model(_qwen_3())
    return diffusers.ZImagePipeline(_flow(shift=3.0), vae, encoder, _words(), transformer)


def _chroma(place):
    transformer = diffusers.ChromaTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 4, 8),
        approximator_hidden_dim=32,
        approximator_layers=1,
        approximator_num_channels=16,
    )
    vae = _vae(4, scaling_factor=0.36, shift_factor=0.11)
    return diffusers.ChromaPipeline(_flow(), vae, _t5(), _t5_tokenizer(), transformer)


def _hidream(place):
    transformer = diffusers.HiDreamImageTransformer2DModel(
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_channels=[32, 16],
        text_emb_dim=32,
        num_routed_experts=2,
        num_activated_experts=1,
        axes_dims_rope=(4, 2, 2),
        max_resolution=(32, 32),
        llama_layers=(0, 1),
    )
    return diffusers.HiDreamImagePipeline(
        scheduler=_flow(shift=3.0),
        vae=_vae(4, scaling_factor=0.36, shift_factor=0.11),
        text_encoder=_clip(transformers.CLIPTextModelWithProjection, positions=128),
        tokenizer=tiny_tokenizer(),
        text_encoder_2=_clip(transformers.CLIPTextModelWithProjection, positions=128),
        tokenizer_2=tiny_tokenizer(),
        text_encoder_3=_t5(),
        tokenizer_3=_t5_tokenizer(),
        text_encoder_4=_language_model(transformers.LlamaForCausalLM, transformers.LlamaConfig),
        tokenizer_4=_words(),
        transformer=transformer,
    )


def _kolors(place):
    from diffusers.pipelines.kolors import ChatGLMModel, ChatGLMTokenizer
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig

    encoder = ChatGLMModel(
        ChatGLMConfig(
            num_layers=2,
            padded_vocab_size=80,
            hidden_size=16,
            ffn_hidden_size=16,
            kv_channels=8,
            num_attention_heads=2,
            multi_query_attention=True,
            multi_query_group_num=1,
            seq_length=256,
            add_qkv_bias=True,
            original_rope=True,
        )
    )
    text = place / "text.txt"
    text.write_text("\n".join(f"{' '.join(WORDS)} {number}" for number in range(100)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(place / "tokenizer"), vocab_size=60, minloglevel=2
    )
    tokenizer = ChatGLMTokenizer(str(place / "tokenizer.model"))
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        cross_attention_dim=16,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 6 * 8,
        **_unet_options(),
    )
    scheduler = diffusers.DDIMScheduler(**USUAL, clip_sample=False)
    return diffusers.KolorsPipeline(_vae(4), encoder, tokenizer, unet, scheduler, force_zeros_for_empty_prompt=True)


def _hunyuan_dit(place):
    transformer = diffusers.HunyuanDiT2DModel(
        sample_size=8,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=2,
        in_channels=4,
        cross_attention_dim=16,
        cross_attention_dim_t5=32,
        pooled_projection_dim=16,
        hidden_size=16,
    )
    words = place / "vocab.txt"
    words.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    tokenizer = transformers.BertTokenizer(str(words))
    encoder = transformers.BertModel(
        transformers.BertConfig(
            vocab_size=len(WORDS) + 5,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
        )
    )
    return diffusers.HunyuanDiTPipeline(
        vae=_vae(4, down=4),
        text_encoder=encoder,
        tokenizer=tokenizer,
        transformer=transformer,
        scheduler=diffusers.DDIMScheduler(**USUAL, prediction_type="v_prediction", clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        text_encoder_2=_t5(),
        tokenizer_2=_t5_tokenizer(),
    )


def _cogview_3(place):
    transformer = diffusers.CogView3PlusTransformer2DModel(
        patch_size=2,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        out_channels=4,
        text_embed_dim=32,
        time_embed_dim=8,
        condition_dim=4,
        pos_embed_max_size=64,
        sample_size=8,
    )
    scheduler = diffusers.CogVideoXDDIMScheduler(
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        snr_shift_scale=4.0,
        timestep_spacing="trailing",
        clip_sample=False,
    )
    return diffusers.CogView3PlusPipeline(_t5_tokenizer(), _t5(), _vae(4), transformer, scheduler)


def _cogview_4(place):
    transformer = diffusers.CogView4Transformer2DModel(
        patch_size=2,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        out_channels=4,
        text_embed_dim=16,
        time_embed_dim=8,
        condition_dim=4,
        sample_size=8,
    )
    encoder = _language_model(transformers.GlmModel, transformers.GlmConfig)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(
        base_shift=0.25,
        max_shift=0.75,
        base_image_seq_len=256,
        use_dynamic_shifting=True,
        time_shift_type="linear",
    )
    return diffusers.CogView4Pipeline(_words("left"), encoder, _vae(4, down=4), transformer, scheduler)


def _kandinsky_3(place):
    unet = diffusers.Kandinsky3UNet(
        in_channels=4,
        time_embedding_dim=4,
        groups=2,
        attention_head_dim=4,
        layers_per_block=3,
        block_out_channels=(8, 16),
        cross_attention_dim=4,
        encoder_hid_dim=32,
    )
    movq = diffusers.VQModel(
        block_out_channels=(32,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
        norm_type="spatial",
        num_vq_embeddings=12,
        up_block_types=("UpDecoderBlock2D",) * 4,
        vq_embed_dim=4,
        mid_block_add_attention=False,
    )
    scheduler = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=False)
    return diffusers.Kandinsky3Pipeline(_t5_tokenizer(), _t5(), unet, scheduler, movq)


def _ovis_image(place):
    transformer = diffusers.OvisImageTransformer2DModel(
        patch_size=1,
        in_channels=16,
        out_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(4, 4, 8),
    )
    vae = _vae(4, scaling_factor=0.36, shift_factor=0.11)
    encoder = transformers.Qwen3Model(_qwen_3())
    return diffusers.OvisImagePipeline(_dynamic(), vae, encoder, _words(), transformer)


def _flux_2_klein(place):
    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    vae = diffusers.AutoencoderKLFlux2(
        sample_size=16,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        mid_block_add_attention=False,
    )
    vae.bn.running_mean.normal_(std=0.3)
    vae.bn.running_var.uniform_(0.5, 2.0)
    encoder = transformers.Qwen3ForCausalLM(_qwen_3(layers=28))
    return diffusers.Flux2KleinPipeline(_dynamic(), vae, encoder, _words(), transformer)


MAKERS = {
    "flux": _flux,
    "pixart_sigma": lambda place: _pixart(place, diffusers.PixArtSigmaPipeline),
    "sana": _sana,
    "lumina_2": _lumina_2,
    "aura_flow": _aura_flow,
    "qwen_image": _qwen_image,
    "z_image": _z_image,
    "chroma": _chroma,
    "hidream": _hidream,
    "kolors": _kolors,
    "hunyuan_dit": _hunyuan_dit,
    "cogview_4": _cogview_4,
    "cogview_3": _cogview_3,
    "pixart_alpha": lambda place: _pixart(place, diffusers.PixArtAlphaPipeline),
    "kandinsky_3": _kandinsky_3,
    "ovis_image": _ovis_image,
    "flux_2_klein": _flux_2_klein,
}
OF_ALL_FAMILIES = ["stable_diffusion_3", "deepfloyd_if"]
"""Those that `tiny_families` makes, for the tests of all families."""

FAMILIES = [*MAKERS, *OF_ALL_FAMILIES]
