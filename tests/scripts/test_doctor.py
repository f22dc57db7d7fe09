# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/doctor says of machines in a folder: a bare cloud VM, a server with a ConnectX, one
without an IOMMU, one with swap, one that is ready."""
import json
import pathlib
import stat
import subprocess
import tempfile
import unittest
import unittest.mock

import fake_machine
import tap
from fake_machine import FakeMachine

import machine

DOCTOR = fake_machine.script("doctor")
FLAGS = "fpu sse4_2 aes pclmulqdq"
AVX2 = FLAGS + " avx avx2 bmi2"
IFMA = AVX2 + " avx512f avx512dq avx512cd avx512bw avx512vl avx512ifma avx512_vbmi"
CARD = "0000:65:00.0"
PMDS = "usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0"

# What the relay's arithmetic says, by the rate that it is asked for; every packet a second takes
# 0.08 MiB of replay sets, as with epochs of 1200 s.
RELAY = """\
#!/bin/sh
while read -r key value; do
	case $key in
	max_packets_per_second:) rate=$value ;;
	device:) device=$value ;;
	esac
done <"$2"
case $device in *bad*) echo "linemix-relay: port.device: no" >&2; exit 1 ;; esac
if [ -e "${0%/*}/small" ] && [ $rate -gt 9000 ]; then
	echo "linemix-relay: no memory for sets; lower limits.replay" >&2
	exit 1
