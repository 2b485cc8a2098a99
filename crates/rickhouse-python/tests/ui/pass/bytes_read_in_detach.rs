use rickhouse_python::ThreadState;

#[allow(dead_code)]
fn proper(state: &mut ThreadState) -> usize {
    state.attach(|py| {
        let object = py.none();
        let bytes = object.as_bytes().unwrap_or_default();
        py.detach(|| bytes.len())
    })
}

fn main() {}
