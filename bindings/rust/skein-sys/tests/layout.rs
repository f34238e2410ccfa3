// Written by generate.py from bindings/api/api.json.

//! The structs are laid out as a C compiler does it.

use skein_sys::*;
use std::mem::{align_of, size_of, MaybeUninit};

macro_rules! offset {
    ($type:ty, $field:ident) => {{
        let value = MaybeUninit::<$type>::uninit();
        // SAFETY: only the address is taken.
        let field = unsafe { std::ptr::addr_of!((*value.as_ptr()).$field) };
        field as usize - value.as_ptr() as usize
    }};
}

#[test]
fn skein_chat_message_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_chat_message>(), 24);
    assert_eq!(align_of::<skein_chat_message>(), 8);
    assert_eq!(offset!(skein_chat_message, role), 0);
    assert_eq!(offset!(skein_chat_message, text), 8);
    assert_eq!(offset!(skein_chat_message, text_bytes), 16);
}

#[test]
fn skein_checkpoint_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_checkpoint>(), 80);
    assert_eq!(align_of::<skein_checkpoint>(), 8);
    assert_eq!(offset!(skein_checkpoint, position), 0);
    assert_eq!(offset!(skein_checkpoint, state_bytes), 8);
    assert_eq!(offset!(skein_checkpoint, name), 16);
}

#[test]
fn skein_model_info_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_model_info>(), 392);
    assert_eq!(align_of::<skein_model_info>(), 8);
    assert_eq!(offset!(skein_model_info, struct_size), 0);
    assert_eq!(offset!(skein_model_info, generation), 4);
    assert_eq!(offset!(skein_model_info, num_layers), 8);
    assert_eq!(offset!(skein_model_info, d_model), 12);
    assert_eq!(offset!(skein_model_info, d_ffn), 16);
    assert_eq!(offset!(skein_model_info, vocab_size), 20);
    assert_eq!(offset!(skein_model_info, num_heads), 24);
    assert_eq!(offset!(skein_model_info, head_size), 28);
    assert_eq!(offset!(skein_model_info, num_parameters), 32);
    assert_eq!(offset!(skein_model_info, weights_bytes), 40);
    assert_eq!(offset!(skein_model_info, num_state_floats), 48);
    assert_eq!(offset!(skein_model_info, has_tokenizer), 56);
    assert_eq!(offset!(skein_model_info, end_token), 60);
    assert_eq!(offset!(skein_model_info, device), 64);
    assert_eq!(offset!(skein_model_info, type_), 192);
    assert_eq!(offset!(skein_model_info, name), 208);
    assert_eq!(offset!(skein_model_info, variant), 336);
    assert_eq!(offset!(skein_model_info, d_att), 340);
    assert_eq!(offset!(skein_model_info, chat_template), 344);
    assert_eq!(offset!(skein_model_info, embedding_bytes), 376);
    assert_eq!(offset!(skein_model_info, trained_length), 384);
}

#[test]
fn skein_option_info_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_option_info>(), 392);
    assert_eq!(align_of::<skein_option_info>(), 8);
    assert_eq!(offset!(skein_option_info, struct_size), 0);
    assert_eq!(offset!(skein_option_info, type_), 4);
    assert_eq!(offset!(skein_option_info, key), 8);
    assert_eq!(offset!(skein_option_info, default_value), 56);
    assert_eq!(offset!(skein_option_info, help), 120);
    assert_eq!(offset!(skein_option_info, min_value), 376);
    assert_eq!(offset!(skein_option_info, max_value), 384);
}

#[test]
fn skein_prefix_info_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_prefix_info>(), 200);
    assert_eq!(align_of::<skein_prefix_info>(), 8);
    assert_eq!(offset!(skein_prefix_info, struct_size), 0);
    assert_eq!(offset!(skein_prefix_info, reserved), 4);
    assert_eq!(offset!(skein_prefix_info, position), 8);
    assert_eq!(offset!(skein_prefix_info, state_bytes), 16);
    assert_eq!(offset!(skein_prefix_info, file_bytes), 24);
    assert_eq!(offset!(skein_prefix_info, fingerprint), 32);
    assert_eq!(offset!(skein_prefix_info, name), 72);
}

