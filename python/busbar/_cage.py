"""The zygote and its locks: this is what the host starts, in place of a program.

    host ── exec ──► zygote: lock no. 1 is on (files, network, programs)     the environment's code is imported
                        └── fork ──► worker: lock no. 2 (no files at all, few system calls)   the rules are loaded

Lock no. 1 is put on by the host before this file runs, but for one thing: a process that may never start a program
could not have been started. So that is the first thing done here, before anything of the environment is imported.
What may be called is decided by the host, which hands over both filters ready made.
"""

import ctypes
import os
import socket
import struct
import sys
from importlib.machinery import ModuleSpec

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, SIGKILL = 1, 38, 22, 2, 9
CREATE_RULESET, RESTRICT_SELF = 444, 446  # landlock: the same numbers on every architecture

libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def _must(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), what)
    return result


def put_filter(code):
    """From here on the kernel refuses what `code` (an array of BPF instructions) does not allow."""
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    _must(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp")


def forbid_files(attributes):
    """`attributes`: struct landlock_ruleset_attr; all it handles is forbidden, as no rule allows anything. Empty: this
    kernel has no Landlock, and somebody has said that it need not be there."""
    if not attributes:
        return
    attr = ctypes.create_string_buffer(attributes, len(attributes))
    fd = _must(libc.syscall(CREATE_RULESET, attr, ctypes.c_size_t(len(attributes)), 0), "landlock")
    _must(libc.syscall(RESTRICT_SELF, fd, 0), "landlock")
    os.close(fd)


def _limit(memory_bytes, processor_s):
    import resource
    for what, most in ((resource.RLIMIT_DATA, memory_bytes), (resource.RLIMIT_CPU, processor_s),
                       (resource.RLIMIT_NPROC, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0),
                       (resource.RLIMIT_STACK, 8 << 20)):
        resource.setrlimit(what, (most, most))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _map(fd, write):
    import mmap
    size = os.fstat(fd).st_size
    region = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | (mmap.PROT_WRITE if write else 0))
    return memoryview(region)


def _become_worker(fds, given):
    request_fd, answer_fd, wake_fd, done_fd, *side_fd = fds
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() == 1:
        os._exit(0)
    from busbar._work import Worker
    worker = Worker(_map(request_fd, False), _map(answer_fd, True), _map(side_fd[0], False) if side_fd else None)
    kept = sorted((wake_fd, done_fd, 2))
    for low, high in zip([-1, *kept], [*kept, 1 << 20]):
        os.closerange(low + 1, min(high, 4096))
    memory_bytes, processor_s = given["limits"]
    forbid_files(given["landlock"])
    _limit(memory_bytes, processor_s)
    put_filter(given["worker"])
    worker.serve(wake_fd, done_fd)
    os._exit(0)


class _Finder:
    """Modules of this package, from memory: the package needs no place in the environment."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name in self.sources:
            return ModuleSpec(name, self, is_package=name == "busbar")

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(self.sources[name], f"<{name}>", "exec", dont_inherit=True), module.__dict__)


def _told(control):
    """The host's first word: parts of name length, body length, name, body."""
    (size,) = struct.unpack("<I", _exactly(control, 4))
    data, parts, at = _exactly(control, size), {}, 0
    while at < len(data):
        name_size, body_size = struct.unpack_from("<II", data, at)
        name = data[at + 8:at + 8 + name_size].decode()
        parts[name] = data[at + 8 + name_size:at + 8 + name_size + body_size]
        at += 8 + name_size + body_size
    return parts


def _exactly(control, size):
    data = b""
    while len(data) < size:
        more = control.recv(size - len(data))
        if not more:
            os._exit(0)
        data += more
    return data


def main(control_fd):
    control = socket.socket(fileno=control_fd)
    parts = _told(control)
    put_filter(parts["zygote"])
    sys.meta_path.insert(0, _Finder({name[3:]: body.decode() for name, body in parts.items() if name[:3] == "py:"}))
    sys.path.extend(parts["paths"].decode().split("\0"))
    given = {"landlock": parts["landlock"], "worker": parts["worker"],
             "limits": struct.unpack("<QQ", parts["limits"])}
    import faulthandler
    faulthandler.enable(2)
    for name in ("busbar._work", "resource", "mmap", "linecache", "bisect", "collections", "dataclasses", "datetime",
                 "decimal", "enum", "fractions", "functools", "heapq", "itertools", "math", "operator", "re",
                 "statistics", "string", "typing", "numpy.random", "numpy.linalg", "numpy.fft", "numpy.polynomial",
                 *parts["imports"].decode().split()):
        __import__(name)
    control.sendall(b"R")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 5)
        if not message:
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            _become_worker(fds, given)
        for fd in fds:
            os.close(fd)
        control.sendall(struct.pack("<I", pid))
        while True:  # those that have ended
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
