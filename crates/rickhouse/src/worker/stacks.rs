//! Where the threads of a stuck worker are, as a text for the log.

use std::cmp::Reverse;
use std::fmt::Write;

use rickhouse_host::{Frame, ThreadStack};

/// Threads shown, those that hold a GIL before all others.
const THREADS: usize = 32;
/// Calls shown of each thread.
const FRAMES: usize = 40;

/// Describes what [`rickhouse_host::stacks`] found, the most recent call of each thread first.
pub(super) fn describe(stacks: Option<Vec<ThreadStack>>) -> String {
    let Some(mut stacks) = stacks else {
        return "the stacks cannot be read: that takes Python 3.13 or 3.14, and a system that lets a process look at its own \
                memory (process_vm_readv)"
            .to_owned();
    };
    let all = stacks.len();
    stacks.retain(|thread| thread.holds_gil || !thread.frames.is_empty());
    let running = stacks.len();
    stacks.sort_by_key(|thread| Reverse(thread.holds_gil));
    let mut text = String::new();
    for thread in stacks.iter().take(THREADS) {
        push_thread(&mut text, thread);
    }
    if running > THREADS {
        push(
            &mut text,
            format_args!("{} more threads run Python code", running - THREADS),
        );
    }
    if all > running {
        push(
            &mut text,
            format_args!("{} more threads run no Python code", all - running),
        );
    }
    text
}

fn push_thread(text: &mut String, thread: &ThreadStack) {
    let (id, interpreter) = (thread.native_id, thread.interpreter);
    let gil = if thread.holds_gil {
        " holds the GIL"
    } else {
        ""
    };
    push(
        text,
        format_args!("thread {id} of interpreter {interpreter}{gil}"),
    );
    for Frame {
        function,
        file,
        line,
    } in thread.frames.iter().take(FRAMES)
    {
        push(
            text,
            format_args!("  File \"{file}\", line {line}, in {function}"),
        );
    }
    if thread.frames.len() > FRAMES {
        push(
            text,
            format_args!("  {} outer calls left out", thread.frames.len() - FRAMES),
        );
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(native_id: u64, holds_gil: bool, calls: usize) -> ThreadStack {
        let call = |line| Frame {
            function: "work".to_owned(),
            file: "/site/app.py".to_owned(),
            line,
        };
        let frames = (1..).map(call).take(calls).collect();
        ThreadStack {
            interpreter: 2,
            ident: native_id,
            native_id,
            holds_gil,
            frames,
        }
    }

    #[test]
    fn the_holder_comes_first_and_idle_threads_are_counted() {
        let text = describe(Some(vec![
            thread(7, false, 0),
            thread(8, false, 1),
            thread(9, true, 1),
        ]));
        let expected = "thread 9 of interpreter 2 holds the GIL\n  File \"/site/app.py\", line 1, in work\n\
                        thread 8 of interpreter 2\n  File \"/site/app.py\", line 1, in work\n\
                        1 more threads run no Python code\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn however_much_there_is_the_text_has_an_end() {
        let text = describe(Some((0..500).map(|id| thread(id, false, 200)).collect()));
        assert_eq!(text.lines().count(), THREADS * (FRAMES + 2) + 1);
        assert!(
            text.contains("160 outer calls left out")
                && text.contains("468 more threads run Python code")
        );
    }

    #[test]
    fn an_unreadable_python_is_said() {
        assert!(describe(None).contains("Python 3.13"));
    }
}
