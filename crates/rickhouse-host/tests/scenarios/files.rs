//! `wsgi.file_wrapper` (directives-and-daemon.md §7.9).

use rickhouse_host::Failure;

use crate::support::{get, log, serve};

const SOURCE: &str = r#"
import io, os, pathlib, tempfile

path = pathlib.Path(tempfile.mkdtemp(), "data")
path.write_bytes(bytes(range(256)) * 400)
closed = []

class File:
    """A file that notes how often it is closed."""
    def __init__(self, file, **replaced):
        self.file = file
        for name, value in replaced.items():
            setattr(self, name, value)
    def __getattr__(self, name):
        return getattr(self.file, name)
    def close(self):
        closed.append(1)
        self.file.close()

def application(environ, start_response):
    wrapper = environ["wsgi.file_wrapper"]
    route = environ["PATH_INFO"][1:]
    closed.clear() if route != "closed" else None
    write = start_response("200 OK", [("Content-Length", "10")] if route == "declared" else [])
    return globals()[route](wrapper, write)

def whole(wrapper, write):
    return wrapper(File(path.open("rb")))
def rest(wrapper, write):
    file = File(path.open("rb"))
    file.read(1000)
    return wrapper(file)
def declared(wrapper, write):
    return rest(wrapper, write)
def at_the_end(wrapper, write):
    file = File(path.open("rb"))
    file.seek(0, 2)
    return wrapper(file)
def beyond_the_end(wrapper, write):
    file = File(path.open("rb"))
    file.seek(10**6)
    return wrapper(file)
def subclass(wrapper, write):
    class Own(wrapper):
        pass
    return Own(File(path.open("rb")), blksize=7)

def memory(wrapper, write):
    return wrapper(File(io.BytesIO(b"0123456789")), 4)
def after_write(wrapper, write):
    write(b"head:")
    return wrapper(File(path.open("rb")), 102400)
def pipe(wrapper, write):
    reader, writer = os.pipe()
    os.write(writer, b"piped")
    os.close(writer)
    return wrapper(File(os.fdopen(reader, "rb")))
def without_tell(wrapper, write):
    def tell(): raise OSError("no position")
    return wrapper(File(path.open("rb"), tell=tell), 102400)
def before_the_beginning(wrapper, write):
    return wrapper(File(path.open("rb"), tell=lambda: -3), 102400)
def beyond_any_file(wrapper, write):
    return wrapper(File(path.open("rb"), tell=lambda: 2**70), 102400)
def own_arithmetic(wrapper, write):
    class Position(int):
        def __rsub__(self, size): return size * 2
    return wrapper(File(path.open("rb"), tell=lambda: Position(1000)))
def text(wrapper, write):
    return wrapper(File(io.StringIO("text")))
def closed_already(wrapper, write):
    made = wrapper(File(io.BytesIO(b"x")))
    made.close()
    return made
def close_fails(wrapper, write):
    def close():
        closed.append(1)
        raise OSError("cannot close")
    return wrapper(File(io.BytesIO(b"fine"), close=close))

def rules(wrapper, write):
    outcomes = []
    def attempt(function):
        try:
            outcomes.append(repr(function()))
        except Exception as error:
            outcomes.append(f"{type(error).__name__}: {error}")
    file = io.BytesIO(b"x")
    made = wrapper(filelike=file, blksize=3)
    attempt(lambda: wrapper(file, -1))
    attempt(lambda: (made.filelike is file, made.blksize))
    attempt(lambda: setattr(made, "blksize", 5))
    made.close(), made.close()
    attempt(lambda: made.filelike)
    attempt(lambda: next(made))
    return ["; ".join(outcomes).encode()]

# `closed` is a list for the routes above and a route itself.
class Closed(list):
    def __call__(self, wrapper, write):
        return [str(len(self)).encode()]
closed = Closed()
"#;

pub(crate) fn regular_files_are_sent_by_the_kernel() {
    serve(
        SOURCE,
        |_| (),
        |worker| {
            let table = [
                ("/whole", 0, 102_400),
                ("/rest", 1000, 101_400),
                ("/at_the_end", 102_400, 0),
                ("/subclass", 0, 102_400),
                ("/own_arithmetic", 1000, 101_400),
            ];
            for (path, offset, length) in table {
                let exchange = get(worker, path);
                assert_eq!(exchange.files, [(offset, length)], "{path}");
                assert_eq!(
                    (exchange.length, exchange.length_declared),
                    (Some(length), false)
                );
                let first = u8::try_from(offset % 256).expect("a byte");
                let body = exchange.blocks.concat();
                assert_eq!(body.len() as u64, length);
                assert_eq!(body.first().copied(), (length > 0).then_some(first));
                assert_eq!(get(worker, "/closed").text(), "1", "{path}");
            }
            let exchange = get(worker, "/declared");
            assert_eq!(
                (exchange.length, exchange.length_declared),
                (Some(10), true)
            );
            assert_eq!(exchange.files[0].0, 1000);
            let exchange = get(worker, "/beyond_the_end");
            assert_eq!((exchange.failure, exchange.length), (None, Some(0)));
        },
    );
}

pub(crate) fn other_files_are_iterated() {
    serve(
        SOURCE,
        |_| (),
        |worker| {
            let blocks = |blocks: &[Vec<u8>]| blocks.iter().map(Vec::len).collect::<Vec<_>>();
            for (path, lengths) in [
                ("/memory", &[4, 4, 2][..]),
                ("/after_write", &[5, 102_400]),
                ("/pipe", &[5]),
                ("/without_tell", &[102_400]),
                ("/before_the_beginning", &[102_400]),
                ("/beyond_any_file", &[102_400]),
                ("/close_fails", &[4]),
            ] {
                let exchange = get(worker, path);
                assert_eq!(exchange.failure, None, "{path}: {}", log());
                assert_eq!(exchange.files, [], "{path}");
                assert_eq!(blocks(&exchange.blocks), lengths, "{path}");
                assert_eq!(get(worker, "/closed").text(), "1", "{path}");
            }
            for (path, text) in [
                (
                    "/text",
                    "TypeError: file wrapper read() must return bytes, not str",
                ),
                (
                    "/closed_already",
                    "ValueError: I/O operation on closed file",
                ),
            ] {
                log();
                assert_eq!(get(worker, path).failure, Some(Failure::Application));
                let logged = log();
                assert!(logged.contains(text), "{logged}");
                assert_eq!(get(worker, "/closed").text(), "1", "{path}");
            }
            let rules = get(worker, "/rules").text();
            assert!(
                rules.starts_with(
                    "ValueError: blksize must not be negative; (True, 3); AttributeError: "
                ),
                "{rules}"
            );
            let closed = "ValueError: I/O operation on closed file";
            assert!(rules.ends_with(&format!("; {closed}; {closed}")), "{rules}");
        },
    );
}