#[test]
fn skein_event_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_event>(), 128);
    assert_eq!(align_of::<skein_event>(), 8);
    assert_eq!(offset!(skein_event, kind), 0);
    assert_eq!(offset!(skein_event, reason), 4);
    assert_eq!(offset!(skein_event, request), 8);
    assert_eq!(offset!(skein_event, user_data), 16);
    assert_eq!(offset!(skein_event, token), 24);
    assert_eq!(offset!(skein_event, status), 28);
    assert_eq!(offset!(skein_event, text_offset), 32);
    assert_eq!(offset!(skein_event, text_bytes), 40);
    assert_eq!(offset!(skein_event, num_prompt_tokens), 48);
    assert_eq!(offset!(skein_event, num_tokens), 56);
    assert_eq!(offset!(skein_event, position), 64);
    assert_eq!(offset!(skein_event, logprob), 72);
    assert_eq!(offset!(skein_event, sample), 76);
    assert_eq!(offset!(skein_event, num_cached_tokens), 80);
    assert_eq!(offset!(skein_event, queue_us), 88);
    assert_eq!(offset!(skein_event, prefill_us), 96);
    assert_eq!(offset!(skein_event, decode_us), 104);
    assert_eq!(offset!(skein_event, logprob_sum), 112);
    assert_eq!(offset!(skein_event, cache), 120);
    assert_eq!(offset!(skein_event, reserved), 124);
}

#[test]
fn skein_logprob_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_logprob>(), 8);
    assert_eq!(align_of::<skein_logprob>(), 4);
    assert_eq!(offset!(skein_logprob, token), 0);
    assert_eq!(offset!(skein_logprob, logprob), 4);
}

#[test]
fn skein_plugin_info_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_plugin_info>(), 1136);
    assert_eq!(align_of::<skein_plugin_info>(), 4);
    assert_eq!(offset!(skein_plugin_info, struct_size), 0);
    assert_eq!(offset!(skein_plugin_info, kind), 4);
    assert_eq!(offset!(skein_plugin_info, loaded), 8);
    assert_eq!(offset!(skein_plugin_info, abi), 12);
    assert_eq!(offset!(skein_plugin_info, id), 16);
    assert_eq!(offset!(skein_plugin_info, version), 80);
    assert_eq!(offset!(skein_plugin_info, path), 112);
    assert_eq!(offset!(skein_plugin_info, reason), 624);
}

#[test]
fn skein_device_info_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_device_info>(), 408);
    assert_eq!(align_of::<skein_device_info>(), 8);
    assert_eq!(offset!(skein_device_info, struct_size), 0);
    assert_eq!(offset!(skein_device_info, threads), 4);
    assert_eq!(offset!(skein_device_info, name), 8);
    assert_eq!(offset!(skein_device_info, plugin_id), 72);
    assert_eq!(offset!(skein_device_info, description), 136);
    assert_eq!(offset!(skein_device_info, memory_bytes), 392);
    assert_eq!(offset!(skein_device_info, weight_types), 400);
    assert_eq!(offset!(skein_device_info, generations), 404);
}

#[test]
fn skein_progress_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_progress>(), 88);
    assert_eq!(align_of::<skein_progress>(), 8);
    assert_eq!(offset!(skein_progress, struct_size), 0);
    assert_eq!(offset!(skein_progress, active), 4);
    assert_eq!(offset!(skein_progress, done_bytes), 8);
    assert_eq!(offset!(skein_progress, total_bytes), 16);
    assert_eq!(offset!(skein_progress, what), 24);
}

#[test]
fn skein_load_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_load>(), 64);
    assert_eq!(align_of::<skein_load>(), 8);
    assert_eq!(offset!(skein_load, struct_size), 0);
    assert_eq!(offset!(skein_load, num_tenants), 4);
    assert_eq!(offset!(skein_load, queued_tokens), 8);
    assert_eq!(offset!(skein_load, max_queued_tokens), 16);
    assert_eq!(offset!(skein_load, num_waiting), 24);
    assert_eq!(offset!(skein_load, num_running), 28);
    assert_eq!(offset!(skein_load, max_running), 32);
    assert_eq!(offset!(skein_load, num_streams), 36);
    assert_eq!(offset!(skein_load, max_streams), 40);
    assert_eq!(offset!(skein_load, max_batch_tokens), 44);
    assert_eq!(offset!(skein_load, weight), 48);
    assert_eq!(offset!(skein_load, prompt_tokens_per_s), 56);
}

