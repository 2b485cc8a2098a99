use rickhouse_python::ThreadState;

fn misuse(state: &mut ThreadState) {
    let mut kept = None;
    state.attach(|py| kept = Some(py.none()));
    drop(kept);
}

fn main() {}
