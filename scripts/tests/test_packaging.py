"""What the build backend decides by itself, without maturin. Run: python3 -m unittest discover -s scripts/tests"""

import contextlib
import csv
import hashlib
import io
import json
import os
import stat
import sys
import sysconfig
import tempfile
import types
import unittest
import zipfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))

HOOKS = ("build_sdist", "build_wheel", "build_editable", "get_requires_for_build_editable", "get_requires_for_build_sdist",
         "get_requires_for_build_wheel", "prepare_metadata_for_build_editable", "prepare_metadata_for_build_wheel")  # fmt: skip
maturin = types.SimpleNamespace(**dict.fromkeys(HOOKS))
with mock.patch.dict(sys.modules, {"maturin": maturin}):
    import rickhouse_build


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class Wheel(Folder):
    def setUp(self):
        super().setUp()
        self.wheel = self.folder / "rickhouse-1-cp313-cp313-linux_x86_64.whl"
        with zipfile.ZipFile(self.wheel, "w") as wheel:
            wheel.writestr("rickhouse/__init__.py", "x")
            wheel.writestr("rickhouse-1.dist-info/RECORD", "rickhouse/__init__.py,sha256=eA,1\nrickhouse-1.dist-info/RECORD,,\n")
        self.module = self.folder / "libmod_wsgi.so"
        self.module.write_bytes(b"\x7fELF")

    def test_the_file_is_added_as_a_library_and_recorded(self):
        rickhouse_build.add_to_wheel(self.wheel, "rickhouse/mod_wsgi.so", self.module)
        with zipfile.ZipFile(self.wheel) as wheel:
            self.assertIsNone(wheel.testzip())
            self.assertEqual(wheel.read("rickhouse/mod_wsgi.so"), b"\x7fELF")
            mode = wheel.getinfo("rickhouse/mod_wsgi.so").external_attr >> 16
            record = list(csv.reader(io.StringIO(wheel.read("rickhouse-1.dist-info/RECORD").decode())))
            names = wheel.namelist()
        self.assertEqual(stat.S_IMODE(mode), 0o755)
        self.assertEqual([row[0] for row in record],
                         ["rickhouse/__init__.py", "rickhouse-1.dist-info/RECORD", "rickhouse/mod_wsgi.so"])
        self.assertEqual(record[2][2], "4")
        self.assertEqual(len(record[2][1]), len("sha256=") + 43)
        self.assertEqual(sorted(names), sorted(set(names)), "a name is there twice")

    def test_only_the_wheel_is_left(self):
        rickhouse_build.add_to_wheel(self.wheel, "rickhouse/mod_wsgi.so", self.module)
        self.assertEqual(sorted(file.name for file in self.folder.iterdir()), [self.module.name, self.wheel.name])

    def test_a_python_without_a_library_gets_the_wheel_as_maturin_made_it(self):
        before = hashlib.sha256(self.wheel.read_bytes()).hexdigest()
        with mock.patch.object(maturin, "build_wheel", return_value=self.wheel.name), \
                mock.patch.object(rickhouse_build, "libpython_folder", return_value=None):  # fmt: skip
            self.assertEqual(rickhouse_build.build_wheel(self.folder), self.wheel.name)
        self.assertEqual(hashlib.sha256(self.wheel.read_bytes()).hexdigest(), before)


class Libpython(Folder):
    def look(self, **variables):
        known = {"LIBDIR": str(self.folder), "MULTIARCH": "x86_64-linux-gnu", "LDLIBRARY": "libpython3.13.so",
                 "Py_ENABLE_SHARED": 1, **variables}  # fmt: skip
        said = io.StringIO()
        with mock.patch.object(sysconfig, "get_config_var", known.get), contextlib.redirect_stderr(said):
            return rickhouse_build.libpython_folder(), said.getvalue()

    def test_debian_has_it_in_a_folder_of_the_architecture(self):
        folder = self.folder / "x86_64-linux-gnu"
        folder.mkdir()
        (folder / "libpython3.13.so").touch()
        self.assertEqual(self.look(), (str(folder), ""))

    def test_others_have_it_among_the_libraries(self):
        (self.folder / "libpython3.13.so").touch()
        self.assertEqual(self.look(MULTIARCH=None), (str(self.folder), ""))

    def test_a_missing_one_is_named(self):
        folder, said = self.look()
        self.assertIsNone(folder)
        self.assertIn("mod_wsgi.so is not built", said)
        self.assertIn("no libpython3.13.so in", said)

    def test_a_static_build_is_called_that(self):
        (self.folder / "libpython3.13.so").touch()
        folder, said = self.look(Py_ENABLE_SHARED=0)
        self.assertIsNone(folder)
        self.assertIn("a static build", said)


class Cargo(unittest.TestCase):
    def test_the_profile_is_the_one_maturin_gets(self):
        for arguments, profile in [("", "release"), ("--profile e2e", "e2e"), ("--offline --profile=dev", "dev")]:
            with mock.patch.dict(os.environ, {"MATURIN_PEP517_ARGS": arguments}):
                self.assertEqual(rickhouse_build.profile(), profile)

    def test_the_library_is_found_among_the_messages(self):
        messages = [
            {"reason": "compiler-artifact", "target": {"name": "libc"}, "filenames": ["/target/liblibc.rlib"]},
            {"reason": "build-script-executed", "package_id": "x"},
            {"reason": "compiler-artifact", "target": {"name": "mod_wsgi"},
             "filenames": ["/target/libmod_wsgi.rlib", "/target/libmod_wsgi.so"]},
            {"reason": "build-finished", "success": True},
        ]  # fmt: skip
        text = "\n".join(map(json.dumps, messages))
        self.assertEqual(rickhouse_build.library(text), Path("/target/libmod_wsgi.so"))
        with self.assertRaisesRegex(SystemExit, "no shared library"):
            rickhouse_build.library(json.dumps(messages[0]))


if __name__ == "__main__":
    unittest.main()
