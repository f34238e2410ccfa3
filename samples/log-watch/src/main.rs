//! Follows log files, and says in one line each what happened: `log-watch MODEL FILE... [--once]`. All files are
//! summarised at the same time by one model. With `--once` it says it of the files as they are, and ends.

mod summariser;
mod tail;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (flags, words): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    if words.len() < 2 || flags.iter().any(|flag| flag != "--once") {
        eprintln!("usage: log-watch MODEL FILE... [--once]");
        return ExitCode::from(2);
    }
    let files: Vec<PathBuf> = words[1..].iter().map(PathBuf::from).collect();
    match summariser::run(&words[0], &files, !flags.is_empty()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("log-watch: {error}");
            ExitCode::FAILURE
        }
    }
}
