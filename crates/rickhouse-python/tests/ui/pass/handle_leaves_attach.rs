use rickhouse_python::{Handle, ThreadState};

#[allow(dead_code)]
fn proper(state: &mut ThreadState) -> Handle {
    let mut kept = None;
    state.attach(|py| kept = Some(Handle::new(py, &py.none())));
    drop(kept);
    state.attach(|py| Handle::new(py, &py.none()))
}

fn main() {}
