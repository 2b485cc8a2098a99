use rickhouse_python::ThreadState;

fn misuse(state: &mut ThreadState) {
    state.attach(|py| {
        let object = py.none();
        let bytes = object.as_bytes();
        drop(object);
        drop(bytes);
    });
}

fn main() {}
