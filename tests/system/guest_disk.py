# SPDX-License-Identifier: BSD-3-Clause
"""A whole Debian on a disk, for a guest with systemd.

    root = guest_disk.debian(folder / "root", ["python3"])      # needs root, once: minutes
    shutil.copy("linemix.deb", root / "var/tmp")                # what the guest shall have
    disk = guest_disk.write(folder / "disk", root)
    with guest_disk.boot(kernel, folder, disk) as machine:
        machine.run("systemctl is-system-running --wait", ok=False)
        machine.off("systemctl poweroff")

What a guest writes stays on its disk; with fresh=True (the default) the disk is as it was again
after each boot.
"""
import pathlib
import shutil

import guest
import guest_image

SUITE = "bookworm"
PACKAGES = ["systemd-sysv", "udev", "dbus", "kmod", "iproute2"]
MODULES = ["virtio_blk", "virtio_pci", "virtio_net", "tun"]

AGENT_UNIT = f"""\
[Unit]
Description=Runs commands that come over {guest.PORT}
[Service]
ExecStart=/etc/guest-agent
StandardInput=null
[Install]
WantedBy=basic.target
"""

# Mounts the disk and goes over to what is on it.
SWITCH = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
modprobe virtio_pci
modprobe virtio_blk
until [ -b /dev/vda ]; do sleep 0.1; done
mount -t ext4 /dev/vda /mnt
mount --move /dev /mnt/dev
exec switch_root /mnt /sbin/init
"""


def debian(root, packages=(), suite=SUITE):
    """A folder with a Debian of these packages and PACKAGES, and the agent; made where it is not
    there yet, or is one of other packages. Returns it. Needs root."""
    root = pathlib.Path(root)
    wanted, has = ",".join([*PACKAGES, *packages]), root / "etc/guest-packages"
    if not has.exists() or has.read_text() != wanted:
        shutil.rmtree(root, ignore_errors=True)
        guest_image.output("debootstrap", "--variant=minbase", f"--include={wanted}", suite, root)
        unit = root / "etc/systemd/system/guest-agent.service"
        unit.write_text(AGENT_UNIT)
        begun = root / "etc/systemd/system/basic.target.wants"
        begun.mkdir(exist_ok=True)
        (begun / unit.name).symlink_to(f"../{unit.name}")
        (root / "etc/hostname").write_text("guest\n")
        agent = root / "etc/guest-agent"
        agent.write_text(guest.AGENT)
        agent.chmod(0o755)
        has.write_text(wanted)
    return root


def add_modules(root, kernel, names=tuple(MODULES)):
    """The kernel's modules of these names, and what they need, for the guest's modprobe."""
    folder = root / "lib/modules" / kernel.release
    for path in kernel.with_needs(*names):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kernel.folder / path, folder / path)
    for file in kernel.folder.glob("modules.*"):
        shutil.copy(file, folder)


def write(path, root, megabytes=2048):
    """A file system with what is in the folder; it takes no more of this machine than is in it."""
    path = pathlib.Path(path)
    path.unlink(missing_ok=True)
    guest_image.output("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, path,
                       f"{megabytes}M")
    return path


def boot(kernel, folder, disk, fresh=True, devices=(), append="", **options):
    """A guest on that disk; to be used as guest.Guest, whose other arguments are as there."""
    image = guest_image.Initramfs(kernel)
    image.text("init", SWITCH, 0o755)
    image.modules("virtio_blk", "virtio_pci")
    initrd = image.write(pathlib.Path(folder) / "disk-initrd")
    drive = f"file={disk},format=raw,if=virtio,snapshot={'on' if fresh else 'off'}"
    return guest.Guest(kernel, initrd, devices=["-drive", drive, *devices],
                       append=f"net.ifnames=0 {append}", **options)
