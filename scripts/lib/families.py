# SPDX-License-Identifier: BSD-3-Clause
"""The families of network cards that drivers-config/nic describes, one TOML file each."""
import dataclasses
import os
import pathlib
import tomllib

FOLDER = pathlib.Path(os.environ.get("LINEMIX_NIC") or
                      pathlib.Path(__file__).resolve().parents[2] / "drivers-config/nic")
BINDINGS = ("vfio-pci", "bifurcated", "kernel")


class FamilyError(Exception):
    """What is wrong with a family's file, in words for the user."""


@dataclasses.dataclass
class Family:
    """See drivers-config/README.md for what each key means."""
    name: str
    title: str
    guide: str
    dpdk_driver: str
    binding: str
    device: str              # port.device, with {address} and {interface}
    pci: list = dataclasses.field(default_factory=list)
    kernel_drivers: list = dataclasses.field(default_factory=list)
    modules: list = dataclasses.field(default_factory=list)
    packages: list = dataclasses.field(default_factory=list)
    without_iommu: str = ""  # the driver to bind to where there is no IOMMU
    ethtool: list = dataclasses.field(default_factory=list)
    relay: dict = dataclasses.field(default_factory=dict)
    queues: dict = dataclasses.field(default_factory=dict)
    mtu: dict = dataclasses.field(default_factory=dict)
    offloads: dict = dataclasses.field(default_factory=dict)
    limits: list = dataclasses.field(default_factory=list)
    tested: dict = dataclasses.field(default_factory=dict)


def load(path):
    try:
        with open(path, "rb") as file:
            family = Family(name=pathlib.Path(path).stem, **tomllib.load(file))
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        raise FamilyError(f"{path}: {error}") from error
    if family.binding not in BINDINGS:
        raise FamilyError(f"{path}: binding: \"{family.binding}\" is none of {', '.join(BINDINGS)}")
    return family


def all_of_them(folder=FOLDER):
    """{name: Family}, in order of their names."""
    found = {path.stem: load(path) for path in sorted(pathlib.Path(folder).glob("*.toml"))}
    if not found:
        raise FamilyError(f"{folder}: holds no family of network cards; LINEMIX_NIC names another")
    return found


def of_nic(families, nic):
    """The family of a card by its PCI ids, or None."""
    return next((family for family in families.values() if nic.vendor_device in family.pci), None)
