"""What is near the machine compiles for arm64, too: by clang, with Debian's headers of that architecture.

Nothing of it is run here. The cage's filters for arm64 are, in unit/adapter: they are programs that a test can interpret.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("BUSBAR_BUILD", pathlib.Path(__file__).parents[2] / "build"))
HEADERS = pathlib.Path("/usr/aarch64-linux-gnu/include")
NEAR = ("base", "model", "port", "adapter")

pytestmark = pytest.mark.skipif((not HEADERS.is_dir() or not shutil.which("clang")) and not os.environ.get("CI"),
                                reason="no clang, or no headers of arm64 (Debian: libc6-dev-arm64-cross)")


def commands():
    """(file, folder, what the build passes to its compiler, without what is about this machine)."""
    for row in json.loads((BUILD / "compile_commands.json").read_text()):
        words, kept = iter(shlex.split(row["command"])[1:]), []
        for word in words:
            if word in ("-o", "-MF", "-MQ"):
                next(words)
            elif word.startswith("-") and word not in ("-c", "-MD") and "x86" not in word:
                kept.append(word)
        path = pathlib.Path(row["directory"], row["file"]).resolve()
        if path.parent.parent.name == "src" and path.parent.name in NEAR:
            yield path, row["directory"], kept


def test_what_is_near_the_machine_compiles():
    files = list(commands())
    assert {"cage", "rules_worker", "rules_zygote", "rules_python", "crc"} <= {path.stem for path, _, _ in files}
    for path, folder, flags in files:
        done = subprocess.run(
            ["clang", "--target=aarch64-linux-gnu", "-march=armv8-a+crc", "-isystem", HEADERS, *flags,
             "-idirafter", "/usr/include/x86_64-linux-gnu",  # of libraries whose headers say where they were built
             "-fsyntax-only", path], cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_a_file_that_is_not_for_arm64_would_be_found(tmp_path):
    wrong = tmp_path / "wrong.c"
    wrong.write_text("#include <sys/syscall.h>\nint number = SYS_open;\n")
    for target, fine in (("aarch64", False), ("x86_64", True)):
        include = ["-isystem", HEADERS] if target == "aarch64" else []
        done = subprocess.run(["clang", f"--target={target}-linux-gnu", *include, "-fsyntax-only", wrong],
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) == fine, done.stderr
