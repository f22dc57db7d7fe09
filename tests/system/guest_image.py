# SPDX-License-Identifier: BSD-3-Clause
"""What a guest boots: Debian's cloud kernel, unpacked and not installed, and an initramfs that is
put together from files of this machine. No privileges and no tools beyond apt-get, dpkg-deb and
depmod.

    kernel = guest_image.kernel(folder)
    image = guest_image.Initramfs(kernel)
    image.program("/usr/sbin/ip")
    image.modules("virtio_net")
    image.write(path)
"""
import os
import pathlib
import re
import stat
import subprocess

PACKAGE = "linux-image-cloud-amd64"
NEEDS = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static", "depmod": "kmod"}
BUSYBOX = pathlib.Path("/bin/busybox")


class GuestError(Exception):
    """What a guest lacks, in words for the user."""


def output(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise GuestError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout}")
    return done.stdout


class Kernel:
    """An unpacked kernel: the image to boot, and its modules."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.image = next(self.root.glob("boot/vmlinuz-*"))
        self.release = self.image.name.removeprefix("vmlinuz-")
        self.folder = self.root / "lib/modules" / self.release
        self.depends = {}
        for line in (self.folder / "modules.dep").read_text().splitlines():
            path, needs = line.split(":")
            self.depends[self.plain(path)] = (path, [self.plain(need) for need in needs.split()])

    @staticmethod
    def plain(path):
        return pathlib.PurePath(path).stem.replace("-", "_")

    def with_needs(self, *names):
        """These modules and what they need: the path of each, what is needed first."""
        paths = []
        for name in names:
            if name.replace("-", "_") not in self.depends:
                raise GuestError(f"the kernel {self.release} has no module {name}")
            path, needs = self.depends[name.replace("-", "_")]
            for wanted in [*reversed([self.depends[need][0] for need in needs]), path]:
                if wanted not in paths:
                    paths.append(wanted)
        return paths


def kernel(folder):
    """Debian's cloud kernel in this folder; fetched and unpacked where it is not there."""
    root = pathlib.Path(folder) / "kernel"
    if not (root / "unpacked").exists():
        root.mkdir(parents=True, exist_ok=True)
        named = re.search(r"Depends: (linux-image-\S+)", output("apt-cache", "depends", PACKAGE))
        if not named:
            raise GuestError(f"apt knows no {PACKAGE}; do: apt-get update")
        output("apt-get", "-o", "APT::Sandbox::User=root", "download", named[1], cwd=root)
        package = next(root.glob(named[1] + "_*.deb"))
        output("dpkg-deb", "-x", package, root)
        package.unlink()
        output("depmod", "-b", root, next((root / "lib/modules").iterdir()).name)
        (root / "unpacked").touch()
    return Kernel(root)


def libraries(program):
    """The shared libraries of a program, and its loader."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    return [pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", done.stdout)]


class Initramfs:
    """A tree of files in memory, written as a cpio archive: a path in the guest is a file of this
    machine, bytes, a link or a folder."""

    def __init__(self, of):
        self.kernel, self.entries = of, {}
        self.link("bin", "usr/bin")
        for name in ("sbin", "lib", "lib64"):
            self.link(name, f"usr/{name}")
        for name in ("proc", "sys", "dev", "run", "tmp", "root", "mnt", "var"):
            self.folder(name)
        self.link("var/run", "/run")
        self.file(BUSYBOX, "usr/bin/busybox")
        for applet in output(BUSYBOX, "--list").split():
            if applet != "busybox":
                self.link(f"usr/bin/{applet}", "busybox")

    def parents(self, path):
        for parent in reversed(pathlib.PurePath(path).parents):
            if str(parent) not in (".", *self.entries):
                self.folder(str(parent))

    @staticmethod
    def place(path):
        """Where it stands in the archive: below usr what Debian has there."""
        path = str(path).lstrip("/")
        return "usr/" + path if path.split("/")[0] in ("bin", "sbin", "lib", "lib64") else path

    def folder(self, path):
        self.parents(path)
        self.entries[path] = (stat.S_IFDIR | 0o755, b"")

    def link(self, path, to):
        self.parents(path)
        self.entries[path] = (stat.S_IFLNK | 0o777, str(to).encode())

    def text(self, path, text, mode=0o644):
        self.parents(path)
        self.entries[path] = (stat.S_IFREG | mode, text.encode())

    def file(self, source, path=None):
        """A file with its mode. Where it is a link, the file that it points to as well: a library
        that has two names must not be loaded twice."""
        path, real = path or self.place(source), os.path.realpath(source)
        if self.place(source) == path and self.place(real) != path:
            self.link(path, real)
            path = self.place(real)
        self.parents(path)
        self.entries[path] = (stat.S_IFREG | stat.S_IMODE(os.stat(real).st_mode),
                              pathlib.Path(real))

    def program(self, source, path=None):
        """A program, or a library that programs open by name, with all libraries that it needs."""
        self.file(source, path)
        for library in libraries(source):
            self.file(library)

    def tree(self, source, path=None, skip=()):
        """All files below a folder but those in folders of these names; links stay links."""
        source = pathlib.Path(source)
        base = path or self.place(source)
        for folder, folders, files in os.walk(source):
            folders[:] = [name for name in folders if name not in skip]
            for name in files:
                file = pathlib.Path(folder) / name
                at = f"{base}/{file.relative_to(source)}"
                if file.is_symlink() and not os.readlink(file).startswith("/"):
                    self.link(at, os.readlink(file))
                elif file.is_file():
                    self.file(file, at)

    def modules(self, *names):
        """Kernel modules with what they need, for modprobe."""
        for path in self.kernel.with_needs(*names):
            self.file(self.kernel.folder / path, f"usr/lib/modules/{self.kernel.release}/{path}")
        for file in self.kernel.folder.glob("modules.*"):
            self.file(file, f"usr/lib/modules/{self.kernel.release}/{file.name}")

    def write(self, path):
        """The archive, not compressed: software emulation would take longer to unpack it."""
        with open(path, "wb") as out:
            for number, (name, (mode, content)) in enumerate(sorted(self.entries.items()), 1):
                if isinstance(content, bytes):
                    record(out, number, name, mode, content)
                else:
                    record(out, number, name, mode, content.read_bytes(), content.stat().st_mtime)
            record(out, 0, "TRAILER!!!", 0, b"")
        return path


def record(out, number, name, mode, data, time=0):
    """One record of a cpio archive (newc): everything is root's. Times are kept, since Python looks
    at them before it takes what it compiled."""
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, int(time), len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))