#[test]
fn skein_score_item_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_score_item>(), 72);
    assert_eq!(align_of::<skein_score_item>(), 8);
    assert_eq!(offset!(skein_score_item, stream), 0);
    assert_eq!(offset!(skein_score_item, tokens), 8);
    assert_eq!(offset!(skein_score_item, num_tokens), 16);
    assert_eq!(offset!(skein_score_item, logprobs), 24);
    assert_eq!(offset!(skein_score_item, top), 32);
    assert_eq!(offset!(skein_score_item, num_top), 40);
    assert_eq!(offset!(skein_score_item, status), 44);
    assert_eq!(offset!(skein_score_item, num_scored), 48);
    assert_eq!(offset!(skein_score_item, logprob), 56);
    assert_eq!(offset!(skein_score_item, priority), 64);
    assert_eq!(offset!(skein_score_item, reserved), 68);
}

#[test]
fn skein_embed_item_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_embed_item>(), 88);
    assert_eq!(align_of::<skein_embed_item>(), 8);
    assert_eq!(offset!(skein_embed_item, stream), 0);
    assert_eq!(offset!(skein_embed_item, tokens), 8);
    assert_eq!(offset!(skein_embed_item, num_tokens), 16);
    assert_eq!(offset!(skein_embed_item, text), 24);
    assert_eq!(offset!(skein_embed_item, text_bytes), 32);
    assert_eq!(offset!(skein_embed_item, embedding), 40);
    assert_eq!(offset!(skein_embed_item, capacity), 48);
    assert_eq!(offset!(skein_embed_item, pooling), 56);
    assert_eq!(offset!(skein_embed_item, normalise), 60);
    assert_eq!(offset!(skein_embed_item, status), 64);
    assert_eq!(offset!(skein_embed_item, priority), 68);
    assert_eq!(offset!(skein_embed_item, num_read), 72);
    assert_eq!(offset!(skein_embed_item, tenant), 80);
}

#[test]
fn skein_error_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_error>(), 1024);
    assert_eq!(align_of::<skein_error>(), 4);
    assert_eq!(offset!(skein_error, code), 0);
    assert_eq!(offset!(skein_error, message_bytes), 4);
    assert_eq!(offset!(skein_error, retry_after_ms), 8);
    assert_eq!(offset!(skein_error, reserved), 12);
    assert_eq!(offset!(skein_error, message), 16);
}

#[test]
fn skein_eval_item_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_eval_item>(), 48);
    assert_eq!(align_of::<skein_eval_item>(), 8);
    assert_eq!(offset!(skein_eval_item, stream), 0);
    assert_eq!(offset!(skein_eval_item, tokens), 8);
    assert_eq!(offset!(skein_eval_item, num_tokens), 16);
    assert_eq!(offset!(skein_eval_item, output), 24);
    assert_eq!(offset!(skein_eval_item, output_capacity), 32);
    assert_eq!(offset!(skein_eval_item, output_kind), 40);
    assert_eq!(offset!(skein_eval_item, status), 44);
}

#[test]
fn skein_tokenizer_info_is_laid_out_as_in_c() {
    assert_eq!(size_of::<skein_tokenizer_info>(), 600);
    assert_eq!(align_of::<skein_tokenizer_info>(), 4);
    assert_eq!(offset!(skein_tokenizer_info, struct_size), 0);
    assert_eq!(offset!(skein_tokenizer_info, vocab_size), 4);
    assert_eq!(offset!(skein_tokenizer_info, kind), 8);
    assert_eq!(offset!(skein_tokenizer_info, origin), 72);
    assert_eq!(offset!(skein_tokenizer_info, path), 88);
}
