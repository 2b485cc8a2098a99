use rickhouse_python::ThreadState;

fn misuse(state: &mut ThreadState) {
    state.attach(|py| {
        let object = py.none();
        std::thread::scope(|scope| {
            scope.spawn(|| object.is_none());
        });
    });
}

fn main() {}
