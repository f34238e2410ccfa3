//! Many streams at once: `streams MODEL NUM_STREAMS NUM_TOKENS`. Prints the processor time of the whole process while
//! texts are written and that of the thread that reads them, in seconds, the bytes of text, and the seconds that it
//! took. bindings/bench/streams.c does the same in C; the difference is what the crate costs.

use skein::{
    Event, Model, ModelOptions, Queue, QueueOptions, Request, RequestOptions, Result, Runtime, RuntimeOptions, Stream,
    StreamOptions,
};

const MONOTONIC: i32 = 1;
const PROCESS_CPUTIME: i32 = 2;
const THREAD_CPUTIME: i32 = 3;

extern "C" {
    fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
}

fn seconds_of(clock: i32) -> f64 {
    let mut time = [0; 2];
    // SAFETY: the two numbers of a timespec, seconds and nanoseconds.
    unsafe { clock_gettime(clock, &mut time) };
    time[0] as f64 + 1e-9 * time[1] as f64
}

fn write_texts(model: &str, num_streams: usize, num_tokens: u32) -> Result<()> {
    let runtime = Runtime::new(&RuntimeOptions::new().threads(1))?;
    let model = Model::load(&runtime, model, &ModelOptions::new().device("cpu").calibrate(false))?;
    let queue = Queue::new(&runtime, &QueueOptions::new())?;
    let make_request = |seed: usize| {
        let request = Request::new(&Stream::new(&model, &StreamOptions::new())?)?;
        let options = RequestOptions::new().max_tokens(num_tokens).stop_at_end(false).seed(seed as i64);
        request.set_options(&options)?;
        request.set_prompt_tokens(&[65, 110, 100])?;
        Ok(request)
    };
    let requests = (0..num_streams).map(make_request).collect::<Result<Vec<_>>>()?;
    let clocks = [PROCESS_CPUTIME, THREAD_CPUTIME, MONOTONIC];
    let begin = clocks.map(seconds_of);
    queue.submit_all(&requests)?;
    let num_bytes = queue.events().map(|event: Result<Event>| Ok(event?.text.len())).sum::<Result<usize>>()?;
    let end = clocks.map(seconds_of);
    println!("{:.4} {:.4} {num_bytes} {:.4}", end[0] - begin[0], end[1] - begin[1], end[2] - begin[2]);
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<u32>().ok());
    let result = match (number(2), number(3)) {
        (Some(num_streams), Some(num_tokens)) => write_texts(&arguments[1], num_streams as usize, num_tokens),
        _ => {
            eprintln!("usage: streams MODEL NUM_STREAMS NUM_TOKENS");
            std::process::exit(2);
        }
    };
    if let Err(error) = result {
        eprintln!("streams: {error}");
        std::process::exit(1);
    }
}
