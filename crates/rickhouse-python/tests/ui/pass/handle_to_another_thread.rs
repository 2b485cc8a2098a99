use rickhouse_python::{Handle, Interpreter, ThreadState};

#[allow(dead_code)]
fn proper(state: &mut ThreadState, interpreter: &'static Interpreter) {
    state.attach(|py| {
        let handle = Handle::new(py, &py.none());
        py.detach(|| {
            std::thread::scope(|scope| {
                scope.spawn(|| ThreadState::new(interpreter).attach(|py| handle.bind(py).is_none()));
            });
        });
    });
}

fn main() {}
