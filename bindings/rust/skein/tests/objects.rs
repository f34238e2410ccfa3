//! Objects: what they may be used for, by whom, and until when.

mod common;

use common::{greedy, model, model_with, runtime, stream, text_of, MODEL};
use skein::{
    Code, Model, ModelOptions, Prefix, Queue, QueueOptions, Request, Runtime, RuntimeOptions, Stream, StreamOptions,
    TenantOptions, Tokenizer,
};

#[test]
fn every_object_goes_to_other_threads() {
    fn is_free<T: Send + Sync + 'static>() {}
    is_free::<Runtime>();
    is_free::<Model>();
    is_free::<Tokenizer>();
    is_free::<Stream>();
    is_free::<Prefix>();
    is_free::<Queue>();
    is_free::<Request>();
    is_free::<skein::Pieces>();
    is_free::<skein::Event>();
    is_free::<skein::Error>();
}

/// All orders of these numbers.
fn orders(numbers: &[usize]) -> Vec<Vec<usize>> {
    if numbers.is_empty() {
        return vec![vec![]];
    }
    let mut all = vec![];
    for &first in numbers {
        let rest: Vec<usize> = numbers.iter().copied().filter(|&number| number != first).collect();
        all.extend(orders(&rest).into_iter().map(|order| [vec![first], order].concat()));
    }
    all
}

#[test]
fn objects_are_dropped_in_any_order() {
    let shared = runtime();
    for order in orders(&[0, 1, 2, 3, 4]) {
        let model = Model::load(&shared, MODEL, &ModelOptions::new().device("reference").calibrate(false)).unwrap();
        let queue = Queue::new(&shared, &QueueOptions::new()).unwrap();
        let stream = stream(&model);
        let request = Request::new(&stream).unwrap();
        request.set_options(&greedy(1000)).unwrap();
        request.set_prompt("And").unwrap();
        queue.submit(&request).unwrap();
        let tokenizer = model.tokenizer().unwrap();
        let mut objects: Vec<Option<Box<dyn std::any::Any>>> = vec![
            Some(Box::new(model)),
            Some(Box::new(queue)),
            Some(Box::new(stream)),
            Some(Box::new(request)),
            Some(Box::new(tokenizer)),
        ];
        order.iter().for_each(|&index| drop(objects[index].take()));
    }
}

#[test]
fn a_child_works_without_its_parents() {
    let stream = {
        let model = model();
        stream(&model)
    };
    assert_eq!(text_of(&stream, "In the beginning", &greedy(5)).len(), 5);
    let fork = stream.fork().unwrap();
    drop(stream);
    assert_eq!(fork.position().unwrap(), 20);
    assert_eq!(fork.model().info().generation, 7);
}

#[test]
fn a_clone_is_the_same_model() {
    let first = model();
    let second = first.clone();
    let _stream = stream(&first);
    drop(first);
    assert_eq!(second.load_of(None).unwrap().num_streams, 1);
}

#[test]
fn an_error_has_code_name_and_message() {
    let error = Model::load(&runtime(), "/nowhere/x.skein", &ModelOptions::new()).err().unwrap();
    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(error.code().name(), "NOT_FOUND");
    assert!(error.message().contains("/nowhere/x.skein"), "{error}");
    assert!(error.to_string().starts_with("NOT_FOUND: "), "{error}");
    assert_eq!(error.retry_after(), None);
}

#[test]
fn an_error_says_when_to_try_again() {
    let model = model_with(ModelOptions::new().max_streams(1));
    let _first = stream(&model);
    let error = Stream::new(&model, &StreamOptions::new()).err().unwrap();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(error.retry_after().is_some());
}

#[test]
fn options_are_checked_by_the_library() {
    let unknown = Runtime::new(&RuntimeOptions::new().set("thread", 1)).err().unwrap();
    assert_eq!(unknown.code(), Code::InvalidArgument);
    assert!(unknown.message().contains("threads"), "{unknown}");
    let wrong_type = Runtime::new(&RuntimeOptions::new().set("threads", "many")).err().unwrap();
    assert_eq!(wrong_type.code(), Code::InvalidArgument);
}

#[test]
fn a_nul_in_a_name_is_an_error() {
    let error = Model::load(&runtime(), "a\0b", &ModelOptions::new()).err().unwrap();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("byte 1"), "{error}");
    let error = Runtime::new(&RuntimeOptions::new().trace("a\0b")).err().unwrap();
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[test]
fn every_key_has_its_method_and_the_library_knows_no_other() {
    for &kind in skein::OptionKind::ALL {
        for info in skein::option_keys(kind).unwrap() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/option_keys.rs");
            let source = std::fs::read_to_string(path).unwrap();
            assert!(source.contains(&format!("\"{}\",\n", info.key)), "{kind:?} has no key {}", info.key);
        }
    }
}

#[test]
fn a_policy_without_keys_is_another_thing_than_no_policy() {
    let model = model();
    model.set_tenant("ann", Some(&TenantOptions::new().weight(3))).unwrap();
    assert_eq!(model.load_of(Some("ann")).unwrap().weight, 3.0);
    model.set_tenant("ann", Some(&TenantOptions::new())).unwrap();
    assert_eq!(model.load_of(Some("ann")).unwrap().weight, 1.0);
    assert_eq!(model.load_of(None).unwrap().num_tenants, 1);
    model.set_tenant("ann", None).unwrap();
    assert_eq!(model.load_of(None).unwrap().num_tenants, 0);
}

#[test]
fn devices_plugins_metrics_and_log_are_texts() {
    let runtime = runtime();
    let devices = runtime.devices().unwrap();
    assert!(devices.iter().any(|device| device.name == "reference" && device.generations & 1 << 7 != 0));
    assert!(runtime.plugins().unwrap().iter().any(|plugin| plugin.id == "world" && plugin.is_loaded));
    let error = runtime.load_plugin(MODEL).unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(runtime.metrics().unwrap().contains("skein_"));
    while let Some(line) = runtime.poll_log().unwrap() {
        assert!(!line.text.is_empty());
    }
    assert!(!runtime.progress().unwrap().is_active);
}
