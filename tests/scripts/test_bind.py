# SPDX-License-Identifier: BSD-3-Clause
"""Network cards are taken from the kernel and given back, on machines in a folder. The real
kernel's part is tests/long/guests."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import unittest.mock

import fake_machine
import tap
from fake_machine import TREE, FakeHands, FakeMachine

import binding
import families
import machine

CARD = "0000:65:00.0"
OTHER = "0000:65:00.1"
BIND = fake_machine.script("bind")
PMDS = pathlib.Path("/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0")


def quiet(_):
    pass


class Crash(Exception):
    """The process ends here."""


class WithMachine(unittest.TestCase):
    def setUp(self):
        self.here = tempfile.TemporaryDirectory()
        self.addCleanup(self.here.cleanup)
        self.fake = FakeMachine(self.here.name)
        self.seen = machine.Machine(self.here.name)
        binding.APPEARS_S = 0.2

    def card(self, group="12", driver="i40e", **more):
        self.fake.nic(CARD, "8086:1572", driver, "enp101s0" if driver else "", group=group,
                      offers=("vfio-pci",), **more)

    def state(self):
        """All that undo has to restore."""
        nic = self.seen.nic(CARD)
        settings = {name: (self.seen.read(f"/sys/class/net/{name}/mtu"),
                           self.seen.read(f"/sys/class/net/{name}/flags"),
                           self.seen.addresses(name)) for name in nic.interfaces}
        return (nic, settings, sorted(map(json.dumps, self.fake.routes)),
                self.seen.read(f"/{fake_machine.DEVICES}/{CARD}/driver_override"))

    def bind(self, *words, ok=True, environment=None):
        with unittest.mock.patch.dict(os.environ, {"SSH_CONNECTION": "", **(environment or {})}):
            status, said = fake_machine.call(BIND, "--root", self.here.name, *words)
        self.assertEqual(status == 0, ok, said)
        return said


class Taking(WithMachine):
    def apply(self, **how):
        nic = self.seen.nic(CARD)
        hands = FakeHands(self.seen, self.fake, **how)
        binding.apply(hands, nic, binding.bind_steps(nic, "vfio-pci"), True, quiet)
        return hands

    def furnish(self):
        self.card()
        self.fake.file("sys/class/net/enp101s0/mtu", "9000\n")
        self.fake.address("enp101s0", "192.0.2.7")
        self.fake.route("192.0.2.0/24", "enp101s0", protocol="kernel", scope="link")
        self.fake.routes = [route for route in self.fake.routes if route["dev"] != "enp101s0"]
        self.fake.route("198.51.100.0/24", "enp101s0", gateway="192.0.2.1", metric=100)

    def test_a_card_is_bound_and_given_back_as_it_was(self):
        self.furnish()
        before = self.state()
        self.apply()
        nic = self.seen.nic(CARD)
        self.assertEqual((nic.driver, nic.interfaces), ("vfio-pci", []))
        self.assertEqual(binding.records(self.seen), [CARD])
        binding.undo(FakeHands(self.seen, self.fake), binding.load(self.seen, CARD), quiet)
        self.same(before)
        self.assertEqual(binding.records(self.seen), [])

    def same(self, before):
        now = self.state()
        self.assertEqual(now[:2], before[:2])
        self.assertEqual([json.loads(text)["dst"] for text in now[2]],
                         [json.loads(text)["dst"] for text in before[2]])
        self.assertEqual(now[3], before[3])

    def test_whatever_step_fails_everything_is_as_it_was(self):
        self.furnish()
        before, step = self.state(), 0
        while True:
            try:
                hands = self.apply(fail_at=step)
                break
            except binding.BindError as error:
                self.assertIn("everything is as it was", str(error))
            self.same(before)
            self.assertEqual(binding.records(self.seen), [])
            step += 1
        self.assertNotIn("failed", hands.done)
        self.assertEqual(step, 5)  # modprobe, down, override, unbind, probe

    def test_whatever_step_is_the_last_of_a_process_undo_restores_all(self):
        self.furnish()
        before = self.state()
        for step in range(5):
            with self.subTest(step):
                with self.assertRaises(Crash):
                    self.apply(fail_at=step, failure=Crash)
                binding.undo(FakeHands(self.seen, self.fake), binding.load(self.seen, CARD), quiet)
                self.same(before)

    def test_whatever_step_of_undo_fails_the_next_undo_restores_all(self):
        self.furnish()
        before = self.state()
        for step in range(9):
            with self.subTest(step):
                self.apply()
                record = binding.load(self.seen, CARD)
                hands = FakeHands(self.seen, self.fake, fail_at=step, failure=Crash)
                try:
                    binding.undo(hands, record, quiet)
                except Crash:
                    self.assertEqual(binding.records(self.seen), [CARD])
                    binding.undo(FakeHands(self.seen, self.fake), binding.load(self.seen, CARD),
                                 quiet)
                self.same(before)

    def test_a_card_that_no_driver_takes_is_given_back(self):
        self.furnish()
        before = self.state()
        nic = self.seen.nic(CARD)
        steps = [step for step in binding.bind_steps(nic, "vfio-pci")
                 if "drivers_probe" not in step.shell()]
        with self.assertRaisesRegex(binding.BindError, "has no driver, and vfio-pci was expected"):
            binding.apply(FakeHands(self.seen, self.fake), nic, steps, True, quiet)
        self.same(before)

    def test_a_card_without_a_driver_has_none_again(self):
        self.card(driver="")
        before = self.state()
        self.apply()
        self.assertEqual(self.seen.nic(CARD).driver, "vfio-pci")
        binding.undo(FakeHands(self.seen, self.fake), binding.load(self.seen, CARD), quiet)
        self.same(before)

    def test_a_second_driver_does_not_make_undo_forget_the_first(self):
        self.furnish()
        before = self.state()
        self.apply()
        nic = self.seen.nic(CARD)
        binding.apply(FakeHands(self.seen, self.fake), nic,
                      binding.bind_steps(nic, "uio_pci_generic"), True, quiet)
        self.assertEqual(self.seen.nic(CARD).driver, "uio_pci_generic")
        binding.undo(FakeHands(self.seen, self.fake), binding.load(self.seen, CARD), quiet)
        self.same(before)

    def test_a_card_that_stays_gets_its_mtu_back(self):
        self.fake.nic(CARD, "15b3:1017", "mlx5_core", "enp1s0f0")
        self.fake.file("sys/class/net/enp1s0f0/mtu", "1400\n")
        before = self.state()
        nic = self.seen.nic(CARD)
        steps = binding.share_steps(nic, families.all_of_them()["mlx5"], 1500)
        binding.apply(FakeHands(self.seen, self.fake), nic, steps, False, quiet)
        self.assertEqual(self.seen.read("/sys/class/net/enp1s0f0/mtu"), "1500")
        self.assertEqual(self.seen.nic(CARD).driver, "mlx5_core")
        binding.undo(FakeHands(self.seen, self.fake), binding.load(self.seen, CARD), quiet)
        self.same(before)


class Saying(WithMachine):
    def test_without_apply_nothing_changes(self):
        self.card()
        before = self.state()
        text = self.bind("enp101s0")
        for words in ("modprobe -a vfio-pci vfio_iommu_type1", "ip link set enp101s0 down",
                      "i40e/unbind", "drivers_probe", "nothing was done"):
            self.assertIn(words, text)
        self.assertEqual(self.state(), before)
        self.assertEqual(binding.records(self.seen), [])

    def test_what_there_is(self):
        self.card()
        self.fake.nic(OTHER, "dead:beef", numa=-1)
        first, second = json.loads(self.bind("--json"))["nics"]
        self.assertEqual((first["family"], first["driver"], first["interfaces"]),
                         ("i40e", "i40e", ["enp101s0"]))
        self.assertEqual((second["family"], second["numa"]), (None, -1))
        self.assertIn("unknown", self.bind())
        self.assertIn("drivers-config/nic", self.bind(OTHER, ok=False))

    def test_the_default_route_is_not_cut(self):
        self.card()
        self.fake.route("default", "enp101s0", gateway="192.0.2.1")
        self.assertIn("has the default route", self.bind(CARD, ok=False))
        self.bind(CARD, "--even-if", "default-route")

    def test_nor_one_that_goes_over_a_vlan_on_a_bond(self):
        self.card()
        self.fake.folder("sys/class/net/enp101s0/upper_bond0")
        self.fake.link("sys/class/net/enp101s0/master", "../bond0")
        self.fake.folder("sys/class/net/bond0/upper_vlan7")
        self.fake.route("default", "vlan7", gateway="192.0.2.1")
        self.assertIn("has the default route", self.bind(CARD, ok=False))
        text = self.bind(CARD, "--even-if", "default-route", ok=False)
        self.assertIn("belongs to bond0", text)

    def test_nor_one_of_several_ways(self):
        self.card()
        self.fake.route("default", "", nexthops=[{"dev": "eth7", "gateway": "192.0.2.1"},
                                                 {"dev": "enp101s0", "gateway": "192.0.2.2"}])
        self.assertIn("has the default route", self.bind(CARD, ok=False))

    def test_virtual_functions_are_not_taken_away(self):
        self.card()
        self.fake.file(f"{fake_machine.DEVICES}/{CARD}/sriov_numvfs", "2\n")
        self.assertIn("2 virtual functions", self.bind(CARD, ok=False))
        self.bind(CARD, "--even-if", "functions")

    def test_a_card_that_a_relay_has_open_stays_there(self):
        self.card(driver="")
        nic = self.seen.nic(CARD)
        binding.apply(FakeHands(self.seen, self.fake), nic, binding.bind_steps(nic, "vfio-pci"),
                      True, quiet)
        self.fake.file("proc/77/comm", "linemix-relay\n")
        self.fake.link("proc/77/fd/9", "/dev/vfio/12")
        self.assertIn("process 77 (linemix-relay) has it open", self.bind(CARD, "--undo", ok=False))
        self.fake.link("proc/77/fd/9", "/dev/null")
        self.assertIn("driver_override", self.bind(CARD, "--undo"))

    def test_one_at_a_time(self):
        with binding.alone(self.seen):
            with self.assertRaisesRegex(binding.BindError, "another scripts/bind"):
                with binding.alone(self.seen):
                    pass

    def test_nor_an_address_in_use(self):
        self.card()
        self.fake.address("enp101s0", "192.0.2.7")
        self.assertIn("192.0.2.7", self.bind(CARD, ok=False))
        self.bind(CARD, "--even-if", "address")

    def test_nor_the_ssh_connection(self):
        self.card()
        self.fake.address("enp101s0", "192.0.2.7")
        self.fake.command("ip -json route get 203.0.113.9", [{"dst": "203.0.113.9",
                                                              "dev": "enp101s0"}])
        ssh = {"SSH_CONNECTION": "203.0.113.9 50000 192.0.2.7 22"}
        text = self.bind(CARD, "--even-if", "address", ok=False, environment=ssh)
        self.assertIn("SSH connection", text)
        self.bind(CARD, "--even-if", "address", "--even-if", "ssh", environment=ssh)

    def test_a_sudo_that_hides_ssh_hides_nothing(self):
        me = os.getpid()
        self.fake.file(f"proc/{me}/status", "Name:\tx\nPPid:\t77\n")
        self.fake.file("proc/77/status", "Name:\tsshd\nPPid:\t1\n")
        self.fake.file("proc/77/environ", "A=b\0SSH_CONNECTION=203.0.113.9 5 192.0.2.7 22\0C=d\0")
        self.assertEqual(binding.ssh_ends(self.seen)[-2:], ["203.0.113.9", "192.0.2.7"])

    def test_the_rest_of_an_iommu_group_is_named(self):
        self.card()
        self.fake.nic(OTHER, "8086:1572", "i40e", "enp101s1", group="12")
        self.assertIn(f"{OTHER} is in the same IOMMU group", self.bind(CARD, ok=False))
        self.bind(CARD, "--even-if", "group")

    def test_without_an_iommu(self):
        self.card(group="")
        self.assertIn("modprobe -a uio_pci_generic", self.bind(CARD))
        self.assertIn("has no IOMMU group", self.bind(CARD, "--driver", "vfio-pci", ok=False))
        self.assertIn("CONFIG_VFIO_NOIOMMU",
                      self.bind(CARD, "--driver", "vfio-pci", "--no-iommu", ok=False))
        self.fake.file(binding.NO_IOMMU.lstrip("/"), "N\n")
        self.assertIn("enable_unsafe_noiommu_mode",
                      self.bind(CARD, "--driver", "vfio-pci", "--no-iommu"))

    def test_a_cloud_card_without_an_iommu_is_pointed_elsewhere(self):
        self.fake.nic(CARD, "1d0f:ec20", "ena", "ens5")
        self.assertIn("af_xdp or af_packet", self.bind(CARD, ok=False))
        self.assertIn("ip link set ens5 mtu 1500 up", self.bind(CARD, "--family", "af_packet"))

    def test_a_card_that_stays_is_not_unbound(self):
        self.fake.nic(CARD, "15b3:1017", "mlx5_core", "enp1s0f0", group="3")
        text = self.bind(CARD)
        self.assertNotIn("unbind", text)
        self.assertIn("modprobe ib_uverbs", text)

    def test_the_program_itself_refuses_by_its_exit_status(self):
        done = subprocess.run([TREE / "scripts/bind", "--root", self.here.name, CARD],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no network card of that address", done.stderr)

    def test_nothing_to_undo_is_said(self):
        self.card()
        self.assertIn("nothing to undo", self.bind(CARD, "--undo", ok=False))

    def test_a_damaged_record_is_no_instruction(self):
        self.card()
        self.fake.file(f"run/linemix-bind/{CARD}.json", "{\"driver\": ")
        self.assertIn("remove it", self.bind(CARD, "--undo", ok=False))


class Families(unittest.TestCase):
    def test_every_file_says_all_that_an_operator_needs(self):
        known = families.all_of_them()
        self.assertEqual(set(known), {
            "mlx5", "ice", "i40e", "iavf", "ixgbe", "e1000e", "ena", "gve", "virtio", "vmxnet3",
            "af_xdp", "af_packet"})
        for family in known.values():
            with self.subTest(family.name):
                self.assertTrue(family.title and family.dpdk_driver)
                self.assertRegex(family.guide, r"^https://doc\.dpdk\.org/guides-22\.11/")
                self.assertTrue(family.queues["udp_rss"] and family.queues["descriptors"])
                self.assertTrue(family.mtu["text"] and family.mtu["set_by"])
                self.assertLessEqual({"checksums", "filter", "multicast"}, set(family.offloads))
                self.assertTrue(all(limit["what"] and limit["source"] for limit in family.limits))
                self.assertTrue(family.limits and family.tested["here"] and
                                family.tested["not_here"])
                self.assertEqual(bool(family.pci), family.binding != "kernel")

    def test_no_card_belongs_to_two(self):
        ids = [one for family in families.all_of_them().values() for one in family.pci]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertTrue(all(re.fullmatch("[0-9a-f]{4}:[0-9a-f]{4}", one) for one in ids))

    @unittest.skipUnless(PMDS.exists(), "without DPDK 22.11's drivers")
    def test_the_cards_are_those_that_dpdk_says_it_drives(self):
        said = {}
        for library in PMDS.glob("librte_net_*.so"):
            for text in re.findall(rb"PMD_INFO_STRING= (\{[^\0]*\})\0", library.read_bytes()):
                about = json.loads(text)
                for ids in about.get("pci_ids", []):
                    said.setdefault(f"{ids[0]:04x}:{ids[1]:04x}", set()).add(about["name"])
        names = {"mlx5_pci": {"mlx5_eth"}, "net_ixgbe": {"net_ixgbe", "net_ixgbe_vf"}}
        for family in families.all_of_them().values():
            drivers = names.get(family.dpdk_driver, {family.dpdk_driver})
            with self.subTest(family.name):
                self.assertEqual(set(family.pci),
                                 {one for one, by in said.items()
                                  if by & drivers and one in family.pci or
                                  (by & drivers and one not in self.elsewhere(family))})

    @staticmethod
    def elsewhere(family):
        """Cards that other families' files have."""
        return {one for other in families.all_of_them().values() if other.name != family.name
                for one in other.pci}


if __name__ == "__main__":
    tap.main()
