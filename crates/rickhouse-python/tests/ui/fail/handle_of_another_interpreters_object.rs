use rickhouse_python::{Handle, ThreadState};

fn misuse(one: &mut ThreadState, two: &mut ThreadState) {
    one.attach(|first| {
        let object = first.none();
        two.attach(|second| drop(Handle::new(second, &object)));
    });
}

fn main() {}
