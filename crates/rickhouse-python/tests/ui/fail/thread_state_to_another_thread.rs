use rickhouse_python::{Interpreter, ThreadState};

fn misuse(interpreter: &'static Interpreter) {
    let state = ThreadState::new(interpreter);
    std::thread::spawn(move || drop(state));
}

fn main() {}
