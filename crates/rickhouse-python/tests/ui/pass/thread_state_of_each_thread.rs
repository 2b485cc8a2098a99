use rickhouse_python::{Interpreter, ThreadState};

#[allow(dead_code)]
fn proper(interpreter: &'static Interpreter) {
    std::thread::spawn(move || drop(ThreadState::new(interpreter)));
}

fn main() {}
