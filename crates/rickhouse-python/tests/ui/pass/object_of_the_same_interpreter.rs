use rickhouse_python::{Handle, ThreadState};

#[allow(dead_code)]
fn proper(one: &mut ThreadState, two: &mut ThreadState) {
    let kept = one.attach(|first| {
        let object = first.none();
        drop(object.repr(first));
        Handle::new(first, &object)
    });
    two.attach(|second| drop(second.none().repr(second)));
    one.attach(|first| drop(kept.bind(first)));
}

fn main() {}
