use rickhouse_python::ThreadState;

fn misuse(state: &mut ThreadState) {
    state.attach(|py| {
        std::thread::scope(|scope| {
            scope.spawn(move || py.interpreter_id());
        });
    });
}

fn main() {}
