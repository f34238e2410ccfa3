//! The verbs of options, runtimes, models and tokenizers.

use skein::{
    ChatOptions, ConvertOptions, DescribeOptions, Message, Model, ModelOptions, OptionInfo, OptionKind, OptionType,
    PluginKind, Runtime, RuntimeOptions, TenantOptions, Tokenizer, TokenizerOptions,
};

use crate::objects::Outcome;
use crate::step::Step;
use crate::transcript::{double, line, quoted, tokens, word};
use crate::Player;

/// The options of a step, as those of a kind.
macro_rules! options {
    ($step:expr, $options:ident) => {
        $step.options.iter().fold($options::new(), |options, (key, value)| options.set(key.clone(), value.clone()))
    };
}
pub(crate) use options;

pub fn play(player: &mut Player, step: &Step) -> Option<Outcome> {
    let outcome = match step.verb.as_str() {
        "version" => Ok(vec![quoted(skein::version().as_bytes())]),
        "status_name" => Ok(vec![quoted(skein::status_name(step.number(0)).as_bytes())]),
        "options_keys" => options_keys(step),
        "runtime_create" => runtime_create(player, step),
        "runtime_load_plugin" => runtime_load_plugin(player, step),
        "runtime_plugin" => runtime_plugin(player, step),
        "runtime_device" => runtime_device(player, step),
        "runtime_poll_log" => runtime_poll_log(player, step),
        "runtime_metrics" => runtime_metrics(player, step),
        "runtime_progress" => runtime_progress(player, step),
        "model_load" => model_load(player, step),
        "model_get_info" => model_get_info(player, step),
        "model_describe" => model_describe(player, step),
        "model_convert" => model_convert(player, step),
        "model_tokenizer" => model_tokenizer(player, step),
        "model_chat_prompt" => model_chat_prompt(player, step),
        "model_set_tenant" => model_set_tenant(player, step),
        "model_get_load" => model_get_load(player, step),
        "tokenizer_load" => tokenizer_load(player, step),
        "tokenizer_get_info" => tokenizer_get_info(player, step),
        "tokenizer_encode" => tokenizer_encode(player, step),
        "tokenizer_decode" => tokenizer_decode(player, step),
        _ => return None,
    };
    Some(outcome)
}

fn options_keys(step: &Step) -> Outcome {
    let number: u32 = step.number(0);
    let kind = OptionKind::ALL.iter().find(|kind| kind.number() == number).expect("a kind of options");
    let row = |info: OptionInfo| {
        let number = match info.value_type {
            OptionType::I64 => 1,
            OptionType::F64 => 2,
            _ => 3,
        };
        let default_value = quoted(info.default_value.as_bytes());
        line(&[&info.key, &number, &default_value, &double(info.min_value), &double(info.max_value)])
    };
    Ok(skein::option_keys(*kind)?.into_iter().flat_map(row).collect())
}

fn runtime_create(player: &mut Player, step: &Step) -> Outcome {
    let runtime = Runtime::new(&options!(step, RuntimeOptions))?;
    player.objects.put_runtime(step.name(0), runtime);
    Ok(vec![])
}

fn runtime_load_plugin(player: &mut Player, step: &Step) -> Outcome {
    player.objects.runtime(&step.name(0))?.load_plugin(step.name(1))?;
    Ok(vec![])
}

fn runtime_plugin(player: &mut Player, step: &Step) -> Outcome {
    let plugins = player.objects.runtime(&step.name(0))?.plugins()?;
    let plugin = plugins.iter().find(|plugin| plugin.id == step.name(1)).expect("the plugin is in the list");
    let kind = match plugin.kind {
        PluginKind::Backend => 1,
        PluginKind::Format => 2,
        PluginKind::Tokenizer => 3,
        _ => 0,
    };
    Ok(line(&[&kind, &u32::from(plugin.is_loaded), &plugin.abi]))
}

fn runtime_device(player: &mut Player, step: &Step) -> Outcome {
    let devices = player.objects.runtime(&step.name(0))?.devices()?;
    let device = devices.iter().find(|device| device.name == step.name(1)).expect("the device is in the list");
    Ok(line(&[&quoted(device.plugin_id.as_bytes()), &device.generations, &device.weight_types]))
}

fn runtime_poll_log(player: &mut Player, step: &Step) -> Outcome {
    let runtime = player.objects.runtime(&step.name(0))?;
    let mut num_lines = 0;
    while runtime.poll_log()?.is_some() {
        num_lines += 1;
    }
    Ok(word(num_lines > 0, "lines", "none"))
}

fn runtime_metrics(player: &mut Player, step: &Step) -> Outcome {
    let metrics = player.objects.runtime(&step.name(0))?.metrics()?;
    Ok(word(metrics.contains(&step.name(1)), "present", "absent"))
}

