use rickhouse_python::ThreadState;

fn misuse(state: &mut ThreadState) {
    let _escaped = state.attach(|py| py.none());
}

fn main() {}
