use rickhouse_python::ThreadState;

fn misuse(one: &mut ThreadState, two: &mut ThreadState) {
    one.attach(|first| {
        let object = first.none();
        two.attach(|second| drop(object.repr(second)));
    });
}

fn main() {}
