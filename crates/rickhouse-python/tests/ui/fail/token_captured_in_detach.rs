use rickhouse_python::ThreadState;

fn misuse(state: &mut ThreadState) {
    state.attach(|py| {
        py.detach(|| py.interpreter_id());
    });
}

fn main() {}
