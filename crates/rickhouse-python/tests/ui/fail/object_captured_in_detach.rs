use rickhouse_python::ThreadState;

fn misuse(state: &mut ThreadState) {
    state.attach(|py| {
        let object = py.none();
        py.detach(|| object.is_none());
    });
}

fn main() {}