fn runtime_progress(player: &mut Player, step: &Step) -> Outcome {
    let progress = player.objects.runtime(&step.name(0))?.progress()?;
    Ok(line(&[&u32::from(progress.is_active), &quoted(progress.what.as_bytes())]))
}

fn model_load(player: &mut Player, step: &Step) -> Outcome {
    let runtime = player.objects.runtime(&step.name(1))?;
    let model = Model::load(&runtime, step.name(2), &options!(step, ModelOptions))?;
    player.objects.put_model(step.name(0), model);
    Ok(vec![])
}

fn model_get_info(player: &mut Player, step: &Step) -> Outcome {
    let model = player.objects.model(&step.name(0))?;
    let info = model.info();
    let has_tokenizer = u32::from(info.has_tokenizer);
    let numbers: [&dyn std::fmt::Display; 11] = [
        &info.generation,
        &info.num_layers,
        &info.d_model,
        &info.d_ffn,
        &info.vocab_size,
        &info.num_heads,
        &info.head_size,
        &info.num_parameters,
        &info.num_state_floats,
        &has_tokenizer,
        &info.end_token,
    ];
    let texts = [&info.device, &info.weight_type, &info.name, &info.chat_template];
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_bytes())).collect();
    Ok([line(&numbers), vec![texts.join(" ")]].concat())
}

fn model_describe(player: &mut Player, step: &Step) -> Outcome {
    let runtime = player.objects.runtime(&step.name(0))?;
    let text = skein::describe_model(&runtime, step.name(1), &options!(step, DescribeOptions))?;
    Ok(word(text.contains(&step.name(2)), "present", "absent"))
}

fn model_convert(player: &mut Player, step: &Step) -> Outcome {
    let runtime = player.objects.runtime(&step.name(0))?;
    skein::convert(&runtime, step.name(1), step.name(2), &options!(step, ConvertOptions))?;
    Ok(vec![])
}

fn model_tokenizer(player: &mut Player, step: &Step) -> Outcome {
    let tokenizer = player.objects.model(&step.name(1))?.tokenizer()?;
    player.objects.put_tokenizer(step.name(0), tokenizer);
    Ok(vec![])
}

/// The messages in the arguments: pairs of a role and a text.
pub fn messages(step: &Step) -> Vec<Message> {
    let pairs = step.arguments[1..].chunks_exact(2);
    pairs.map(|pair| Message::new(pair[0].as_str(), pair[1].bytes.as_slice())).collect()
}

fn model_chat_prompt(player: &mut Player, step: &Step) -> Outcome {
    let model = player.objects.model(&step.name(0))?;
    let prompt = model.chat_prompt(&messages(step), &options!(step, ChatOptions))?;
    Ok(vec![quoted(prompt.as_bytes())])
}

fn model_set_tenant(player: &mut Player, step: &Step) -> Outcome {
    let model = player.objects.model(&step.name(0))?;
    let options = options!(step, TenantOptions);
    model.set_tenant(&step.name(1), if step.options.is_empty() { None } else { Some(&options) })?;
    Ok(vec![])
}

fn model_get_load(player: &mut Player, step: &Step) -> Outcome {
    let model = player.objects.model(&step.name(0))?;
    let name = (step.arguments.len() > 1).then(|| step.name(1));
    let load = model.load_of(name.as_deref())?;
    let weight = double(load.weight);
    Ok(line(&[
        &load.num_streams,
        &load.max_streams,
        &load.num_waiting,
        &load.num_running,
        &load.queued_tokens,
        &weight,
    ]))
}

fn tokenizer_load(player: &mut Player, step: &Step) -> Outcome {
    let runtime = player.objects.runtime(&step.name(1))?;
    let tokenizer = Tokenizer::load(&runtime, step.name(2), &options!(step, TokenizerOptions))?;
    player.objects.put_tokenizer(step.name(0), tokenizer);
    Ok(vec![])
}

fn tokenizer_get_info(player: &mut Player, step: &Step) -> Outcome {
    let info = player.objects.tokenizer(&step.name(0))?.info()?;
    Ok(line(&[&info.vocab_size, &quoted(info.kind.as_bytes()), &quoted(info.origin.as_bytes())]))
}

fn tokenizer_encode(player: &mut Player, step: &Step) -> Outcome {
    let list = player.objects.tokenizer(&step.name(1))?.encode(step.bytes(2))?;
    let line = tokens(&list);
    player.objects.put_tokens(step.name(0), list);
    Ok(vec![line])
}

fn tokenizer_decode(player: &mut Player, step: &Step) -> Outcome {
    let list = player.objects.token_list(&step.name(1))?;
    let text = player.objects.tokenizer(&step.name(0))?.decode(&list)?;
    Ok(vec![quoted(&text)])
}