fi
echo "memory: 1000 buffers of 2304 bytes: 100.0 MiB"
echo "replay: $rate packets/s; 4 sets while epochs change: $((rate * 8 / 100)).0 MiB in memory"
"""
GEN = """\
#!/bin/sh
echo "authorities: []" >"$3/authorities.yaml"
"""


class Machines(unittest.TestCase):
    def setUp(self):
        self.here = tempfile.TemporaryDirectory()
        self.addCleanup(self.here.cleanup)
        self.path = pathlib.Path(self.here.name)
        self.fake = FakeMachine(self.path)
        self.base()

    def base(self):
        """A machine that lacks nothing but a card."""
        files = {
            "proc/cpuinfo": f"vendor_id\t: GenuineIntel\nflags\t\t: {AVX2}\n",
            "proc/sys/kernel/osrelease": "6.1.0-56-amd64\n",
            "proc/stat": "cpu  100 0 100 9800 0 0 0 0 0 0\n",
            "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n",
            "proc/meminfo": "MemTotal:       67108864 kB\nMemAvailable:   60000000 kB\n",
            "proc/mounts": "tmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0\n",
            "proc/self/limits":
                "Max locked memory         unlimited            unlimited   bytes\n",
            "proc/cmdline": "quiet nohz_full=2-7 rcu_nocbs=2-7 isolcpus=2-7\n",
            "proc/sys/net/ipv4/neigh/default/gc_thresh3": "16384\n",
            "proc/sys/net/ipv6/neigh/default/gc_thresh3": "16384\n",
            "run/systemd/timesync/synchronized": "",
            "dev/net/tun": "",
            "lib/modules/6.1.0-56-amd64/modules.dep":
                "kernel/drivers/vfio/pci/vfio-pci.ko:\nkernel/drivers/vfio/vfio_iommu_type1.ko:\n"
                "kernel/mlx5_core.ko:\nkernel/mlx5_ib.ko:\nkernel/ib_uverbs.ko:\n",
            "sys/devices/system/cpu/online": "0-7\n",
            "sys/devices/system/cpu/isolated": "2-7\n",
            "sys/devices/system/cpu/smt/active": "0\n",
            "sys/devices/system/node/node0/cpulist": "0-7\n",
            "sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages": "512\n",
        }
        for name in ("net_i40e", "net_mlx5", "net_ena", "net_af_xdp", "net_virtio", "mempool_ring"):
            files[f"{PMDS}/librte_{name}.so.23"] = ""
        for path, text in files.items():
            self.fake.file(path, text)
        for name, text in (("linemix-relay", RELAY), ("linemix-gen", GEN)):
            program = self.path / name
            program.write_text(text)
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
            self.fake.file(f"programs/{name}", str(program))

    def server(self, driver="vfio-pci", group="7"):
        self.fake.nic(CARD, "8086:1572", driver, "" if driver.startswith("vfio") else "enp101s0",
                      group=group)

    def doctor(self, *words, status=None):
        got, said = fake_machine.call(DOCTOR, "--root", self.here.name, "--json", *words)
        report = json.loads(said)
        self.assertEqual(got == 0, report["ready"])
        if status is not None:
            self.assertEqual(got, status, said)
        report["by"] = {}
        for finding in report["findings"]:
            report["by"].setdefault(finding["name"], []).append(finding)
        return report

    def state(self, report, name):
        return [finding["state"] for finding in report["by"][name]]

    def missing(self, report):
        return [finding["name"] for finding in report["findings"] if finding["state"] == "missing"]

    def fix(self, report, name):
        return "\n".join(line for finding in report["by"][name] for line in finding["fix"])


class Ready(Machines):
    def test_a_machine_that_lacks_nothing(self):
        self.server()
        report = self.doctor(status=0)
        self.assertEqual({finding["state"] for finding in report["findings"]}, {"ok"})
        self.assertEqual((report["nic"], report["family"]), (CARD, "i40e"))

    def test_it_ends_with_the_configuration(self):
        self.server()
        config = self.doctor()["config"]
        for line in ('  device: "0000:65:00.0"', "  rx_descriptors: 4096",
                     "  workers: [2, 3, 4, 5, 6]", "  mixer: 7", "  control: 0",
                     "  huge_pages: true",
                     "#   memory: 1000 buffers of 2304 bytes: 100.0 MiB"):
            self.assertIn(line, config.splitlines())

    def test_the_rate_is_what_cpus_peel(self):
        self.server()
        report = self.doctor("--workers", "2")
        self.assertEqual(report["rate"], 2 * 52200 // 1000 * 1000)

    def test_the_rate_is_what_memory_allows(self):
        self.server()
        self.fake.file("proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n")
        report = self.doctor()
        self.assertLess(report["rate"] * 0.08 + 100, 4096 * 0.6)
        self.assertGreater(report["rate"] * 0.08 + 100, 4096 * 0.6 * 0.85)

    def test_a_card_with_one_queue_has_one_worker(self):
        self.fake.nic(CARD, "1af4:1041", "vfio-pci", group="1")
        report = self.doctor(status=0)
        self.assertIn("  workers: [2]", report["config"])
        self.assertEqual(report["rate"], 52000)

    def test_a_rate_that_the_relay_refuses_is_lowered(self):
        self.server()
        self.fake.file("small", "")
        report = self.doctor()
        self.assertEqual(report["rate"], 8000)  # 261000, halved
        self.assertNotIn("not calculated", report["config"])
        self.assertIn("no memory for sets", self.doctor("--rate", "10000")["config"])

    def test_a_rate_that_is_asked_for_stays(self):
        self.server()
        report = self.doctor("--rate", "1000000", status=1)
        self.assertEqual(report["rate"], 1000000)
        self.assertEqual(self.missing(report), ["runtime"])  # 80 GB of replay sets

    def test_it_changes_nothing(self):
        self.server()
        before = self.files()
        self.doctor()
        self.doctor("--nic", CARD)
        self.assertEqual(self.files(), before)

    def files(self):
        return {str(path): (path.read_bytes() if path.is_file() else None, path.lstat().st_mtime_ns)
                for path in self.path.rglob("*")}


class Bare(Machines):
    """A cloud machine as it comes."""

    def setUp(self):
        super().setUp()
        for path in ("sys/devices/system/cpu/isolated", "run/systemd/timesync/synchronized",
                     "programs/linemix-relay", "programs/linemix-gen"):
            (self.path / path).unlink()
        self.fake.file("proc/cpuinfo", f"flags\t\t: {IFMA} hypervisor\n")
        self.fake.file("proc/stat", "cpu  100 0 100 9000 0 0 0 500 0 0\n")
        self.fake.file("proc/cmdline", "quiet\n")
        self.fake.command("timedatectl show -p NTPSynchronized --value", "no\n")
        self.fake.nic("0000:00:05.0", "1d0f:ec20", "ena", "ens5", numa=-1)
        self.fake.address("ens5", "172.31.0.9")
        self.fake.route("default", "ens5", gateway="172.31.0.1")

    def test_all_that_is_missing_in_the_order_to_do_it(self):
        report = self.doctor(status=1)
        self.assertEqual(self.missing(report), ["programs", "nic", "clock"])
        self.assertIn("scripts/setup && meson setup build", self.fix(report, "programs"))
        self.assertIn("systemd-timesyncd", self.fix(report, "clock"))
        self.assertIn("default route", report["by"]["nic"][0]["text"])

    def test_a_hypervisor_that_takes_time_is_named(self):
        report = self.doctor()
        self.assertEqual(self.state(report, "hypervisor"), ["advice"])
        self.assertIn("5.2 %", report["by"]["steal"][0]["text"])

    def test_a_second_card_without_an_iommu_is_shared_with_the_kernel(self):
        self.fake.nic("0000:00:06.0", "1d0f:ec20", "ena", "ens6", numa=-1)
        report = self.doctor()
        self.assertEqual((report["nic"], report["family"]), ("0000:00:06.0", "af_xdp"))
        self.assertIn('device: "net_af_xdp0,iface=ens6,busy_budget=0"', report["config"])
        self.assertNotIn("iommu", self.missing(report))
        self.assertEqual(self.state(report, "huge-pages"), ["ok"])

    def test_without_programs_the_configuration_stands_without_arithmetic(self):
        report = self.doctor()
        self.assertIn("# not calculated", report["config"])
        self.assertIn("max_packets_per_second: 133000", report["config"])  # one worker


class Lacking(Machines):
    def test_a_connectx_stays_with_its_driver_and_needs_its_modules(self):
        self.fake.nic(CARD, "15b3:1017", "mlx5_core", "enp101s0f0", numa=1)
        self.fake.file("sys/devices/system/node/node1/cpulist", "8-11\n")
        self.fake.file("sys/devices/system/cpu/online", "0-11\n")
        self.fake.file("sys/devices/system/node/node1/hugepages/hugepages-1048576kB/free_hugepages",
                       "4\n")
        report = self.doctor(status=0)
        self.assertEqual(report["family"], "mlx5")
        self.assertIn("sandbox: false", report["config"])
        self.assertIn("workers: [8, 9, 10]", report["config"])  # beside the card
        self.assertIn("mixer: 11", report["config"])
        self.assertIn("NUMA node 1", report["by"]["huge-pages"][0]["text"])
        self.assertEqual(self.state(report, "isolation"), ["advice"])
        self.fake.file("lib/modules/6.1.0-56-amd64/modules.dep", "kernel/mlx5_core.ko:\n")
        self.assertEqual(self.missing(self.doctor()), ["modules", "modules"])

    def test_huge_pages_on_the_wrong_node_are_none(self):
        self.fake.nic(CARD, "15b3:1017", "mlx5_core", "enp101s0f0", numa=1)
        self.fake.file("sys/devices/system/node/node1/cpulist", "8-11\n")
        self.fake.file("sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages",
                       "3\n")
        report = self.doctor(status=1)
        self.assertIn("6 MiB of huge pages are free on NUMA node 1",
                      report["by"]["huge-pages"][0]["text"])
        self.assertIn("node1/hugepages/hugepages-2048kB/nr_hugepages",
                      self.fix(report, "huge-pages"))

    def test_a_relay_that_runs_has_its_huge_pages(self):
        self.server()
        self.fake.file("sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages",
                       "3\n")
        self.assertEqual(self.missing(self.doctor()), ["huge-pages"])
        self.fake.link("proc/99/fd/7", "/dev/vfio/7")
        self.doctor(status=0)

    def test_without_an_iommu_a_plain_card_takes_uio(self):
        self.server("i40e", group="")
        report = self.doctor(status=1)
        self.assertEqual(self.state(report, "iommu"), ["advice"])
        self.assertIn("intel_iommu=on", self.fix(report, "iommu"))
        self.assertEqual(self.missing(report), ["driver"])
        self.assertIn("DPDK needs uio_pci_generic", report["by"]["driver"][0]["text"])

    def test_drivers_of_dpdk_are_to_be_installed(self):
        self.server()
        for driver, package in (("mempool_ring", "librte-meta-mempool"),
                                ("net_i40e", "librte-net-i40e23 librte-meta-mempool")):
            (self.path / PMDS / f"librte_{driver}.so.23").unlink()
            report = self.doctor("--nic", CARD, status=1)
            self.assertEqual(self.missing(report), ["dpdk"])
            self.assertEqual(self.fix(report, "dpdk"), f"apt-get install {package}")

    def test_a_card_of_the_kernel_is_to_be_bound(self):
        self.server("i40e")
        report = self.doctor(status=1)
        self.assertEqual(self.missing(report), ["driver"])
        self.assertEqual(self.fix(report, "driver"), f"scripts/bind {CARD} --apply")

    def test_swap_would_write_keys_to_a_disk(self):
        self.server()
        self.fake.file("proc/swaps",
                       "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n")
        report = self.doctor(status=1)
        self.assertEqual(self.missing(report), ["swap"])
        self.assertIn("swapoff -a", self.fix(report, "swap"))

    def test_a_shared_memory_that_is_too_small(self):
        self.server()
        self.fake.file("proc/mounts", "tmpfs /dev/shm tmpfs rw,size=1048576k 0 0\n")
        report = self.doctor("--rate", "100000", status=1)
        self.assertIn("room for 1024 MiB, and the replay sets take 8001",
                      report["by"]["runtime"][0]["text"])
        self.fake.file("proc/mounts", "/dev/sda1 / ext4 rw 0 0\n")
        self.assertIn("no tmpfs", self.doctor()["by"]["runtime"][0]["text"])

    def test_a_processor_that_is_too_old(self):
        self.server()
        for flags, state, word in ((FLAGS, "advice", "scalar"),
                                   (FLAGS + " avx bmi2", "advice", "scalar"),
                                   ("fpu sse4_2", "missing", "aes"),
                                   (IFMA, "ok", "avx512ifma")):
            self.fake.file("proc/cpuinfo", f"flags\t\t: {flags}\n")
            finding = self.doctor()["by"]["cpu"][0]
            self.assertEqual(finding["state"], state)
            self.assertIn(word, finding["text"])

    def test_threads_of_one_core_are_not_two_cores(self):
        self.server()
        self.fake.file("sys/devices/system/cpu/smt/active", "1\n")
        for cpu in range(8):
            self.fake.file(f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list",
                           f"{cpu % 4},{cpu % 4 + 4}\n")
        config = self.doctor()["config"]
        self.assertIn("workers: [2, 3, 4]", config)  # 6 and 7 are 2 and 3 again; 4 and 5: 0 and 1
        self.assertIn("mixer: 5", config)

    def test_the_command_for_isolated_cpus_writes_all_three_words(self):
        self.server()
        self.fake.file("sys/devices/system/cpu/isolated", "\n")
        command = self.fix(self.doctor(), "isolation").splitlines()[0]
        words, _, place = command.partition(" >")
        self.assertEqual(place, "/etc/default/grub.d/linemix.cfg")
        text = subprocess.run(["sh", "-c", f"{words}; true"], cwd=fake_machine.TREE, check=True,
                              capture_output=True, text=True).stdout
        self.assertIn("isolcpus=managed_irq,domain,1-7 nohz_full=1-7 rcu_nocbs=1-7\"\n", text)
        self.assertNotIn("CPUS\"", text)

    def test_interrupts_on_isolated_cpus(self):
        self.server()
        self.fake.file("proc/irq/40/smp_affinity_list", "0-1\n")
        self.assertEqual(self.state(self.doctor(), "interrupts"), ["ok"])
        self.fake.file("proc/irq/41/smp_affinity_list", "0-7\n")
        report = self.doctor(status=0)
        self.assertEqual(self.state(report, "interrupts"), ["advice"])
        self.assertIn("echo 0-1", self.fix(report, "interrupts"))

    def test_a_clock_that_changes_and_a_small_neighbour_table(self):
        self.server()
        self.fake.file("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "powersave\n")
        self.fake.file("proc/sys/net/ipv6/neigh/default/gc_thresh3", "1024\n")
        report = self.doctor(status=0)
        self.assertEqual(self.state(report, "governor"), ["advice"])
        self.assertIn("1024 next hops", report["by"]["neighbours"][0]["text"])

    def test_sessions_that_are_groups_of_the_scheduler(self):
        self.server()
        self.fake.file("proc/sys/kernel/sched_autogroup_enabled", "1\n")
        report = self.doctor(status=0)
        self.assertEqual(self.state(report, "groups"), ["advice"])
        self.assertIn("90-linemix.conf", self.fix(report, "groups"))
        self.fake.file("proc/sys/kernel/sched_autogroup_enabled", "0\n")
        self.assertEqual(self.state(self.doctor(status=0), "groups"), ["ok"])

    def test_no_card_at_all(self):
        report = self.doctor(status=1)
        self.assertEqual((self.missing(report), report["config"]), (["nic"], ""))

    def test_a_card_that_is_not_there(self):
        self.server()
        self.assertIn("0000:01:00.0", self.doctor("--nic", "0000:01:00.0")["by"]["nic"][0]["text"])

    def test_a_refused_configuration_is_said_as_it_is(self):
        self.server()
        config = self.path / "mine.yaml"
        config.write_text('device: "bad"\n')
        report = self.doctor("--config", str(config), status=1)
        self.assertEqual(report["by"]["config"][0]["text"], "linemix-relay: port.device: no")

    def test_what_it_may_not_read_it_says(self):
        self.server()
        read = pathlib.Path.read_text

        def refuse(path, *words, **more):
            if str(path).endswith("proc/swaps"):
                raise PermissionError(path)
            return read(path, *words, **more)

        with unittest.mock.patch.object(pathlib.Path, "read_text", refuse):
            report = self.doctor()
        self.assertIn("/proc/swaps", report["by"]["rights"][0]["text"])
        self.assertEqual(self.state(report, "swap"), ["unseen"])


class Text(Machines):
    def test_steps_come_in_order_with_their_commands(self):
        self.server("i40e")
        self.fake.file("proc/swaps",
                       "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n")
        self.fake.file("proc/sys/net/ipv4/neigh/default/gc_thresh3", "1024\n")
        status, said = fake_machine.call(DOCTOR, "--root", self.here.name)
        self.assertEqual(status, 1)
        steps = [line for line in said.splitlines() if line[:1].isdigit() and ". " in line[:4]]
        self.assertEqual([line.split()[1] for line in steps], ["driver", "swap", "neighbours"])
        self.assertIn("    swapoff -a", said)
        self.assertLess(said.index("network cards:"), said.index("max_packets_per_second"))


class Lists(unittest.TestCase):
    def test_lists_of_cpus(self):
        self.assertEqual(machine.cpu_list("0-3,8"), {0, 1, 2, 3, 8})
        self.assertEqual(machine.cpu_list("(null)"), set())
        self.assertEqual(machine.cpu_list(None), set())
        self.assertEqual(machine.cpu_text({0, 1, 2, 3, 8}), "0-3,8")


if __name__ == "__main__":
    tap.main()
